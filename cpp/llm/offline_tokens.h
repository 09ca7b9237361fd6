// Sentences and words as the offline model's rules see them.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt::offline {

// A word with its contraction undone: "I'm" is the two tokens "i" and "am" over the same bytes.
struct Token {
  std::string text;  // lower case
  std::size_t begin = 0;
  std::size_t end = 0;
  bool capital = false;  // begins with a capital letter
};
using Tokens = std::span<const Token>;

[[nodiscard]] std::vector<Token> tokenize(std::string_view text);
// The word at `at`; empty past the end.
[[nodiscard]] std::string_view word_at(Tokens tokens, std::size_t at);
[[nodiscard]] bool is_any_of(std::string_view word, std::initializer_list<std::string_view> list);
// The tokens from `at` on are the words of `phrase`, which are divided by single spaces.
[[nodiscard]] bool has_phrase(Tokens tokens, std::size_t at, std::string_view phrase);

struct Sentence {
  std::size_t begin = 0;  // bytes of the text, without the closing punctuation
  std::size_t end = 0;
  bool asks = false;  // ends with a question mark
};
[[nodiscard]] std::vector<Sentence> split_sentences(std::string_view text);

}  // namespace memgpt::offline
