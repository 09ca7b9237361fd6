#include "store/vector_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>

#include "memory/text.h"

namespace memgpt {

namespace {

constexpr char kMagic[8] = {'M', 'G', 'P', 'T', 'V', 'E', 'C', '2'};
constexpr std::uint32_t kByteOrder = 0x01020304;
constexpr std::size_t kAligned = 64;
constexpr std::size_t kNameLength = 32;

// As it lies in the file, on machines of one byte order.
struct Header {
  char magic[8] = {};
  std::uint32_t byte_order = 0;
  std::uint32_t lists = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t dimension = 0;
  std::uint64_t blocks = 0;
  std::uint64_t listed_rows = 0;
  std::uint64_t looks = 0;
  std::int64_t last_id = 0;
  std::int64_t purge = 0;
  std::int64_t epoch = 0;
  char last_uid[64] = {};
  unsigned char key[32] = {};
  unsigned char digest[32] = {};  // of the file with zeros here
};

std::string text_of(const VectorsKey& key) {
  return key.archive + '\n' + std::to_string(key.branch) + '\n' + std::to_string(key.dimension) +
         '\n' + key.embedder;
}

class File {
 public:
  File(const std::string& path, int flags) : file_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() {
    if (file_ >= 0) ::close(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int get() const { return file_; }
  [[nodiscard]] bool write(const void* bytes, std::size_t count) const {
    const auto* at = static_cast<const char*>(bytes);
    while (count > 0) {
      const auto written = ::write(file_, at, count);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      at += written;
      count -= static_cast<std::size_t>(written);
    }
    return true;
  }

 private:
  int file_;
};

// A file's bytes, in memory.
class Bytes {
 public:
  static std::shared_ptr<const Bytes> of(const std::string& path) {
    // Without waiting for somebody to write, should it be a pipe.
    const File file(path, O_RDONLY | O_NONBLOCK);
    struct stat status{};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
      return nullptr;
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size < sizeof(Header)) return nullptr;
    auto bytes = std::make_shared<Bytes>(size);
    std::size_t at = 0;
    while (at < size) {
      const auto got = ::read(file.get(), bytes->begin_.get() + at, size - at);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return nullptr;
      at += static_cast<std::size_t>(got);
    }
    return bytes;
  }
  explicit Bytes(std::size_t size)
      : begin_(static_cast<char*>(::operator new(size, std::align_val_t{kAligned}))), size_(size) {}
  [[nodiscard]] const char* bytes() const { return begin_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(char* bytes) const { ::operator delete(bytes, std::align_val_t{kAligned}); }
  };
  std::unique_ptr<char, Free> begin_;
  std::size_t size_;
};

struct Section {
  std::size_t begin = 0;
  std::size_t bytes = 0;
};

struct Layout {
  Section rows, high, low, centre_scales, centres, begins, listed, listed_rows, listed_high;
  std::size_t end = 0;
};

std::size_t aligned(std::size_t at) { return (at + kAligned - 1) / kAligned * kAligned; }

Layout layout_of(const Header& header) {
  const auto rows = header.blocks * VectorCodes::kBlockRows;
  Layout layout;
  std::size_t at = aligned(sizeof(Header));
  const auto next = [&](std::size_t bytes) {
    const Section section{at, bytes};
    at = aligned(at + bytes);
    return section;
  };
  layout.rows = next(rows * sizeof(VectorCodes::Row));
  layout.high = next(rows * header.dimension);
  layout.low = next(rows * header.dimension);
  layout.centre_scales = next(header.lists * sizeof(float));
  layout.centres = next(header.lists * header.dimension);
  layout.begins = next((std::size_t{header.lists} + 1) * sizeof(std::uint32_t));
  layout.listed = next(header.listed_rows * sizeof(std::uint32_t));
  layout.listed_rows = next(header.listed_rows * sizeof(VectorCodes::Row));
  layout.listed_high = next(header.listed_rows * header.dimension);
  layout.end = at;
  return layout;
}

// So large that nothing of the layout leaves what a size_t holds.
bool plausible(const Header& header, const VectorsKey& key, std::size_t size) {
  return header.dimension == key.dimension && header.dimension > 0 && header.blocks > 0 &&
         header.file_bytes == size && header.blocks <= size && header.dimension <= size &&
         header.blocks * VectorCodes::kBlockRows <= size / header.dimension + 1 &&
         header.listed_rows <= size / header.dimension && header.lists <= size / header.dimension &&
         layout_of(header).end == size;
}

Digest digest_of(Header header, const Digest& body) {
  std::fill(std::begin(header.digest), std::end(header.digest), static_cast<unsigned char>(0));
  std::string both(reinterpret_cast<const char*>(&header), sizeof header);
  both.append(reinterpret_cast<const char*>(body.data()), body.size());
  return sha256(both);
}

template <typename T>
std::span<const T> section(const Bytes& file, const Section& where) {
  return {reinterpret_cast<const T*>(file.bytes() + where.begin), where.bytes / sizeof(T)};
}

// Makes the folder's entries as durable as the files.
void sync_folder(const std::string& folder) {
  const File file(folder, O_RDONLY | O_DIRECTORY);
  if (file.get() >= 0) ::fsync(file.get());
}

}  // namespace

std::string VectorFiles::path(const VectorsKey& key) const {
  return folder_ + '/' + to_hex(sha256(text_of(key))).substr(0, kNameLength);
}

std::optional<VectorSnapshot> VectorFiles::read(const VectorsKey& key) const {
  if (folder_.empty()) return std::nullopt;
  const auto file = Bytes::of(path(key));
  if (!file) return std::nullopt;
  Header header;
  std::memcpy(&header, file->bytes(), sizeof header);
  const auto wanted = sha256(text_of(key));
  if (header.purge < key.purge) {
    // It may hold what was destroyed.
    std::error_code error;
    std::filesystem::remove(path(key), error);
    return std::nullopt;
  }
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.byte_order != kByteOrder ||
      header.purge != key.purge || header.epoch != key.epoch ||
      std::memcmp(header.key, wanted.data(), wanted.size()) != 0 ||
      !plausible(header, key, file->size()))
    return std::nullopt;
  const auto digest =
      digest_of(header, sha256({file->bytes() + sizeof header, file->size() - sizeof header}));
  if (std::memcmp(header.digest, digest.data(), digest.size()) != 0) return std::nullopt;

  const auto layout = layout_of(header);
  VectorSnapshot snapshot{
      VectorCodes(key.dimension), nullptr, header.last_id,
      std::string(header.last_uid, ::strnlen(header.last_uid, sizeof header.last_uid))};
  const auto rows = section<VectorCodes::Row>(*file, layout.rows);
  const auto high = section<std::int8_t>(*file, layout.high);
  const auto low = section<std::int8_t>(*file, layout.low);
  std::vector<VectorCodes::Block> blocks;
  for (std::size_t row = 0; row < rows.size(); row += VectorCodes::kBlockRows)
    blocks.push_back({rows.data() + row, high.data() + row * key.dimension,
                      low.data() + row * key.dimension, file});
  snapshot.codes.replace(blocks);
  const auto copy = [&]<typename T>(const Section& where, std::vector<T>& into) {
    const auto from = section<T>(*file, where);
    into.assign(from.begin(), from.end());
  };
  VectorLists::Centres centres;
  std::vector<std::uint32_t> begins;
  std::vector<std::uint32_t> listed;
  copy(layout.centre_scales, centres.scales);
  copy(layout.centres, centres.codes);
  copy(layout.begins, begins);
  copy(layout.listed, listed);
  snapshot.lists = VectorLists::read(std::move(centres), std::move(begins), std::move(listed),
                                     {section<VectorCodes::Row>(*file, layout.listed_rows).data(),
                                      section<std::int8_t>(*file, layout.listed_high).data(), file},
                                     key.dimension, rows.size(), header.looks);
  if (!snapshot.lists) return std::nullopt;
  return snapshot;
}

bool VectorFiles::write(const VectorsKey& key, const VectorSnapshot& snapshot) const {
  if (folder_.empty() || !snapshot.lists || snapshot.codes.blocks().empty() ||
      snapshot.last_uid.size() >= sizeof(Header::last_uid))
    return false;
  std::error_code error;
  std::filesystem::create_directory(folder_, error);
  if (error) return false;
  const auto& lists = *snapshot.lists;
  Header header;
  std::copy(std::begin(kMagic), std::end(kMagic), header.magic);
  header.byte_order = kByteOrder;
  header.lists = static_cast<std::uint32_t>(lists.centres().scales.size());
  header.dimension = key.dimension;
  header.blocks = snapshot.codes.blocks().size();
  header.listed_rows = lists.rows().size();
  header.looks = lists.looks();
  header.last_id = snapshot.last_id;
  header.purge = key.purge;
  header.epoch = key.epoch;
  std::copy(snapshot.last_uid.begin(), snapshot.last_uid.end(), header.last_uid);
  const auto name = sha256(text_of(key));
  std::copy(name.begin(), name.end(), header.key);
  const auto layout = layout_of(header);
  header.file_bytes = layout.end;

  const auto target = path(key);
  const auto draft = target + ".tmp";
  bool written = [&] {
    const File file(draft, O_RDWR | O_CREAT | O_TRUNC);
    if (file.get() < 0) return false;
    std::size_t at = 0;
    Sha256 body;
    const auto put = [&](const void* bytes, std::size_t count) {
      if (at >= sizeof header) body.add({static_cast<const char*>(bytes), count});
      at += count;
      return file.write(bytes, count);
    };
    const auto pad_to = [&](std::size_t begin) {
      const char zeros[kAligned] = {};
      return put(zeros, begin - at);
    };
    const std::size_t block = VectorCodes::kBlockRows;
    bool fine = put(&header, sizeof header) && pad_to(layout.rows.begin);
    for (const auto& part : snapshot.codes.blocks())
      fine = fine && put(part.rows, block * sizeof(VectorCodes::Row));
    fine = fine && pad_to(layout.high.begin);
    for (const auto& part : snapshot.codes.blocks())
      fine = fine && put(part.high, block * key.dimension);
    fine = fine && pad_to(layout.low.begin);
    for (const auto& part : snapshot.codes.blocks())
      fine = fine && put(part.low, block * key.dimension);
    const auto section = [&](const Section& where, const void* bytes) {
      return pad_to(where.begin) && put(bytes, where.bytes);
    };
    fine = fine && section(layout.centre_scales, lists.centres().scales.data()) &&
           section(layout.centres, lists.centres().codes.data()) &&
           section(layout.begins, lists.begins().data()) &&
           section(layout.listed, lists.rows().data()) &&
           section(layout.listed_rows, lists.listed().rows) &&
           section(layout.listed_high, lists.listed().high) && pad_to(layout.end);
    if (!fine) return false;
    const auto digest = digest_of(header, body.digest());
    std::copy(digest.begin(), digest.end(), header.digest);
    return ::pwrite(file.get(), &header, sizeof header, 0) == static_cast<ssize_t>(sizeof header) &&
           ::fsync(file.get()) == 0;
  }();
  if (written) {
    std::filesystem::rename(draft, target, error);
    written = !error;
  }
  if (!written) std::filesystem::remove(draft, error);
  sync_folder(folder_);
  return written;
}

std::shared_ptr<const void> VectorFiles::try_lock(const VectorsKey& key) const {
  if (folder_.empty()) return std::make_shared<int>(0);
  std::error_code error;
  std::filesystem::create_directory(folder_, error);
  auto file = std::make_shared<File>(path(key) + ".lock", O_RDWR | O_CREAT);
  // Where there can be no lock, nothing can be written either.
  if (file->get() >= 0 && ::flock(file->get(), LOCK_EX | LOCK_NB) != 0) return nullptr;
  return file;
}

void VectorFiles::remove(const VectorsKey& key) const {
  if (folder_.empty()) return;
  std::error_code error;
  for (const char* suffix : {"", ".lock"}) std::filesystem::remove(path(key) + suffix, error);
}

void VectorFiles::remove() const {
  if (folder_.empty()) return;
  std::error_code error;
  // A folder of this name may have been somebody else's.
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const auto name = entry.path().filename().string();
    const auto stem = name.substr(0, name.find('.'));
    if (stem.size() == kNameLength && stem.find_first_not_of("0123456789abcdef") == stem.npos)
      std::filesystem::remove(entry.path(), error);
  }
  std::filesystem::remove(folder_, error);
}

}  // namespace memgpt
