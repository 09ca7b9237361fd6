#include "memory/words.h"

#include <algorithm>
#include <array>
#include <span>

#include "memory/unicode.h"

namespace memgpt {
namespace {

// --- Porter's algorithm, on a word of the letters a to z ---

bool is_consonant(std::string_view word, std::size_t i) {
  switch (word[i]) {
    case 'a':
    case 'e':
    case 'i':
    case 'o':
    case 'u': return false;
    case 'y': return i == 0 || !is_consonant(word, i - 1);
    default: return true;
  }
}

// Porter's m: how often a vowel is followed by a consonant.
int measure(std::string_view word) {
  int m = 0;
  for (std::size_t i = 1; i < word.size(); ++i) {
    if (is_consonant(word, i) && !is_consonant(word, i - 1)) ++m;
  }
  return m;
}

bool has_vowel(std::string_view word) {
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (!is_consonant(word, i)) return true;
  }
  return false;
}

bool ends_in_double_consonant(std::string_view word) {
  const std::size_t n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && is_consonant(word, n - 1);
}

// Porter's *o: ends consonant, vowel, consonant, and the last is not w, x or y.
bool ends_in_short_syllable(std::string_view word) {
  const std::size_t n = word.size();
  if (n < 3 || !is_consonant(word, n - 3) || is_consonant(word, n - 2)) return false;
  return is_consonant(word, n - 1) && word[n - 1] != 'w' && word[n - 1] != 'x' &&
         word[n - 1] != 'y';
}

struct Suffix {
  std::string_view ending, instead;
};

// The first suffix that the word has decides, whether or not what is left is long enough.
void replace_suffix(std::string& word, std::span<const Suffix> suffixes, int more_than) {
  for (const Suffix& suffix : suffixes) {
    if (!word.ends_with(suffix.ending)) continue;
    const std::size_t left = word.size() - suffix.ending.size();
    const std::string_view root = std::string_view(word).substr(0, left);
    const bool ion = suffix.ending == "ion";
    const bool fits = !ion || root.ends_with('s') || root.ends_with('t');
    if (fits && measure(root) > more_than) word.replace(left, std::string::npos, suffix.instead);
    return;
  }
}

void strip_plural(std::string& word) {
  if (word.ends_with("sses") || word.ends_with("ies")) {
    word.resize(word.size() - 2);
  } else if (word.ends_with('s') && !word.ends_with("ss")) {
    word.pop_back();
  }
}

void strip_ed_and_ing(std::string& word) {
  if (word.ends_with("eed")) {
    if (measure(std::string_view(word).substr(0, word.size() - 3)) > 0) word.pop_back();
    return;
  }
  const std::size_t cut = word.ends_with("ed") ? 2 : word.ends_with("ing") ? 3 : 0;
  if (cut == 0 || !has_vowel(std::string_view(word).substr(0, word.size() - cut))) return;
  word.resize(word.size() - cut);
  if (word.ends_with("at") || word.ends_with("bl") || word.ends_with("iz")) {
    word.push_back('e');
  } else if (ends_in_double_consonant(word)) {
    const char last = word.back();
    if (last != 'l' && last != 's' && last != 'z') word.pop_back();
  } else if (measure(word) == 1 && ends_in_short_syllable(word)) {
    word.push_back('e');
  }
}

void strip_final_e_and_l(std::string& word) {
  if (word.ends_with('e')) {
    const std::string_view root = std::string_view(word).substr(0, word.size() - 1);
    const int m = measure(root);
    if (m > 1 || (m == 1 && !ends_in_short_syllable(root))) word.pop_back();
  }
  if (word.ends_with("ll") && measure(std::string_view(word).substr(0, word.size() - 1)) > 1) {
    word.pop_back();
  }
}

constexpr Suffix kStep2[] = {
    {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"}, {"eli", "e"},     {"ousli", "ous"},
    {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},  {"alism", "al"},  {"iveness", "ive"},
    {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},  {"iviti", "ive"}, {"biliti", "ble"},
    {"logi", "log"}};
constexpr Suffix kStep3[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                             {"ical", "ic"},  {"ful", ""},   {"ness", ""}};
constexpr Suffix kStep4[] = {{"al", ""},   {"ance", ""}, {"ence", ""}, {"er", ""},    {"ic", ""},
                             {"able", ""}, {"ible", ""}, {"ant", ""},  {"ement", ""}, {"ment", ""},
                             {"ent", ""},  {"ion", ""},  {"ou", ""},   {"ism", ""},   {"ate", ""},
                             {"iti", ""},  {"ous", ""},  {"ive", ""},  {"ize", ""}};

// In order, for binary search. "may" is not among them: it is also a month.
constexpr std::array kStopWords = std::to_array<std::string_view>(
    {"a",         "about",   "above",   "after",    "again",     "against",    "all",     "also",
     "am",        "an",      "and",     "any",      "are",       "aren",       "as",      "at",
     "be",        "because", "been",    "before",   "being",     "below",      "between", "both",
     "but",       "by",      "can",     "cannot",   "could",     "couldn",     "d",       "did",
     "didn",      "do",      "does",    "doesn",    "doing",     "don",        "down",    "during",
     "each",      "either",  "etc",     "ever",     "few",       "for",        "from",    "further",
     "had",       "hadn",    "has",     "hasn",     "have",      "haven",      "having",  "he",
     "her",       "here",    "hers",    "herself",  "him",       "himself",    "his",     "how",
     "i",         "if",      "in",      "into",     "is",        "isn",        "it",      "its",
     "itself",    "just",    "ll",      "m",        "me",        "might",      "more",    "most",
     "must",      "my",      "myself",  "no",       "nor",       "not",        "now",     "of",
     "off",       "on",      "once",    "only",     "or",        "other",      "our",     "ours",
     "ourselves", "out",     "over",    "own",      "re",        "s",          "same",    "shall",
     "she",       "should",  "shouldn", "so",       "some",      "such",       "t",       "than",
     "that",      "the",     "their",   "theirs",   "them",      "themselves", "then",    "there",
     "these",     "they",    "this",    "those",    "through",   "to",         "too",     "under",
     "until",     "up",      "us",      "ve",       "very",      "was",        "wasn",    "we",
     "were",      "weren",   "what",    "when",     "where",     "which",      "while",   "who",
     "whom",      "whose",   "why",     "will",     "with",      "won",        "would",   "wouldn",
     "you",       "your",    "yours",   "yourself", "yourselves"});
static_assert(std::is_sorted(kStopWords.begin(), kStopWords.end()));

}  // namespace

std::vector<Word> find_words(std::string_view utf8) {
  enum class Kind { none, letters, cjk };
  std::vector<Word> found;
  Kind before = Kind::none;
  for (std::size_t at = 0; at < utf8.size();) {
    const std::size_t begin = at;
    const char32_t c = next_code_point(utf8, at);
    const Kind kind = is_cjk(c) ? Kind::cjk : is_letter_or_digit(c) ? Kind::letters : Kind::none;
    if (kind != Kind::none) {
      if (kind != before) found.push_back({"", begin, begin});
      append_utf8(found.back().text, lower(c));
      found.back().end = at;
    }
    before = kind;
  }
  return found;
}

std::vector<std::string> words(std::string_view utf8) {
  std::vector<std::string> texts;
  for (Word& word : find_words(utf8)) texts.push_back(std::move(word.text));
  return texts;
}

std::span<const std::string_view> stop_words() { return kStopWords; }

bool is_stop_word(std::string_view lower_case) {
  return std::binary_search(kStopWords.begin(), kStopWords.end(), lower_case);
}

std::string stem(std::string_view lower_case) {
  std::string word(lower_case);
  // Longer ones are no English words, and the work would grow with the square of the length.
  if (word.size() < 3 || word.size() > 64) return word;
  if (!std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; })) {
    return word;
  }
  strip_plural(word);
  strip_ed_and_ing(word);
  if (word.ends_with('y') && has_vowel(std::string_view(word).substr(0, word.size() - 1))) {
    word.back() = 'i';
  }
  replace_suffix(word, kStep2, 0);
  replace_suffix(word, kStep3, 0);
  replace_suffix(word, kStep4, 1);
  strip_final_e_and_l(word);
  return word;
}

}  // namespace memgpt
