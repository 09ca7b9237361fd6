// A query taken apart: the words to look for, what else is known of it, and the phrases in it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/ranking.h"

namespace memgpt {

// A word of a query with the words that count as it.
struct Concept {
  std::string stem;
  double weight = 1;
  bool word = true;  // false: a piece of writing without spaces, or an emoji
  std::vector<std::pair<std::string, double>> variants;  // stems and weights, its own first
};

struct QueryWords {
  std::vector<Concept> concepts;                  // in the order of the query, each once
  std::vector<std::string> said;                  // all words, in order
  std::vector<std::vector<std::string>> phrases;  // in quotation marks, two words or more
  bool only_phrases = false;                      // nothing stands outside the quotation marks
  bool asks_when = false;
  bool asks_name = false;  // who, where, which, ...
  // Of the options, and neither in a query that is not English.
  bool stem = true;
  bool irregular = true;
};

[[nodiscard]] QueryWords query_words(std::string_view query, const RankingOptions& options);

// The stem that a form is found by, as the options will have it.
[[nodiscard]] std::string stem_of(std::string_view form, const RankingOptions& options);

// Whether a text has the words of a phrase, one behind the other.
[[nodiscard]] bool has_phrase(std::string_view text, const std::vector<std::string>& phrase);

// Whether two words differ by one letter put in, left out or replaced, or two neighbours swapped.
[[nodiscard]] bool is_one_slip(std::string_view a, std::string_view b);

}  // namespace memgpt
