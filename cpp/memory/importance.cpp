#include "memory/importance.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string>

#include "memory/block.h"
#include "memory/text.h"
#include "memory/words.h"

namespace memgpt {

namespace {

constexpr std::size_t kMostBytes = 4000;  // of a longer text the beginning decides
constexpr int kExtraWeight = 3;           // of names and numbers
constexpr int kShortTextWords = 16;       // keeps "Oh, Anna!" from being all name

constexpr std::array<std::string_view, 42> kTimeWords = {
    "ago",    "april",    "august",  "day",      "days",      "december", "evening",
    "fall",   "february", "friday",  "january",  "july",      "june",     "last",
    "march",  "may",      "monday",  "month",    "months",    "morning",  "next",
    "night",  "november", "october", "saturday", "september", "spring",   "summer",
    "sunday", "thursday", "today",   "tomorrow", "tonight",   "tuesday",  "wednesday",
    "week",   "weekend",  "weeks",   "winter",   "year",      "years",    "yesterday"};

bool is_time_word(std::string_view word) {
  return std::find(kTimeWords.begin(), kTimeWords.end(), word) != kTimeWords.end();
}

// Written with a capital although no sentence begins here.
bool is_name(std::string_view text, const Word& word) {
  if (std::isupper(static_cast<unsigned char>(text[word.begin])) == 0) return false;
  auto before = word.begin;
  while (before > 0 && std::isspace(static_cast<unsigned char>(text[before - 1])) != 0) --before;
  return before > 0 && text[before - 1] != '.' && text[before - 1] != '!' &&
         text[before - 1] != '?';
}

bool ends_as_question(std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  return last != std::string_view::npos && text[last] == '?';
}

}  // namespace

std::int32_t importance(std::string_view text) {
  const auto head = utf8_prefix(text, kMostBytes);
  const auto words = find_words(head);
  std::set<std::string_view> content;
  std::set<std::string_view> names;
  std::set<std::string_view> numbers;
  bool has_time = false;
  for (const auto& word : words) {
    has_time = has_time || is_time_word(word.text);
    if (std::isdigit(static_cast<unsigned char>(word.text.front())) != 0) numbers.insert(word.text);
    if (is_stop_word(word.text) || count_characters(word.text) < 2) continue;
    content.insert(word.text);
    if (is_name(head, word)) names.insert(word.text);
  }
  const auto worth = content.size() + kExtraWeight * (names.size() + numbers.size());
  auto score = static_cast<std::int32_t>(1000 * worth / (words.size() + kShortTextWords));
  if (has_time) score *= 2;
  return ends_as_question(text) ? score / 2 : score;
}

}  // namespace memgpt
