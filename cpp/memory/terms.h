// Terms: what a text is looked for by.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

struct Term {
  std::string_view text;  // lower-cased, without accents; valid during the call
  std::size_t begin = 0;  // bytes of the text that it was made from
  std::size_t end = 0;
  bool word = true;  // false: a piece of writing without spaces, or an emoji
};

// Words are what find_words() cuts out, without their accents. Writing without spaces gives its
// characters and its pairs of characters; with `asked` only pairs, and a character that stands
// alone. An emoji is a term; its skin tone is none.
void each_term(std::string_view utf8, bool asked, const std::function<void(const Term&)>& take);
// A term of a query.
struct AskedTerm {
  std::string text;
  bool word = true;
};
// The first `most` of them.
[[nodiscard]] std::vector<AskedTerm> asked_terms(std::string_view query, std::size_t most);

// Whether a query is to be read as English: not where the small words of another European language
// outnumber the English ones.
[[nodiscard]] bool is_english(const std::vector<AskedTerm>& query);
// "que", "und": small words of other languages, which are no words to look for in a query that is
// not English.
[[nodiscard]] bool is_foreign_stop_word(std::string_view word);

}  // namespace memgpt
