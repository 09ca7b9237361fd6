#include "memory/words.h"

#include <algorithm>
#include <array>
#include <span>

namespace memgpt {
namespace {

// Reads one code point and moves `at` behind it; U+FFFD for a byte that begins none.
char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at++);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xC2 && lead < 0xE0   ? 1
                   : lead >= 0xE0 && lead < 0xF0 ? 2
                   : lead >= 0xF0 && lead < 0xF5 ? 3
                                                 : 0;
  if (more == 0 || text.size() - at < static_cast<std::size_t>(more)) return 0xFFFD;
  char32_t c = lead & (0x3F >> more);
  for (int i = 0; i < more; ++i) {
    const unsigned char b = byte(at + static_cast<std::size_t>(i));
    if ((b & 0xC0) != 0x80) return 0xFFFD;
    c = c << 6 | (b & 0x3F);
  }
  const bool bad = (more == 2 && (c < 0x800 || (c >= 0xD800 && c < 0xE000))) ||
                   (more == 3 && (c < 0x10000 || c > 0x10FFFF));
  if (bad) return 0xFFFD;
  at += static_cast<std::size_t>(more);
  return c;
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t b) { out.push_back(static_cast<char>(b)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

bool within(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

bool is_letter_or_digit(char32_t c) {
  if (c < 0x80) return within(c, '0', '9') || within(c, 'a', 'z') || within(c, 'A', 'Z');
  if (c < 0xC0)
    return c == 0xAA || c == 0xB5 || c == 0xBA || within(c, 0xB2, 0xB3) || c == 0xB9 ||
           within(c, 0xBC, 0xBE);
  // Numbers among the symbols: raised, lowered, fractions, Roman, circled.
  if (within(c, 0x2070, 0x2079) || within(c, 0x207F, 0x2089) || within(c, 0x2090, 0x209C) ||
      within(c, 0x2150, 0x2189) || within(c, 0x2460, 0x249B) || within(c, 0x24EA, 0x24FF) ||
      within(c, 0x2776, 0x2793))
    return true;
  if (c == 0xD7 || c == 0xF7 || c == 0x37E || c == 0x387 || c == 0xFFFD) return false;
  struct Range {
    char32_t first, last;
  };
  // Punctuation, symbols, private use and variation selectors: whatever else is a letter.
  static constexpr Range kOther[] = {
      {0x2000, 0x2BFF},   {0x2E00, 0x2E7F},   {0x3000, 0x3004}, {0x3008, 0x3020}, {0x3030, 0x3030},
      {0x30FB, 0x30FB},   {0xE000, 0xF8FF},   {0xFE00, 0xFE6F}, {0xFEFF, 0xFF0F}, {0xFF1A, 0xFF20},
      {0xFF3B, 0xFF40},   {0xFF5B, 0xFF65},   {0xFFE0, 0xFFFF}, {0x589, 0x58F},   {0x60C, 0x60D},
      {0x61B, 0x61F},     {0x66A, 0x66D},     {0x6D4, 0x6D4},   {0x964, 0x965},   {0xE3F, 0xE3F},
      {0x1F000, 0x1FAFF}, {0xE0000, 0x10FFFF}};
  return std::none_of(std::begin(kOther), std::end(kOther),
                      [c](const Range& r) { return within(c, r.first, r.last); });
}

char32_t lower_latin(char32_t c) {
  if (within(c, 0xC0, 0xDE)) return c + 32;
  if (c == 0x130) return 'i';
  if (c == 0x178) return 0xFF;
  const bool odd_is_upper = within(c, 0x139, 0x148) || within(c, 0x179, 0x17E);
  if (odd_is_upper) return c % 2 == 1 ? c + 1 : c;
  const bool even_is_upper = within(c, 0x100, 0x137) || within(c, 0x14A, 0x177) ||
                             within(c, 0x1E00, 0x1E95) || within(c, 0x1EA0, 0x1EFF);
  return even_is_upper && c % 2 == 0 ? c + 1 : c;
}

char32_t lower(char32_t c) {
  if (c < 0x80) return within(c, 'A', 'Z') ? c + 32 : c;
  if (c < 0x370 || within(c, 0x1E00, 0x1EFF)) return lower_latin(c);
  if (c < 0x400) {  // Greek; the final sigma is a sigma
    if (within(c, 0x391, 0x3A9)) return c + 32;
    if (within(c, 0x388, 0x38A)) return c + 37;
    if (within(c, 0x38E, 0x38F)) return c + 63;
    return c == 0x386 ? 0x3AC : c == 0x38C ? 0x3CC : c == 0x3C2 ? 0x3C3 : c;
  }
  if (c < 0x530) {  // Cyrillic
    if (within(c, 0x410, 0x42F)) return c + 32;
    if (within(c, 0x400, 0x40F)) return c + 80;
    if (within(c, 0x4C1, 0x4CE)) return c % 2 == 1 ? c + 1 : c;
    const bool even_is_upper =
        within(c, 0x460, 0x481) || within(c, 0x48A, 0x4BF) || within(c, 0x4D0, 0x52F);
    return even_is_upper && c % 2 == 0 ? c + 1 : c;
  }
  return within(c, 0xFF21, 0xFF3A) ? c + 32 : c;
}

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

std::u32string code_points(std::string_view utf8) {
  std::u32string points;
  for (std::size_t at = 0; at < utf8.size();) points.push_back(next_code_point(utf8, at));
  return points;
}

bool is_cjk(char32_t c) {
  return within(c, 0x3005, 0x3007) || within(c, 0x3021, 0x302F) || within(c, 0x3031, 0x30FA) ||
         within(c, 0x30FC, 0x30FF) || within(c, 0x31F0, 0x31FF) || within(c, 0x3400, 0x4DBF) ||
         within(c, 0x4E00, 0x9FFF) || within(c, 0xF900, 0xFAFF) || within(c, 0xFF66, 0xFF9D) ||
         within(c, 0x20000, 0x323AF);
}

}  // namespace memgpt
