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
void add_pieces(Row& row, std::string_view word, std::int64_t all) {
  const std::u32string marked = U'<' + code_points(word.substr(0, 256)) + U'>';
  const std::size_t n = marked.size();
  std::int64_t pieces = 0;
  for (std::size_t k = 3; k <= 5; ++k) pieces += n >= k ? static_cast<std::int64_t>(n - k + 1) : 0;
  if (pieces == 0) return;
  std::int64_t root = 1;  // of the number of pieces in hundredths
  while ((root + 1) * (root + 1) <= pieces * 10000) ++root;
  const std::int64_t weight = all * 100 / root;
  for (std::size_t k = 3; k <= 5; ++k) {
    for (std::size_t i = 0; i + k <= n; ++i) {
      Hash hash('p');
      for (const char32_t c : std::u32string_view(marked).substr(i, k)) hash.add(c);
      add_feature(row, hash, weight);
    }
  }
}

// How much a word counts, in thousandths.
using Weigh = std::function<std::int64_t(std::string_view word)>;

constexpr std::int64_t kOne = 1000;

struct Feature {
  std::int64_t count = 0;
  std::int64_t weight = 0;  // of its first occurrence: forms of one stem have one idf, or nearly

  void add(std::int64_t thousandths) {
    if (count++ == 0) weight = thousandths;
  }
  // What it counts in the row, a single occurrence being `once`.
  [[nodiscard]] std::int64_t total(std::int64_t once) const {
    return once * dampened(count) / 1000 * weight / kOne;
  }
};

struct Features {
  // Ordered, though integer sums would not need it: the work is the same in every run.
  std::map<std::string, Feature> stems, forms, pairs;
};

void count_cjk(Features& features, std::string_view word, const Weigh& weigh) {
  const std::u32string points = code_points(word);
  std::string before;
  std::size_t before_at = 0;
  for (std::size_t i = 0, at = 0; i < points.size(); ++i) {
    const std::string character = std::to_string(static_cast<std::uint32_t>(points[i]));
    std::size_t end = at + 1;
    while (end < word.size() && (static_cast<unsigned char>(word[end]) & 0xC0) == 0x80) ++end;
    features.stems[character].add(weigh(word.substr(at, end - at)));
    // A pair of characters says about as much as a word elsewhere.
    if (!before.empty())
      features.stems[before + ' ' + character].add(weigh(word.substr(before_at, end - before_at)));
    before = character;
    before_at = at;
    at = end;
  }
}

Features count_features(std::string_view text, const Weigh& weigh) {
  std::vector<std::string> all = words(text);
  std::vector<std::string> kept;
  std::copy_if(all.begin(), all.end(), std::back_inserter(kept),
               [](const std::string& word) { return !is_stop_word(word); });
  if (kept.empty()) kept = std::move(all);
  Features features;
  std::string before;
  std::int64_t before_weight = 0;
  for (const std::string& word : kept) {
    if (is_cjk(code_points(std::string_view(word).substr(0, 4)).front())) {
      count_cjk(features, word, weigh);
      before.clear();
      continue;
    }
    const std::string root = stem(word);
    const std::int64_t weight = weigh(word);
    features.stems[root].add(weight);
    features.forms[word].add(weight);
    if (!before.empty()) features.pairs[before + ' ' + root].add((before_weight + weight) / 2);
    before = root;
    before_weight = weight;
  }
  return features;
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

void embed_text(std::string_view text, const Weigh& weigh, std::span<float> out) {
  const Features features = count_features(text, weigh);
  Row row{};
  const auto add = [&row](char kind, std::string_view feature, std::int64_t weight) {
    Hash hash(kind);
    hash.add(feature);
    add_feature(row, hash, weight);
  };
  for (const auto& [word, feature] : features.stems) add('w', word, feature.total(kWord));
  for (const auto& [pair, feature] : features.pairs) add('b', pair, feature.total(kBigram));
  for (const auto& [word, feature] : features.forms) add_pieces(row, word, feature.total(kPieces));
  write_normalised(row, out);
}

}  // namespace

std::vector<float> OfflineEmbedder::embed(const std::vector<std::string>& texts) {
  std::vector<float> rows(texts.size() * kDimension);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    embed_text(
        texts[i], [](std::string_view) { return kOne; },
        std::span(rows).subspan(i * kDimension, kDimension));
  }
  return rows;
}

std::vector<float> OfflineEmbedder::embed_query(
    const std::string& text, const std::function<double(std::string_view word)>& idf) {
  std::vector<float> row(kDimension);
  bool known = false;
  // Whole thousandths: the last bit of a logarithm is not the same on every machine.
  const auto weigh = [&](std::string_view word) {
    const double weight = idf(word) * kOne;
    if (!(weight > 0)) return std::int64_t{0};
    known = true;
    return std::int64_t{std::llround(std::min(weight, 1000.0 * kOne))};
  };
  embed_text(text, weigh, row);
  // Words that all say nothing say as much as each other.
  if (!known) return embed({text});
  return row;
}

}  // namespace memgpt
