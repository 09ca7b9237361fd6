#include "agent/near_name.h"

#include <algorithm>
#include <array>
#include <optional>

namespace memgpt {

namespace {

constexpr std::size_t kLongest = 128;    // of a name that is looked at
constexpr std::size_t kTypoLetters = 4;  // of a word that may have one
constexpr int kMostTypos = 1;

// Words that are others with two letters changed, or with one doubled: who writes them means them.
constexpr std::array<std::string_view, 91> kWords = {
    "angel",   "angle",   "bared",   "baring",   "barred",  "barring",  "blot",   "board",
    "bolt",    "broad",   "bused",   "bussed",   "calm",    "cannon",   "canon",  "casual",
    "causal",  "clam",    "coma",    "comma",    "coral",   "corral",   "dairy",  "decent",
    "descent", "desert",  "dessert", "diary",    "diner",   "dining",   "dinner", "dinning",
    "field",   "filed",   "files",   "fires",    "flies",   "form",     "fries",  "from",
    "griped",  "gripped", "hoping",  "hopping",  "later",   "latter",   "loose",  "loosing",
    "lose",    "losing",  "marital", "martial",  "moped",   "moping",   "mopped", "mopping",
    "planed",  "planing", "planned", "planning", "quiet",   "quite",    "rating", "ratting",
    "robbed",  "robed",   "sacred",  "salt",     "scared",  "sign",     "silver", "sing",
    "slat",    "sliver",  "stared",  "staring",  "starred", "starring", "super",  "supper",
    "taped",   "taping",  "tapped",  "tapping",  "trail",   "trial",    "unite",  "united",
    "untie",   "untied",  "writing"};

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool separates(char c) { return c == '_' || c == '-' || c == ' '; }
char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_word(std::string_view word) {
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

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

// Two letters that changed places, or one that is doubled where it is single, or the other way
// round. A letter more, fewer or other makes another word too easily: charge and change, payer and
// payee, unlock and lock.
bool is_typo(std::string_view written, std::string_view known) {
  if (!std::all_of(written.begin(), written.end(), is_lower) ||
      !std::all_of(known.begin(), known.end(), is_lower) ||
      std::min(written.size(), known.size()) < kTypoLetters || is_word(written))
    return false;
  std::size_t i = 0;
  while (i < std::min(written.size(), known.size()) && written[i] == known[i]) ++i;
  const auto rest = written.substr(i);
  const auto wanted = known.substr(i);
  if (written.size() == known.size())
    return rest.size() > 1 && rest[0] == wanted[1] && rest[1] == wanted[0] &&
           rest.substr(2) == wanted.substr(2);
  const bool longer = written.size() == known.size() + 1;
  if (i == 0 || (!longer && known.size() != written.size() + 1)) return false;
  const auto more = longer ? rest : wanted;
  return more[0] == known[i - 1] && more.substr(1) == (longer ? wanted : rest);
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
