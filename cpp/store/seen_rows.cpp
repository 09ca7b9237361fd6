#include "store/seen_rows.h"

#include <algorithm>

#include "memory/exact.h"
#include "store/query_words.h"

namespace memgpt {

std::vector<std::uint32_t> rows_with(const Vocabulary& vocabulary,
                                     const std::vector<SeenRows>& line, const std::string& label) {
  std::vector<std::uint32_t> rows;
  const auto form = vocabulary.find(label);
  std::size_t offset = 0;
  for (const auto& part : line) {
    if (form)
      for (const auto posting : part.index->postings(*form, part.rows))
        rows.push_back(static_cast<std::uint32_t>(offset + posting.row()));
    offset += part.rows;
  }
  return rows;
}

double idf_of(std::size_t rows, std::size_t with) {
  const auto n = static_cast<double>(rows);
  const auto df = static_cast<double>(with);
  return logarithm(1 + (n - df + 0.5) / (df + 0.5));
}

double idf(const Vocabulary& vocabulary, const std::vector<SeenRows>& line, std::string_view word) {
  std::vector<std::uint32_t> forms;
  const auto same = vocabulary.with_stem(stem_of(word, {}));
  forms.assign(same.begin(), same.end());
  if (forms.empty())
    if (const auto form = vocabulary.find(word)) forms.push_back(*form);
  std::size_t rows = 0;
  std::size_t with = 0;
  std::vector<std::uint32_t> has;
  for (const auto& part : line) {
    has.clear();
    for (const auto form : forms)
      for (const auto posting : part.index->postings(form, part.rows)) has.push_back(posting.row());
    std::sort(has.begin(), has.end());
    with += static_cast<std::size_t>(std::unique(has.begin(), has.end()) - has.begin());
    rows += part.rows;
  }
  return with == 0 ? 0 : idf_of(rows, with);
}

}  // namespace memgpt
