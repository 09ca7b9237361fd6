// What a head sees of the indexes of its branches.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/text_index.h"

namespace memgpt {

// Rows that are seen: the first `rows` of an index. Several make a line, oldest first.
struct SeenRows {
  const TextIndex* index = nullptr;
  std::size_t rows = 0;
};

// Rows of a line that have a label, or a term, counted through; in order.
[[nodiscard]] std::vector<std::uint32_t> rows_with(const Vocabulary& vocabulary,
                                                   const std::vector<SeenRows>& line,
                                                   const std::string& label);

// BM25's weight of a word that `with` of the rows have; never 0.
[[nodiscard]] double idf_of(std::size_t rows, std::size_t with);
// BM25's idf of a word's stem; 0 where no row has it.
[[nodiscard]] double idf(const Vocabulary& vocabulary, const std::vector<SeenRows>& line,
                         std::string_view word);

}  // namespace memgpt
