#include "memory/bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <optional>
#include <queue>
#include <utility>

#include "error.h"
#include "memory/text.h"

namespace memgpt {
namespace {

template <typename Integer>
Integer load(const char* at) {
  Integer value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// 3 to 8 bytes, in a way that is unique among texts of one size and reads none beyond them.
std::uint64_t short_key(const char* text, std::size_t size) {
  if (size >= 4) {
    return load<std::uint32_t>(text) |
           std::uint64_t{load<std::uint32_t>(text + size - 4)} << 32U;
  }
  return load<std::uint16_t>(text) | std::uint64_t{static_cast<unsigned char>(text[2])} << 16U;
}

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15U;
  return hash ^ hash >> 32U;
}

std::uint64_t long_hash(const char* text, std::size_t size) {
  std::uint64_t hash = size;
  for (std::size_t at = 0; at + 8 < size; at += 8) hash = mix(hash, load<std::uint64_t>(text + at));
  return mix(hash, load<std::uint64_t>(text + size - 8));
}

std::size_t pair_index(const char* text) {
  return static_cast<std::size_t>(static_cast<unsigned char>(text[0])) << 8U |
         static_cast<unsigned char>(text[1]);
}

}  // namespace

RankTable::RankTable(std::string_view packed) : packed_(packed.data()) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(packed[at]); };
  if (packed.size() < 8 || packed.substr(0, 4) != "MGR1") throw Error("damaged token table");
  const std::size_t count = byte(4) | byte(5) << 8U | byte(6) << 16U | std::size_t{byte(7)} << 24U;
  starts_.reserve(count);
  std::size_t shorts = 0;
  std::size_t at = 8;
  for (std::size_t rank = 0; rank < count && at < packed.size(); ++rank) {
    starts_.push_back(static_cast<std::uint32_t>(at));
    const std::size_t size = byte(at);
    if (size <= 8) ++shorts;
    longest_ = std::max(longest_, size);
    at += 1 + size;
  }
  if (starts_.size() != count || at != packed.size()) throw Error("damaged token table");

  singles_.fill(kNone);
  pairs_.assign(0x10000, kNone);
  shorts_.resize(std::bit_ceil(shorts * 2 + 2));
  longs_.resize(std::bit_ceil((count - shorts) * 2 + 2));
  for (std::uint32_t rank = 0; rank < count; ++rank) insert(rank, bytes(rank));
  // Merging starts from single bytes, so each must have a rank.
  if (std::find(singles_.begin(), singles_.end(), kNone) != singles_.end()) {
    throw Error("damaged token table");
  }
  find_whole_characters();
}

std::string_view RankTable::bytes(std::uint32_t rank) const noexcept {
  const char* const at = packed_ + starts_[rank];
  return {at + 1, static_cast<unsigned char>(*at)};
}

void RankTable::insert(std::uint32_t rank, std::string_view token) {
  if (token.empty()) return;
  if (token.size() == 1) {
    singles_[static_cast<unsigned char>(token[0])] = rank;
  } else if (token.size() == 2) {
    pairs_[pair_index(token.data())] = rank;
  } else if (token.size() <= 8) {
    const std::uint64_t key = short_key(token.data(), token.size());
    std::size_t slot = mix(token.size(), key) & (shorts_.size() - 1);
    while (shorts_[slot].size != 0) slot = (slot + 1) & (shorts_.size() - 1);
    shorts_[slot] = {key, static_cast<std::uint32_t>(token.size()), rank};
  } else {
    const std::uint64_t hash = long_hash(token.data(), token.size());
    std::size_t slot = hash & (longs_.size() - 1);
    while (longs_[slot].rank != kNone) slot = (slot + 1) & (longs_.size() - 1);
    longs_[slot] = {static_cast<std::uint32_t>(hash >> 32U), rank};
  }
}

std::uint32_t RankTable::find(const char* text, std::size_t size) const noexcept {
  if (size == 1) return singles_[static_cast<unsigned char>(text[0])];
  if (size == 2) return pairs_[pair_index(text)];
  return size <= 8 ? find_short(text, size) : find_long(text, size);
}

std::uint32_t RankTable::find_short(const char* text, std::size_t size) const noexcept {
  const std::uint64_t key = short_key(text, size);
  std::size_t slot = mix(size, key) & (shorts_.size() - 1);
  while (true) {
    const ShortEntry& entry = shorts_[slot];
    if (entry.key == key && entry.size == size) return entry.rank;
    if (entry.size == 0) return kNone;
    slot = (slot + 1) & (shorts_.size() - 1);
  }
}

std::uint32_t RankTable::find_long(const char* text, std::size_t size) const noexcept {
  if (size > longest_) return kNone;
  const std::uint64_t hash = long_hash(text, size);
  const auto tag = static_cast<std::uint32_t>(hash >> 32U);
  std::size_t slot = hash & (longs_.size() - 1);
  while (true) {
    const LongEntry& entry = longs_[slot];
    if (entry.rank == kNone) return kNone;
    if (entry.tag == tag && bytes(entry.rank) == std::string_view(text, size)) return entry.rank;
    slot = (slot + 1) & (longs_.size() - 1);
  }
}

namespace {

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

bool is_tail(std::string_view text, std::size_t at) { return (byte_at(text, at) & 0xC0U) == 0x80; }

struct Character {
  std::size_t size = 0;  // 0: none of 2 or 3 bytes begins there
  std::uint32_t code = 0;
};

Character character_at(std::string_view text, std::size_t at) {
  const unsigned lead = byte_at(text, at);
  const std::size_t size = lead < 0xC0 || lead >= 0xF0 ? 0 : lead < 0xE0 ? 2 : 3;
  if (size == 0 || size > text.size() - at || !is_tail(text, at + 1)) return {};
  const std::uint32_t second = byte_at(text, at + 1) & 0x3FU;
  if (size == 2) return {size, (lead & 0x1FU) << 6U | second};
  if (!is_tail(text, at + 2)) return {};
  return {size, (lead & 0xFU) << 12U | second << 6U | (byte_at(text, at + 2) & 0x3FU)};
}

}  // namespace

// Merging can begin with a whole character, which saves most of its work on scripts beyond ASCII,
// where (1) no token that ends inside a character goes across the character's borders, so that
// its bytes merge with each other only, and (2) every token that has the character in it comes
// after it, and it after its parts, so that no other merge there could have come first.
void RankTable::find_whole_characters() {
  for (std::uint32_t rank = 0; rank < size(); ++rank) {
    const std::string_view token = bytes(rank);
    if (is_valid_utf8(token)) {
      const Character character = token.empty() ? Character{} : character_at(token, 0);
      if (character.size == token.size() && is_early(token, rank)) whole_.set(character.code);
      continue;
    }
    for (std::size_t at = 1; at < token.size(); ++at) {
      if (!is_tail(token, at)) crossed_.set(pair_index(token.data() + at - 1));
    }
  }
  for (std::uint32_t rank = 0; rank < size(); ++rank) drop_late_characters(rank);
}

bool RankTable::is_early(std::string_view character, std::uint32_t rank) const {
  if (character.size() != 3) return character.size() == 2;
  return std::min(find(character.data(), 2), find(character.data() + 1, 2)) < rank;
}

void RankTable::drop_late_characters(std::uint32_t rank) {
  const std::string_view token = bytes(rank);
  if (!is_valid_utf8(token)) return;  // The borders of the characters in it are crossed.
  for (std::size_t at = 0; at < token.size(); ++at) {
    const Character character = character_at(token, at);
    if (character.size == 0 || character.size == token.size()) continue;
    if (first_part(token, at) == 1) continue;  // not taken as a whole here, or nowhere
    if (find(token.data() + at, character.size) > rank) whole_.reset(character.code);
  }
}

std::size_t RankTable::first_part(std::string_view text, std::size_t at) const noexcept {
  if (byte_at(text, at) < 0xC0) return 1;
  const Character character = character_at(text, at);
  if (character.size == 0 || !whole_[character.code]) return 1;
  const std::size_t end = at + character.size;
  if (at > 0 && crossed_[pair_index(text.data() + at - 1)]) return 1;
  if (end < text.size() && (is_tail(text, end) || crossed_[pair_index(text.data() + end - 1)])) {
    return 1;
  }
  return character.size;
}

namespace {

// Merges up to kCapacity bytes. The rank of each pair is kept at its first part, with the part's
// number in the low bits, so that the smallest key is the leftmost pair of the lowest rank; the
// smallest key of each block of parts is kept too, so that finding it takes few steps.
class WindowMerger {
 public:
  static constexpr std::size_t kCapacity = 512;

  explicit WindowMerger(const RankTable& ranks) : ranks_(ranks) {}

  // Returns the number of tokens.
  std::size_t merge(std::string_view text) {
    start(text);
    std::size_t count = parts_;
    for (std::int32_t key = smallest(); key != kDead; key = smallest()) {
      --count;
      const std::size_t left = static_cast<std::size_t>(key) & (kCapacity - 1);
      const std::size_t right = next_[left];
      const std::size_t end = next_[right];
      next_[left] = static_cast<std::uint16_t>(end);
      previous_[end] = static_cast<std::uint16_t>(left);
      keys_[right] = kDead;
      keys_[left] = end < parts_ ? pair_key(left, next_[end]) : kDead;
      const std::size_t before = previous_[left];
      if (left > 0) keys_[before] = pair_key(before, end);
      if (blocks_ == 1) continue;
      refresh(left / kBlock);
      if (right / kBlock != left / kBlock) refresh(right / kBlock);
      if (before / kBlock != left / kBlock) refresh(before / kBlock);
    }
    return count;
  }

  // Calls use(begin, end) for each token; only those before the byte `limit`.
  template <typename Use>
  void each(std::size_t limit, const Use& use) const {
    for (std::size_t part = 0; part < parts_ && starts_[part] < limit; part = next_[part]) {
      use(starts_[part], starts_[next_[part]]);
    }
  }

  [[nodiscard]] std::size_t first_size() const { return starts_[next_[0]]; }

 private:
  static constexpr std::int32_t kDead = 0x7FFFFFFF;
  static constexpr std::size_t kBlock = 16;
  static constexpr unsigned kPartBits = 9;
  static_assert(kCapacity == 1U << kPartBits);

  void start(std::string_view text) {
    text_ = text.data();
    parts_ = 0;
    for (std::size_t at = 0; at < text.size(); at += ranks_.first_part(text, at)) {
      starts_[parts_++] = static_cast<std::uint16_t>(at);
    }
    starts_[parts_] = static_cast<std::uint16_t>(text.size());
    previous_[0] = 0;
    for (std::size_t part = 0; part < parts_; ++part) {
      next_[part] = static_cast<std::uint16_t>(part + 1);
      previous_[part + 1] = static_cast<std::uint16_t>(part);
      keys_[part] = part + 1 < parts_ ? pair_key(part, part + 2) : kDead;
    }
    blocks_ = (parts_ + kBlock - 1) / kBlock;
    std::fill(keys_.begin() + static_cast<std::ptrdiff_t>(parts_),
              keys_.begin() + static_cast<std::ptrdiff_t>(blocks_ * kBlock), kDead);
    if (blocks_ == 1) return;
    for (std::size_t block = 0; block < blocks_; ++block) refresh(block);
    const std::size_t padded = (blocks_ + 3) / 4 * 4;
    for (std::size_t block = blocks_; block < padded; ++block) minima_[block] = kDead;
  }

  // Of the pair whose bytes begin where the part `begin` does and end where the part `end` begins.
  [[nodiscard]] std::int32_t pair_key(std::size_t begin, std::size_t end) const {
    const std::size_t at = starts_[begin];
    const std::uint32_t rank = ranks_.find(text_ + at, starts_[end] - at);
    if (rank == RankTable::kNone) return kDead;
    return static_cast<std::int32_t>(rank << kPartBits | static_cast<std::uint32_t>(begin));
  }

  void refresh(std::size_t block) { minima_[block] = minimum(&keys_[block * kBlock], kBlock); }

  [[nodiscard]] std::int32_t smallest() const {
    if (blocks_ == 1) return minimum(keys_.data(), kBlock);
    return minimum(minima_.data(), (blocks_ + 3) / 4 * 4);
  }

  // `count` is a multiple of 4, which compilers do not see by themselves.
  static std::int32_t minimum(const std::int32_t* keys, std::size_t count) {
    using Four = std::int32_t __attribute__((vector_size(16)));
    Four least;
    std::memcpy(&least, keys, sizeof least);
    for (std::size_t i = 4; i < count; i += 4) {
      Four next;
      std::memcpy(&next, keys + i, sizeof next);
      least = next < least ? next : least;
    }
    return std::min(std::min(least[0], least[1]), std::min(least[2], least[3]));
  }

  const RankTable& ranks_;
  const char* text_ = nullptr;
  std::size_t parts_ = 0;
  std::size_t blocks_ = 0;
  // Left as they are until start() fills the part that a text needs.
  std::array<std::int32_t, kCapacity> keys_;
  std::array<std::int32_t, kCapacity / kBlock> minima_;
  std::array<std::uint16_t, kCapacity + 1> starts_;
  std::array<std::uint16_t, kCapacity + 1> next_;
  std::array<std::uint16_t, kCapacity + 1> previous_;
};

// How much of a window's end is encoded again by the next one: what is beyond the window can
// change the tokens there.
constexpr std::size_t kOverlap = 64;

// Counts and, unless `tokens` is null, appends the tokens of a merged text before the byte `limit`.
std::size_t take(const RankTable& ranks, std::string_view text, const WindowMerger& merger,
                 std::size_t limit, std::vector<std::uint32_t>* tokens) {
  std::size_t count = 0;
  merger.each(limit, [&](std::size_t begin, std::size_t end) {
    ++count;
    if (tokens != nullptr) tokens->push_back(ranks.find(text.data() + begin, end - begin));
  });
  return count;
}

// Encodes a long text window by window, or not at all. Tokens are the encoding of their text if
// each two neighbours are the encoding of theirs (an observation of the Rust crate bpe's authors),
// for merges on one side of a border know nothing of the other side until one crosses it. So two
// windows can be joined at a token that both of them have.
std::optional<std::size_t> encode_in_windows(const RankTable& ranks, std::string_view piece,
                                             std::vector<std::uint32_t>* tokens) {
  WindowMerger merger(ranks);
  std::size_t count = 0;
  std::size_t begin = 0;
  std::size_t shared = 0;  // the size of the token that this window must begin with
  while (true) {
    const std::string_view window = piece.substr(begin, WindowMerger::kCapacity);
    merger.merge(window);
    if (shared != 0 && merger.first_size() != shared) return std::nullopt;
    if (begin + window.size() == piece.size()) {
      return count + take(ranks, window, merger, window.size(), tokens);
    }
    std::size_t last = 0;  // the last token that begins far enough from the window's end
    merger.each(window.size() - kOverlap, [&](std::size_t start, std::size_t end) {
      last = start;
      shared = end - start;
    });
    if (last == 0) return std::nullopt;
    count += take(ranks, window, merger, last, tokens);
    begin += last;
  }
}

}  // namespace

std::size_t encode_piece(const RankTable& ranks, std::string_view piece,
                         std::vector<std::uint32_t>* tokens) {
  const std::uint32_t whole = ranks.find(piece.data(), piece.size());
  if (whole != RankTable::kNone) {
    if (tokens != nullptr) tokens->push_back(whole);
    return 1;
  }
  if (piece.size() <= WindowMerger::kCapacity) {
    WindowMerger merger(ranks);
    const std::size_t count = merger.merge(piece);
    if (tokens != nullptr) take(ranks, piece, merger, piece.size(), tokens);
    return count;
  }
  const std::size_t before = tokens != nullptr ? tokens->size() : 0;
  if (const auto count = encode_in_windows(ranks, piece, tokens)) return *count;
  if (tokens != nullptr) tokens->resize(before);
  return encode_with_heap(ranks, piece, tokens);
}

std::size_t encode_with_heap(const RankTable& ranks, std::string_view piece,
                             std::vector<std::uint32_t>* tokens) {
  using Pair = std::pair<std::uint32_t, std::size_t>;  // rank, position
  const std::size_t size = piece.size();
  std::vector<std::size_t> next(size + 1);
  std::vector<std::size_t> previous(size + 1);
  std::vector<std::uint32_t> rank(size, RankTable::kNone);  // of the pair that begins here
  std::vector<Pair> pairs;
  for (std::size_t at = 0; at < size; ++at) {
    next[at] = at + 1;
    previous[at + 1] = at;
    if (at + 1 == size) break;
    rank[at] = ranks.find(piece.data() + at, 2);
    if (rank[at] != RankTable::kNone) pairs.emplace_back(rank[at], at);
  }
  std::priority_queue<Pair, std::vector<Pair>, std::greater<>> queue({}, std::move(pairs));
  const auto set_rank = [&](std::size_t begin, std::size_t end) {
    rank[begin] = ranks.find(piece.data() + begin, end - begin);
    if (rank[begin] != RankTable::kNone) queue.emplace(rank[begin], begin);
  };
  while (!queue.empty()) {
    const auto [lowest, left] = queue.top();
    queue.pop();
    if (rank[left] != lowest) continue;  // merged or changed since
    const std::size_t right = next[left];
    const std::size_t end = next[right];
    next[left] = end;
    previous[end] = left;
    rank[right] = RankTable::kNone;
    rank[left] = RankTable::kNone;
    if (end < size) set_rank(left, next[end]);
    if (left > 0) set_rank(previous[left], end);
  }
  std::size_t count = 0;
  for (std::size_t at = 0; at < size; at = next[at], ++count) {
    if (tokens != nullptr) tokens->push_back(ranks.find(piece.data() + at, next[at] - at));
  }
  return count;
}

}  // namespace memgpt
