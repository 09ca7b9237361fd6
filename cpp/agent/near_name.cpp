#include "agent/near_name.h"

#include <algorithm>
#include <optional>

namespace memgpt {

namespace {

constexpr std::size_t kLongest = 128;       // of a name that is looked at
constexpr std::size_t kTypoLetters = 5;     // of a word in which a letter may be wrong
constexpr std::size_t kSwappedLetters = 4;  // of one in which two may have changed places
constexpr int kMostTypos = 2;

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool separates(char c) { return c == '_' || c == '-' || c == ' '; }
char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

std::string folded(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (!separates(c)) out += lower(c);
  return out;
}

std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool hump = i > 0 && is_upper(name[i]) && is_lower(name[i - 1]);
    if ((separates(name[i]) || hump) && !words.back().empty()) words.emplace_back();
    if (!separates(name[i])) words.back() += lower(name[i]);
  }
  return words;
}

bool is_typo(std::string_view a, std::string_view b) {
  const auto plain = [](std::string_view word) {
    return std::all_of(word.begin(), word.end(), is_lower);
  };
  if (!plain(a) || !plain(b) || a.empty() || b.empty()) return false;
  const auto shorter = std::min(a.size(), b.size());
  std::size_t i = 0;
  while (i < shorter && a[i] == b[i]) ++i;
  const auto rest_a = a.substr(i);
  const auto rest_b = b.substr(i);
  if (a.size() == b.size() && rest_a.size() > 1 && rest_a[0] == rest_b[1] &&
      rest_a[1] == rest_b[0] && rest_a.substr(2) == rest_b.substr(2))
    return shorter >= kSwappedLetters;
  if (i == 0 || shorter < kTypoLetters) return false;
  if (a.size() == b.size()) return rest_a.substr(1) == rest_b.substr(1);
  if (a.size() == b.size() + 1) return rest_a.substr(1) == rest_b;
  return b.size() == a.size() + 1 && rest_b.substr(1) == rest_a;
}

std::optional<int> typos_between(const std::vector<std::string>& a,
                                 const std::vector<std::string>& b) {
  if (a.size() != b.size()) return std::nullopt;
  int typos = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    if (!is_typo(a[i], b[i])) return std::nullopt;
    ++typos;
  }
  if (typos > kMostTypos) return std::nullopt;
  return typos;
}

}  // namespace

std::string_view near_name(std::string_view written, const std::vector<std::string_view>& names,
                           bool typos) {
  if (written.size() > kLongest) return {};
  const auto wanted = folded(written);
  if (wanted.empty()) return {};
  std::string_view same;
  for (const auto name : names) {
    if (folded(name) != wanted) continue;
    if (!same.empty()) return {};
    same = name;
  }
  if (!same.empty() || !typos) return same;
  const auto words = words_of(written);
  std::string_view nearest;
  int least = kMostTypos + 1;
  bool tie = false;
  for (const auto name : names) {
    const auto count = typos_between(words, words_of(name));
    if (!count || *count > least) continue;
    tie = *count == least;
    least = *count;
    nearest = name;
  }
  return tie ? std::string_view() : nearest;
}

}  // namespace memgpt
