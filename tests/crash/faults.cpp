// A disk that fails, for the tests of crashes; never a part of the product. Preloaded into a child
// process, it stands between the program and libc for the files of one directory. It can
//   record   every write, sync, truncation, creation and removal, in order, so that disk.py can
//   make
//            the files as a disk would hold them had the power gone at any of these;
//   kill     the process at the nth of them: before it, after it, or with half of it done;
//   fail     the nth call of a kind with an errno, or every call from then on;
//   fill up  after a number of bytes;
//   be slow  at every sync; and set the clock of the wall.
// It works below SQLite, on its own unix VFS: the library under test is the one that is shipped,
// however SQLite is linked to it.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace {

// Kinds of calls, as crash/shim.py knows them, too.
enum Kind : unsigned {
  kOpen = 1,
  kWrite = 2,
  kSync = 4,
  kTruncate = 8,
  kUnlink = 16,
  kMap = 32,
  kRead = 64
};
constexpr unsigned kChanges = kOpen | kWrite | kSync | kTruncate | kUnlink;

enum class When : int { before, half, after };

struct File {
  std::uint32_t id = 0;  // of the file, not of the name: a name may be used again
  std::string path;
};

struct Fault {
  unsigned kinds = 0;
  std::string suffix;  // of the file's name
  std::int64_t after = 0;
  std::int64_t times = 0;
  int error = 0;
};

struct Kill {
  unsigned kinds = 0;
  std::string suffix;
  std::int64_t at = 0;  // the nth of these calls, from 1; 0 = never
  When when = When::before;
};

// What is to become of a call.
struct Verdict {
  int error = 0;
  std::optional<When> kill;
};

template <typename Function>
Function real(Function, const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}
#define REAL(name)                              \
  ([] {                                         \
    static const auto f = real(&::name, #name); \
    return f;                                   \
  }())

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

class Shim {
 public:
  // Never destroyed: files are closed after everything else.
  static Shim& get() {
    static auto* shim = new Shim;  // NOLINT(cppcoreguidelines-owning-memory)
    return *shim;
  }

  [[nodiscard]] bool watches(std::string_view path) const {
    return !folder_.empty() && path.substr(0, folder_.size()) == folder_ &&
           (path.size() == folder_.size() || path[folder_.size()] == '/');
  }

  std::optional<File> find(int fd) {
    const std::scoped_lock lock(mutex_);
    const auto found = files_.find(fd);
    return found == files_.end() ? std::nullopt : std::optional(found->second);
  }

  void opened(int fd, const std::string& path, bool created) {
    struct stat info = {};
    if (::fstat(fd, &info) != 0) return;
    const std::scoped_lock lock(mutex_);
    auto& id = ids_[info.st_ino];
    if (id == 0 || created) id = ++last_id_;
    files_[fd] = {id, path};
    if (S_ISREG(info.st_mode)) record('o', id, created ? 1 : 0, path, {});
  }

  void closed(int fd) {
    const std::scoped_lock lock(mutex_);
    files_.erase(fd);
  }

  Verdict decide(unsigned kind, std::string_view path) {
    const std::scoped_lock lock(mutex_);
    if ((kind & kChanges) != 0) ++calls_;
    if (kind == kSync) ++syncs_;
    Verdict verdict;
    if (kill_.at > 0 && matches(kill_.kinds, kill_.suffix, kind, path)) {
      if (kill_.at == 1) verdict.kill = kill_.when;
      --kill_.at;
    }
    if (fault_.times == 0 || !matches(fault_.kinds, fault_.suffix, kind, path)) return verdict;
    if (fault_.after > 0) {
      --fault_.after;
    } else {
      if (fault_.times > 0) --fault_.times;
      verdict.error = fault_.error;
      ++failed_;
    }
    return verdict;
  }

  // How much of a write up to `end` still fits on the disk.
  std::size_t room(int fd, std::int64_t end, std::size_t wanted) {
    const std::scoped_lock lock(mutex_);
    struct stat info = {};
    if (free_ < 0 || ::fstat(fd, &info) != 0 || end <= info.st_size) return wanted;
    const auto grows = end - info.st_size;
    const auto missing = std::max<std::int64_t>(0, grows - free_);
    free_ -= grows - missing;
    if (missing > 0) ++failed_;
    return missing >= static_cast<std::int64_t>(wanted)
               ? 0
               : wanted - static_cast<std::size_t>(missing);
  }

  void note(char what, std::uint32_t id, std::int64_t number, std::string_view path,
            std::string_view data) {
    const std::scoped_lock lock(mutex_);
    record(what, id, number, path, data);
  }

  void set_fault(Fault fault) {
    const std::scoped_lock lock(mutex_);
    fault_ = std::move(fault);
  }
  void set_kill(Kill kill) {
    const std::scoped_lock lock(mutex_);
    kill_ = std::move(kill);
  }
  void set_free(std::int64_t bytes) {
    const std::scoped_lock lock(mutex_);
    free_ = bytes;
  }
  std::int64_t calls() {
    const std::scoped_lock lock(mutex_);
    return calls_;
  }
  std::int64_t failed() {
    const std::scoped_lock lock(mutex_);
    return failed_;
  }
  std::int64_t syncs() {
    const std::scoped_lock lock(mutex_);
    return syncs_;
  }
  void set_sync_time(std::chrono::microseconds time) {
    const std::scoped_lock lock(mutex_);
    sync_time_ = time;
  }
  // Others go on meanwhile.
  void wait_for_disk() {
    std::unique_lock lock(mutex_);
    const auto time = sync_time_;
    lock.unlock();
    if (time.count() > 0) std::this_thread::sleep_for(time);
  }

 private:
  Shim() {
    if (const char* folder = std::getenv("FAULTS_FOLDER")) folder_ = folder;
    if (const char* path = std::getenv("FAULTS_RECORD"))
      record_ = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }

  static bool matches(unsigned kinds, std::string_view suffix, unsigned kind,
                      std::string_view path) {
    return (kinds & kind) != 0 && path.size() >= suffix.size() &&
           path.substr(path.size() - suffix.size()) == suffix;
  }

  // what, file, number, length of the name, length of the data, name, data. In one write, so that a
  // kill leaves no half of it.
  void record(char what, std::uint32_t id, std::int64_t number, std::string_view path,
              std::string_view data) const {
    if (record_ < 0) return;
    std::string out(1, what);
    const auto add = [&](auto value) {
      out.append(reinterpret_cast<char*>(&value), sizeof(value));
    };
    add(id);
    add(number);
    add(static_cast<std::uint32_t>(path.size()));
    add(static_cast<std::uint32_t>(data.size()));
    out += path;
    out += data;
    static_cast<void>(!REAL(write)(record_, out.data(), out.size()));
  }

  std::mutex mutex_;
  std::string folder_;
  int record_ = -1;
  std::map<int, File> files_;
  std::map<ino_t, std::uint32_t> ids_;
  std::uint32_t last_id_ = 0;
  std::int64_t calls_ = 0;
  std::int64_t failed_ = 0;
  std::int64_t syncs_ = 0;
  std::chrono::microseconds sync_time_{0};
  std::int64_t free_ = -1;
  Fault fault_;
  Kill kill_;
};

int refuse(int error) {
  errno = error;
  return -1;
}

// A call that is made or not made, and has no half.
template <typename Call, typename Done>
int whole_call(unsigned kind, const std::string& path, const Call& call, const Done& done) {
  const auto verdict = Shim::get().decide(kind, path);
  if (verdict.kill && *verdict.kill != When::after) die();
  if (verdict.error != 0) return refuse(verdict.error);
  const int result = call();
  if (result >= 0) done(result);
  if (verdict.kill) die();
  return result;
}

template <typename Open>
int open_file(const char* path, int flags, const Open& call) {
  Shim& shim = Shim::get();
  if (!shim.watches(path)) return call();
  const bool created = (flags & O_CREAT) != 0 && ::access(path, F_OK) != 0;
  const auto done = [&](int fd) { shim.opened(fd, path, created); };
  // To read what is there changes nothing.
  return whole_call(created || (flags & O_ACCMODE) != O_RDONLY ? kOpen : 0U, path, call, done);
}

template <typename Write>
ssize_t write_file(int fd, const void* data, std::size_t size, std::int64_t offset,
                   const Write& call) {
  Shim& shim = Shim::get();
  const auto file = shim.find(fd);
  if (!file) return call(size);
  const auto verdict = shim.decide(kWrite, file->path);
  if (verdict.kill == When::before) die();
  if (verdict.error != 0) return refuse(verdict.error);
  std::size_t allowed = verdict.kill == When::half ? size / 2 : size;
  allowed = std::min(allowed, shim.room(fd, offset + static_cast<std::int64_t>(size), size));
  if (allowed == 0 && size > 0 && !verdict.kill) return refuse(ENOSPC);
  const auto written = call(allowed);
  if (written > 0)
    shim.note('w', file->id, offset, file->path,
              {static_cast<const char*>(data), static_cast<std::size_t>(written)});
  if (verdict.kill) die();
  return written;
}

template <typename Sync>
int sync_file(int fd, const Sync& call) {
  Shim& shim = Shim::get();
  const auto file = shim.find(fd);
  if (!file) return call();
  const auto verdict = shim.decide(kSync, file->path);
  shim.wait_for_disk();
  if (verdict.kill && *verdict.kill != When::after) die();
  if (verdict.error != 0) {
    // As Linux does it: what could not be written is forgotten, and the next sync succeeds.
    shim.note('f', file->id, 0, file->path, {});
    return refuse(verdict.error);
  }
  // What it is for is simulated: the disk itself need not be waited for.
  shim.note('s', file->id, 0, file->path, {});
  if (verdict.kill) die();
  return 0;
}

template <typename Truncate>
int truncate_file(int fd, std::int64_t size, const Truncate& call) {
  Shim& shim = Shim::get();
  const auto file = shim.find(fd);
  if (!file) return call();
  return whole_call(kTruncate, file->path, call,
                    [&](int) { shim.note('t', file->id, size, file->path, {}); });
}

template <typename Map>
void* map_file(int fd, const Map& call) {
  if (const auto file = fd < 0 ? std::nullopt : Shim::get().find(fd)) {
    const auto verdict = Shim::get().decide(kMap, file->path);
    if (verdict.kill) die();
    if (verdict.error != 0) {
      errno = verdict.error;
      return MAP_FAILED;
    }
  }
  return call();
}

template <typename Read>
ssize_t read_file(int fd, const Read& call) {
  if (const auto file = Shim::get().find(fd)) {
    const auto verdict = Shim::get().decide(kRead, file->path);
    if (verdict.error != 0) return refuse(verdict.error);
  }
  return call();
}

std::int64_t& clock_offset_s() {
  static std::int64_t offset = 0;
  return offset;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

// What the tests call, through ctypes.
void faults_fail(unsigned kinds, const char* suffix, std::int64_t after, std::int64_t times,
                 int error) {
  Shim::get().set_fault({kinds, suffix, after, times, error});
}
void faults_kill(unsigned kinds, const char* suffix, std::int64_t at, int when) {
  Shim::get().set_kill({kinds, suffix, at, static_cast<When>(when)});
}
void faults_free(std::int64_t bytes) { Shim::get().set_free(bytes); }
void faults_clock(std::int64_t offset_s) { clock_offset_s() = offset_s; }
void faults_mark(const char* text) { Shim::get().note('m', 0, 0, {}, text); }
std::int64_t faults_calls() { return Shim::get().calls(); }
std::int64_t faults_failed() { return Shim::get().failed(); }
void faults_sync_time(std::int64_t us) { Shim::get().set_sync_time(std::chrono::microseconds(us)); }
std::int64_t faults_syncs() { return Shim::get().syncs(); }

// What the program calls.
int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : mode_t{0};
  va_end(rest);
  return open_file(path, flags, [&] { return REAL(open)(path, flags, mode); });
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : mode_t{0};
  va_end(rest);
  return open_file(path, flags, [&] { return REAL(open64)(path, flags, mode); });
}
int close(int fd) {
  Shim::get().closed(fd);
  return REAL(close)(fd);
}
ssize_t write(int fd, const void* data, std::size_t size) {
  if (!Shim::get().find(fd)) return REAL(write)(fd, data, size);
  const auto offset = ::lseek(fd, 0, SEEK_CUR);
  return write_file(fd, data, size, offset,
                    [&](std::size_t part) { return REAL(write)(fd, data, part); });
}
ssize_t pwrite(int fd, const void* data, std::size_t size, off_t offset) {
  return write_file(fd, data, size, offset,
                    [&](std::size_t part) { return REAL(pwrite)(fd, data, part, offset); });
}
ssize_t pwrite64(int fd, const void* data, std::size_t size, off64_t offset) {
  return write_file(fd, data, size, offset,
                    [&](std::size_t part) { return REAL(pwrite64)(fd, data, part, offset); });
}
ssize_t pread(int fd, void* data, std::size_t size, off_t offset) {
  return read_file(fd, [&] { return REAL(pread)(fd, data, size, offset); });
}
ssize_t pread64(int fd, void* data, std::size_t size, off64_t offset) {
  return read_file(fd, [&] { return REAL(pread64)(fd, data, size, offset); });
}
int fsync(int fd) {
  return sync_file(fd, [&] { return REAL(fsync)(fd); });
}
int fdatasync(int fd) {
  return sync_file(fd, [&] { return REAL(fdatasync)(fd); });
}
int ftruncate(int fd, off_t size) noexcept {
  return truncate_file(fd, size, [&] { return REAL(ftruncate)(fd, size); });
}
int ftruncate64(int fd, off64_t size) noexcept {
  return truncate_file(fd, size, [&] { return REAL(ftruncate64)(fd, size); });
}
int unlink(const char* path) noexcept {
  Shim& shim = Shim::get();
  if (!shim.watches(path)) return REAL(unlink)(path);
  return whole_call(
      kUnlink, path, [&] { return REAL(unlink)(path); },
      [&](int) { shim.note('u', 0, 0, path, {}); });
}
void* mmap(void* address, std::size_t size, int protection, int flags, int fd,
           off_t offset) noexcept {
  return map_file(fd, [&] { return REAL(mmap)(address, size, protection, flags, fd, offset); });
}
void* mmap64(void* address, std::size_t size, int protection, int flags, int fd,
             off64_t offset) noexcept {
  return map_file(fd, [&] { return REAL(mmap64)(address, size, protection, flags, fd, offset); });
}
int clock_gettime(clockid_t clock, struct timespec* time) noexcept {
  const int result = REAL(clock_gettime)(clock, time);
  if (clock == CLOCK_REALTIME) time->tv_sec += clock_offset_s();
  return result;
}

}  // extern "C"
#pragma GCC visibility pop
