#include "agent/near_name.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

namespace memgpt {

namespace {

constexpr std::size_t kLongest = 128;  // of a name that is looked at
// Of each word of a name that may be written without anything between: "re" and "un" make another
// word of the one behind them.
constexpr std::size_t kJoinedLetters = 3;
constexpr std::size_t kLettersForEach = 4;  // of a name, for each that may differ in a nearest one

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool separates(char c) { return c == '_' || c == '-' || c == '.' || c == ' '; }
char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

using Words = std::vector<std::string>;

// `humps`: a capital begins a word, also the last of several before a small letter.
Words words_of(std::string_view name, bool humps) {
  Words words(1);
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool hump = humps && i > 0 && is_upper(name[i]) &&
                      (!is_upper(name[i - 1]) || (i + 1 < name.size() && is_lower(name[i + 1])));
    if ((separates(name[i]) || hump) && !words.back().empty()) words.emplace_back();
    if (!separates(name[i])) words.back() += lower(name[i]);
  }
  if (words.size() > 1 && words.back().empty()) words.pop_back();
  return words;
}

std::string joined(const Words& words) {
  return std::accumulate(words.begin(), words.end(), std::string());
}

bool has_same_words(std::string_view written, std::string_view name) {
  const auto as_written = words_of(written, false);
  const auto with_humps = words_of(written, true);
  for (const auto& words : {words_of(name, false), words_of(name, true)}) {
    if (as_written == words || with_humps == words) return true;
    const bool may_join = std::all_of(words.begin(), words.end(), [](const std::string& word) {
      return word.size() >= kJoinedLetters;
    });
    if (may_join && with_humps.size() == 1 && with_humps.front() == joined(words)) return true;
  }
  return false;
}

// Letters to put in, take out or change.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view same_name(std::string_view written, const std::vector<std::string_view>& names) {
  if (written.size() > kLongest) return {};
  std::string_view same;
  for (const auto name : names) {
    if (name.size() > kLongest || !has_same_words(written, name)) continue;
    if (!same.empty()) return {};
    same = name;
  }
  return same;
}

std::string_view nearest_name(std::string_view written,
                              const std::vector<std::string_view>& names) {
  if (written.size() > kLongest) return {};
  const auto wanted = joined(words_of(written, false));
  auto least = wanted.size() / kLettersForEach + 1;
  std::string_view nearest;
  for (const auto name : names) {
    if (name.size() > kLongest) continue;
    const auto count = distance(wanted, joined(words_of(name, false)));
    if (count > least) continue;
    nearest = count < least ? name : std::string_view();
    least = count;
  }
  return nearest;
}

}  // namespace memgpt
