// Words of a text: cut out, lower-cased, told from stop words, and stemmed.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

// A word, lower-cased, and the bytes of the text that it was made from.
struct Word {
  std::string text;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Everything but letters and digits separates words, and so do invalid bytes; a run of Chinese
// characters or kana is a word of its own. Latin, Greek and Cyrillic letters are lower-cased.
[[nodiscard]] std::vector<Word> find_words(std::string_view utf8);
[[nodiscard]] std::vector<std::string> words(std::string_view utf8);

// English words that say little by themselves ("the", "what", the "don" and "t" of "don't").
[[nodiscard]] bool is_stop_word(std::string_view lower_case);

// All of them, in order.
[[nodiscard]] std::span<const std::string_view> stop_words();

// The stem of an English word by M. F. Porter, "An algorithm for suffix stripping", Program 14(3),
// 1980, with the two departures that Porter's own program makes ("bli", "logi"), as SQLite's
// stemmer has them. Words with anything but the letters a to z come back as they are.
[[nodiscard]] std::string stem(std::string_view lower_case);

}  // namespace memgpt
