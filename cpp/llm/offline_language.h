// The little English that the offline model has: sentences, what is asked, what is to be kept.
#pragma once

#include <initializer_list>
#include <optional>
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
[[nodiscard]] bool is_any_of(std::string_view word, std::initializer_list<std::string_view> list);
// The tokens from `at` on are the words of `phrase`, which are divided by single spaces.
[[nodiscard]] bool has_phrase(Tokens tokens, std::size_t at, std::string_view phrase);

struct Sentence {
  std::size_t begin = 0;  // bytes of the text, without the closing punctuation
  std::size_t end = 0;
  bool asks = false;  // ends with a question mark
};
[[nodiscard]] std::vector<Sentence> split_sentences(std::string_view text);

// Days as "2023-05-08", both inclusive.
struct DateRange {
  std::string start;
  std::string end;
};

// A word to search for.
struct Term {
  std::string text;                // as it was written, or a word of kindred meaning
  std::vector<std::string> stems;  // of the word and of its kindred
};

enum class Subject { other, user, model };

struct Question {
  std::vector<Term> terms;
  std::optional<DateRange> dates;
  Subject subject = Subject::other;  // whom it is about, where there is nothing to search for
  bool of_oneself = false;           // says "I" or "my"
};

struct Understanding {
  std::vector<std::string> statements;  // sentences that may hold facts about the speaker
  std::vector<std::string> keep;        // what the speaker asks to keep
  std::optional<Question> question;
};

// `time`: when it was said, "2023-05-08 13:56" or empty.
[[nodiscard]] Understanding understand(std::string_view text, std::string_view time);

}  // namespace memgpt::offline
