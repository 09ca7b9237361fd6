// Dates as people write them in a question.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "llm/offline_language.h"
#include "llm/offline_tokens.h"

namespace memgpt::offline {

struct FoundDates {
  DateRange range;
  std::size_t first = 0;  // the tokens that say it: [first, last)
  std::size_t last = 0;
};

// "8 May 2023", "May 8th", "May 2023", "in May", "2023-05-08", "today", "yesterday", "last month".
// A date without a year is the last such date up to `time` ("2023-05-08 13:56").
[[nodiscard]] std::optional<FoundDates> find_dates(Tokens tokens, std::string_view time);

// The sentence says when only in relation to the day it is said ("yesterday", "next week").
[[nodiscard]] bool has_relative_date(Tokens tokens);

}  // namespace memgpt::offline
