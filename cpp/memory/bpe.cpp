#include "memory/bpe.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <optional>
#include <queue>
#include <utility>

namespace memgpt {
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
      merged_[left] = static_cast<std::uint32_t>(key) >> kPartBits;
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

  // Counts and, unless `tokens` is null, appends the tokens before the byte `limit`.
  std::size_t take(std::size_t limit, std::vector<std::uint32_t>* tokens) const {
    std::size_t count = 0;
    for (std::size_t part = 0; part < parts_ && starts_[part] < limit; part = next_[part]) {
      ++count;
      if (tokens == nullptr) continue;
      const std::size_t begin = starts_[part];
      const bool merged = next_[part] != part + 1;
      const std::size_t size = starts_[part + 1] - begin;
      tokens->push_back(merged ? merged_[part] : ranks_.find(text_ + begin, size));
    }
    return count;
  }

  [[nodiscard]] std::size_t first_size() const { return starts_[next_[0]]; }

 private:
  static constexpr std::int32_t kDead = 0x7FFFFFFF;
  static constexpr std::size_t kBlock = 16;
  static constexpr unsigned kPartBits = 9;
  static_assert(kCapacity == 1U << kPartBits && (RankTable::kMost << kPartBits) - 1 <= kDead);

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
    const std::uint32_t rank = ranks_.find_rare(text_ + at, starts_[end] - at);
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
    const std::int32_t a = least[0] < least[1] ? least[0] : least[1];
    const std::int32_t b = least[2] < least[3] ? least[2] : least[3];
    return a < b ? a : b;
  }

  const RankTable& ranks_;
  const char* text_ = nullptr;
  std::size_t parts_ = 0;
  std::size_t blocks_ = 0;
  // Left as they are until start() fills the part that a text needs.
  std::array<std::int32_t, kCapacity> keys_;
  std::array<std::int32_t, kCapacity / kBlock> minima_;
  std::array<std::uint32_t, kCapacity> merged_;  // the token of a part that others were merged into
  std::array<std::uint16_t, kCapacity + 1> starts_;
  std::array<std::uint16_t, kCapacity + 1> next_;
  std::array<std::uint16_t, kCapacity + 1> previous_;
};

// How much of a window's end is encoded again by the next one: what is beyond the window can
// change the tokens there.
constexpr std::size_t kOverlap = 64;

constexpr std::size_t kMostCounts = 8192;
constexpr std::size_t kMostIds = 4096;

// How far a long text is encoded.
struct Progress {
  std::size_t begin = 0;   // where the next window begins
  std::size_t shared = 0;  // the size of the token that it must begin with; 0: any
  std::size_t count = 0;   // of tokens before it
};

// Encodes a long text window by window, or not at all. Tokens are the encoding of their text if
// each two neighbours are the encoding of theirs (an observation of the Rust crate bpe's authors),
// for merges on one side of a border know nothing of the other side until one crosses it. So two
// windows can be joined at a token that both of them have.
std::optional<std::size_t> encode_in_windows(const RankTable& ranks, std::string_view piece,
                                             std::vector<std::uint32_t>* tokens) {
  WindowMerger merger(ranks);
  const std::size_t first_token = tokens != nullptr ? tokens->size() : 0;
  Progress now;
  Progress before;
  std::size_t overlap = kOverlap;
  std::string_view merged;
  while (true) {
    const std::string_view window = piece.substr(now.begin, WindowMerger::kCapacity);
    if (window != merged) merger.merge(window);  // It is the same in long runs.
    merged = window;
    if (now.shared != 0 && merger.first_size() != now.shared) {
      // The end of the last window changed more than it seldom does: join them further back.
      now = before;
      overlap *= 2;
      if (tokens != nullptr) tokens->resize(first_token + now.count);
      continue;
    }
    if (now.begin + window.size() == piece.size()) {
      return now.count + merger.take(window.size(), tokens);
    }
    if (now.begin > before.begin) overlap = kOverlap;
    before = now;
    std::size_t last = 0;  // where the last token begins that ends before the overlap
    merger.each(window.size(), [&](std::size_t start, std::size_t end) {
      if (end + overlap > window.size()) return;
      last = start;
      now.shared = end - start;
    });
    if (last == 0) return std::nullopt;
    now.count += merger.take(last, tokens);
    now.begin += last;
  }
}

// Three bytes that are no token: most often a character that is not among the tokens.
std::size_t encode_three(const RankTable& ranks, const char* text,
                         std::vector<std::uint32_t>* tokens) {
  const std::uint32_t left = ranks.find(text, 2);
  const std::uint32_t right = ranks.find(text + 1, 2);
  const std::size_t count = left == RankTable::kNone && right == RankTable::kNone ? 3 : 2;
  if (tokens == nullptr) return count;
  const auto single = [&](std::size_t at) { return ranks.find(text + at, 1); };
  if (count == 3) {
    tokens->insert(tokens->end(), {single(0), single(1), single(2)});
  } else if (left <= right) {
    tokens->insert(tokens->end(), {left, single(2)});
  } else {
    tokens->insert(tokens->end(), {single(0), right});
  }
  return count;
}

std::size_t encode_part(const RankTable& ranks, std::string_view piece,
                        std::vector<std::uint32_t>* tokens) {
  const std::uint32_t whole = ranks.find(piece.data(), piece.size());
  if (whole != RankTable::kNone) {
    if (tokens != nullptr) tokens->push_back(whole);
    return 1;
  }
  if (piece.size() == 3) return encode_three(ranks, piece.data(), tokens);
  if (piece.size() <= WindowMerger::kCapacity) {
    WindowMerger merger(ranks);
    const std::size_t count = merger.merge(piece);
    if (tokens != nullptr) merger.take(piece.size(), tokens);
    return count;
  }
  const std::size_t before = tokens != nullptr ? tokens->size() : 0;
  if (const auto count = encode_in_windows(ranks, piece, tokens)) return *count;
  if (tokens != nullptr) tokens->resize(before);
  return encode_with_heap(ranks, piece, tokens);
}

}  // namespace

std::size_t encode_piece(const RankTable& ranks, std::string_view piece,
                         std::vector<std::uint32_t>* tokens) {
  // Chinese, Japanese and Korean have long pre-tokens, of many parts that no token joins.
  const bool wide = piece.size() > 3 && character_size(piece[piece.size() - 3]) == 3;
  if (!wide) return encode_part(ranks, piece, tokens);
  std::size_t count = 0;
  std::size_t begin = 0;
  std::size_t before = 0;  // the size of the character before
  std::uint32_t left = 0;
  for (std::size_t at = 0; at < piece.size(); at += before) {
    const std::size_t size = character_size(piece[at]);
    const std::uint32_t right = character_bytes(piece.data() + at, size);
    const bool knows = at > 0 && std::max(before, size) >= 3;
    if (knows && !ranks.may_join(piece.data() + at, left, right)) {
      count += encode_part(ranks, piece.substr(begin, at - begin), tokens);
      begin = at;
    }
    before = size;
    left = right;
  }
  return count + encode_part(ranks, piece.substr(begin), tokens);
}

PieceEncoder::PieceEncoder(const RankTable& ranks, std::size_t text_size, Use use) : ranks_(ranks) {
  // Below this, making the table costs as much as it saves.
  if (text_size < 1024) return;
  const std::size_t most = std::bit_ceil(text_size / 32);
  if (use == Use::count) {
    counts_.resize(std::min(kMostCounts, most));
  } else {
    ids_.resize(std::min(kMostIds, most));
  }
}

PieceEncoder::Known::Known(std::string_view piece)
    : size(static_cast<std::uint32_t>(piece.size())) {
  const char* const text = piece.data();
  first = size <= 8 ? short_key(text, size) : load_bytes<std::uint64_t>(text);
  last = size <= 8 ? 0 : load_bytes<std::uint64_t>(text + size - 8);
}

std::size_t PieceEncoder::recall_count(std::string_view piece) {
  Known wanted(piece);
  Known& known = counts_[wanted.hash() & (counts_.size() - 1)];
  if (!known.is(wanted)) {
    wanted.count = static_cast<std::uint32_t>(encode_piece(ranks_, piece, nullptr));
    known = wanted;
  }
  return known.count;
}

void PieceEncoder::recall_ids(std::string_view piece, std::vector<std::uint32_t>* tokens) {
  const Known wanted(piece);
  KnownIds& known = ids_[wanted.hash() & (ids_.size() - 1)];
  if (known.is(wanted)) {
    tokens->insert(tokens->end(), known.ids.begin(), known.ids.begin() + known.count);
    return;
  }
  const std::size_t count = encode_piece(ranks_, piece, tokens);
  if (count > known.ids.size()) return;
  static_cast<Known&>(known) = wanted;
  known.count = static_cast<std::uint32_t>(count);
  std::copy_n(tokens->data() + tokens->size() - count, count, known.ids.begin());
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
