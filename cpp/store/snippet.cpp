#include "store/snippet.h"

#include <algorithm>
#include <unordered_map>

#include "memory/terms.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::size_t kSearched = 1'000'000;  // bytes of a text
constexpr std::size_t kBefore = 60;           // bytes shown before the first mark
constexpr std::string_view kLeftOut = "...";

struct Mark {
  std::size_t begin;
  std::size_t end;
  double weight;
};

std::vector<Mark> find_marks(std::string_view text, const QueryTerms& query) {
  std::vector<Mark> marks;
  std::unordered_map<std::string, double> known;
  each_term(text, false, [&](const Term& term) {
    const auto [entry, is_new] = known.try_emplace(std::string(term.text), 0.0);
    if (is_new) entry->second = query.weight(entry->first);
    if (entry->second <= 0) return;
    // Pairs of characters overlap.
    if (!marks.empty() && term.begin < marks.back().end) {
      marks.back().end = std::max(marks.back().end, term.end);
      marks.back().weight += entry->second / 2;
    } else {
      marks.push_back({term.begin, term.end, entry->second});
    }
  });
  return marks;
}

// The first mark of the piece that has most weight.
std::size_t best_begin(const std::vector<Mark>& marks, std::size_t length) {
  std::size_t best = 0;
  double most = 0;
  double weight = 0;
  std::size_t last = 0;
  for (std::size_t first = 0; first < marks.size(); ++first) {
    while (last < marks.size() && marks[last].end <= marks[first].begin + length)
      weight += marks[last++].weight;
    if (weight > most) {
      most = weight;
      best = first;
    }
    if (last > first)
      weight -= marks[first].weight;
    else
      last = first + 1;
  }
  return best;
}

}  // namespace

Snippet make_snippet(std::string_view text, const QueryTerms& query, std::size_t length) {
  Snippet snippet;
  const auto marks = find_marks(utf8_prefix(text, kSearched), query);
  std::size_t begin = 0;
  std::size_t end = text.size();
  if (text.size() > length) {
    const auto room = length - std::min(kBefore, length / 2);
    if (!marks.empty()) {
      const auto first = marks[best_begin(marks, room)].begin;
      begin = first > kBefore ? utf8_prefix(text, first - kBefore).size() : 0;
      // Not in the middle of a word, if that is to be had.
      const auto space = text.substr(begin, first - begin).find(' ');
      if (begin > 0 && space != std::string_view::npos) begin += space + 1;
    }
    if (text.size() - begin < length) begin = utf8_prefix(text, text.size() - length).size();
    end = begin + utf8_prefix(text.substr(begin), length).size();
  }
  if (begin > 0) snippet.text = kLeftOut;
  const auto shift = snippet.text.size();
  snippet.text += text.substr(begin, end - begin);
  if (end < text.size()) snippet.text += kLeftOut;
  for (const auto& mark : marks)
    if (mark.begin >= begin && mark.end <= end)
      snippet.marks.emplace_back(mark.begin - begin + shift, mark.end - begin + shift);
  return snippet;
}

}  // namespace memgpt
