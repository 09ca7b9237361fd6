// The piece of a text that a search shows, and where the query's words are in it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/ranking.h"

namespace memgpt {

struct Snippet {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>> marks;  // [begin, end) in bytes, in order
};

// About `length` bytes of `text` where it has most of the query's words; all of a shorter text.
// "..." stands for what was left out.
[[nodiscard]] Snippet make_snippet(std::string_view text, const QueryTerms& query,
                                   std::size_t length = 200);

}  // namespace memgpt
