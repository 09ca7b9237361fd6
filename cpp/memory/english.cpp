#include "memory/english.h"

#include <algorithm>

#include "memory/words.h"

namespace memgpt {

namespace {

// A line an entry. irregular: a word and its forms; related: a word and what means much the same,
// both ways; classes: a class and its members.
constexpr std::string_view kIrregular =
#include "memory/english/irregular.inc"
    ;
constexpr std::string_view kRelated =
#include "memory/english/related.inc"
    ;
constexpr std::string_view kClasses =
#include "memory/english/classes.inc"
    ;

constexpr std::string_view kFrame =
    "kind type sort name many much long often describe mention say said tell told share shared "
    "discuss express explain according recent recently currently current date time year month day "
    "did specific particular certain various thing things something someone way ways plan "
    "considered consider likely would might";

constexpr std::string_view kTime =
    "january february march april may june july august september october november december "
    "yesterday today tomorrow tonight ago last next week weeks weekend month months year years day "
    "days monday tuesday wednesday thursday friday saturday sunday recently soon morning evening "
    "night summer winter spring fall autumn since";

template <typename Take>
void split(std::string_view text, char separator, const Take& take) {
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    if (end > 0) take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// Calls take(word, other) for each pair of a table.
template <typename Take>
void each_pair(std::string_view table, const Take& take) {
  split(table, '\n', [&](std::string_view line) {
    const auto colon = line.find(": ");
    split(line.substr(colon + 2), ' ',
          [&](std::string_view other) { take(line.substr(0, colon), other); });
  });
}

const std::vector<std::string>& found_in(
    const std::unordered_map<std::string, std::vector<std::string>>& stems, std::string_view stem) {
  static const std::vector<std::string> kNone;
  const auto found = stems.find(std::string(stem));
  return found == stems.end() ? kNone : found->second;
}

}  // namespace

English::English() {
  for (const auto word : stop_words()) stop_stems_.insert(stem(word));
  each_pair(kIrregular,
            [&](std::string_view word, std::string_view form) { lemmas_[form] = word; });
  each_pair(kRelated, [&](std::string_view word, std::string_view other) {
    relate(related_, word, other);
    relate(related_, other, word);
  });
  each_pair(kClasses, [&](std::string_view name, std::string_view member) {
    relate(members_, name, member);
  });
  split(kFrame, ' ', [&](std::string_view word) { frame_.insert(stem(lemma(word))); });
  split(kTime, ' ', [&](std::string_view word) { time_.insert(word); });
}

void English::relate(Stems& out, std::string_view word, std::string_view other) const {
  const auto from = stem(lemma(word));
  const auto to = stem(lemma(other));
  if (from == to || stop_stems_.contains(to)) return;
  auto& list = out[from];
  const auto place = std::lower_bound(list.begin(), list.end(), to);
  if (place == list.end() || *place != to) list.insert(place, to);
}

std::string_view English::lemma(std::string_view word) const {
  const auto found = lemmas_.find(word);
  return found == lemmas_.end() ? word : found->second;
}

const std::vector<std::string>& English::related(std::string_view stem) const {
  return found_in(related_, stem);
}

const std::vector<std::string>& English::members(std::string_view stem) const {
  return found_in(members_, stem);
}

bool English::frames_a_question(std::string_view stem) const {
  return frame_.contains(std::string(stem));
}

bool English::tells_time(std::string_view word) const { return time_.contains(word); }

const English& english() {
  static const English kEnglish;
  return kEnglish;
}

}  // namespace memgpt
