#include "llm/offline_embedder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>

#include "memory/unicode.h"
#include "memory/words.h"

namespace memgpt {
namespace {

constexpr std::size_t kDimension = 1024;

// Weights of one occurrence, in thousandths of a word.
constexpr int kWord = 1000;
constexpr int kBigram = 300;
constexpr int kPieces = 1000;

// FNV-1a, then the last steps of splitmix64, for FNV leaves the high bits poorly mixed.
class Hash {
 public:
  explicit Hash(char kind) { add_byte(static_cast<unsigned char>(kind)); }
  void add_byte(std::uint64_t byte) { state_ = (state_ ^ byte) * 0x100000001B3; }
  void add(std::string_view text) {
    for (const char c : text) add_byte(static_cast<unsigned char>(c));
  }
  void add(char32_t c) {
    for (int shift = 0; shift < 24; shift += 8) add_byte(c >> shift & 0xFF);
  }
  [[nodiscard]] std::uint64_t value() const {
    std::uint64_t h = state_;
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9;
    h = (h ^ h >> 27) * 0x94D049BB133111EB;
    return h ^ h >> 31;
  }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325;
};

// 1000 (1 + ln count), from a table up to 16 and ln 2 a doubling above it.
std::int64_t dampened(std::int64_t count) {
  static constexpr std::array<std::int64_t, 16> kTable = {1000, 1693, 2099, 2386, 2609, 2792,
                                                          2946, 3079, 3197, 3303, 3398, 3485,
                                                          3565, 3639, 3708, 3773};
  std::int64_t more = 0;
  for (; count > 16; count /= 2) more += 693;
  return kTable[static_cast<std::size_t>(count - 1)] + more;
}

using Row = std::array<std::int64_t, kDimension>;

void add_feature(Row& row, const Hash& hash, std::int64_t weight) {
  const std::uint64_t h = hash.value();
  row[h % kDimension] += h >> 63 ? -weight : weight;
}

// Runs of three to five characters of the word with its edges marked. All of them together weigh
// like one feature, so that a long word does not drown the others.
void add_pieces(Row& row, std::string_view word, std::int64_t count_weight) {
  const std::u32string marked = U'<' + code_points(word.substr(0, 256)) + U'>';
  const std::size_t n = marked.size();
  std::int64_t pieces = 0;
  for (std::size_t k = 3; k <= 5; ++k) pieces += n >= k ? static_cast<std::int64_t>(n - k + 1) : 0;
  if (pieces == 0) return;
  std::int64_t root = 1;  // of the number of pieces in hundredths
  while ((root + 1) * (root + 1) <= pieces * 10000) ++root;
  const std::int64_t weight = count_weight * kPieces / 1000 * 100 / root;
  for (std::size_t k = 3; k <= 5; ++k) {
    for (std::size_t i = 0; i + k <= n; ++i) {
      Hash hash('p');
      for (const char32_t c : std::u32string_view(marked).substr(i, k)) hash.add(c);
      add_feature(row, hash, weight);
    }
  }
}

struct Counts {
  // Ordered, though integer sums would not need it: the work is the same in every run.
  std::map<std::string, std::int64_t> stems, forms, pairs;
};

void count_cjk(Counts& counts, std::string_view word) {
  const std::u32string points = code_points(word);
  std::string before;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::string character = std::to_string(static_cast<std::uint32_t>(points[i]));
    ++counts.stems[character];
    // A pair of characters says about as much as a word elsewhere.
    if (!before.empty()) ++counts.stems[before + ' ' + character];
    before = character;
  }
}

Counts count_words(std::string_view text) {
  std::vector<std::string> all = words(text);
  std::vector<std::string> kept;
  std::copy_if(all.begin(), all.end(), std::back_inserter(kept),
               [](const std::string& word) { return !is_stop_word(word); });
  if (kept.empty()) kept = std::move(all);
  Counts counts;
  std::string before;
  for (const std::string& word : kept) {
    if (is_cjk(code_points(std::string_view(word).substr(0, 4)).front())) {
      count_cjk(counts, word);
      before.clear();
      continue;
    }
    const std::string root = stem(word);
    ++counts.stems[root];
    ++counts.forms[word];
    if (!before.empty()) ++counts.pairs[before + ' ' + root];
    before = root;
  }
  return counts;
}

void write_normalised(Row& row, std::span<float> out) {
  std::uint64_t largest = 0;
  for (const std::int64_t value : row) {
    largest = std::max(largest, static_cast<std::uint64_t>(value < 0 ? -value : value));
  }
  if (largest == 0) row[0] = largest = 1;
  // The sum of squares must fit in 62 bits.
  const int excess = std::max(0, static_cast<int>(std::bit_width(largest)) - 26);
  std::int64_t squares = 0;
  for (std::int64_t& value : row) {
    value /= std::int64_t{1} << excess;
    squares += value * value;
  }
  // Conversion, square root and division are each rounded correctly everywhere.
  const double length = std::sqrt(static_cast<double>(squares));
  for (std::size_t i = 0; i < kDimension; ++i) {
    out[i] = static_cast<float>(static_cast<double>(row[i]) / length);
  }
}

void embed_text(std::string_view text, std::span<float> out) {
  const Counts counts = count_words(text);
  Row row{};
  const auto add = [&row](char kind, std::string_view feature, std::int64_t weight) {
    Hash hash(kind);
    hash.add(feature);
    add_feature(row, hash, weight);
  };
  for (const auto& [word, count] : counts.stems) add('w', word, kWord * dampened(count) / 1000);
  for (const auto& [pair, count] : counts.pairs) add('b', pair, kBigram * dampened(count) / 1000);
  for (const auto& [word, count] : counts.forms) add_pieces(row, word, dampened(count));
  write_normalised(row, out);
}

}  // namespace

std::vector<float> OfflineEmbedder::embed(const std::vector<std::string>& texts) {
  std::vector<float> rows(texts.size() * kDimension);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    embed_text(texts[i], std::span(rows).subspan(i * kDimension, kDimension));
  }
  return rows;
}

}  // namespace memgpt
