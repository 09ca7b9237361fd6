#include "llm/offline_dates.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <string>

namespace memgpt::offline {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::last;
using std::chrono::month;
using std::chrono::months;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

std::string to_text(year_month_day date) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return buffer;
}

DateRange range_of(year_month_day first, year_month_day final_day) {
  return {to_text(first), to_text(final_day)};
}

// The number that a token begins with, as in "8" and "8th"; -1 where it is none.
int number_of(std::string_view token) {
  int number = -1;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
  if (error != std::errc()) return -1;
  const std::string_view rest = token.substr(static_cast<std::size_t>(end - token.data()));
  return rest.empty() || is_any_of(rest, {"st", "nd", "rd", "th"}) ? number : -1;
}

unsigned month_of(std::string_view token) {
  static constexpr std::array<std::string_view, 12> kMonths = {
      "january", "february", "march",     "april",   "may",      "june",
      "july",    "august",   "september", "october", "november", "december"};
  for (unsigned i = 0; i < 12; ++i) {
    if (token == kMonths[i] || (token == kMonths[i].substr(0, 3))) return i + 1;
  }
  return token == "sept" ? 9 : 0;
}

bool is_day(int number) { return number >= 1 && number <= 31; }
bool is_year(int number) { return number >= 1900 && number <= 2199; }

std::optional<year_month_day> date_of_time(std::string_view time) {
  if (time.size() < 10 || time[4] != '-' || time[7] != '-') return std::nullopt;
  const int y = number_of(time.substr(0, 4)), m = number_of(time.substr(5, 2)),
            d = number_of(time.substr(8, 2));
  if (y < 0 || m < 0 || d < 0) return std::nullopt;
  const year_month_day date(year(y), month(static_cast<unsigned>(m)),
                            day(static_cast<unsigned>(d)));
  return date.ok() ? std::optional(date) : std::nullopt;
}

// What the tokens around a month's name say.
struct Parts {
  unsigned month = 0;
  int day = -1;
  int year = -1;
  std::size_t first = 0, last = 0;
};

Parts read_parts(Tokens tokens, std::size_t at) {
  const auto number_at = [&](std::size_t i) {
    return i < tokens.size() ? number_of(tokens[i].text) : -1;
  };
  Parts parts{month_of(tokens[at].text), -1, -1, at, at + 1};
  const std::size_t before = at > 1 && tokens[at - 1].text == "of" ? at - 2 : at - 1;
  if (at > 0 && is_day(number_at(before))) {
    parts.day = number_at(before);
    parts.first = before;
  } else if (is_day(number_at(parts.last))) {
    parts.day = number_at(parts.last++);
  }
  if (is_year(number_at(parts.last))) parts.year = number_at(parts.last++);
  return parts;
}

std::optional<FoundDates> date_at_month(Tokens tokens, std::size_t at,
                                        std::optional<year_month_day> today) {
  Parts parts = read_parts(tokens, at);
  const bool stands_alone = parts.day < 0 && parts.year < 0;
  const bool introduced =
      at > 0 && is_any_of(tokens[at - 1].text, {"in", "during", "last", "of", "since", "this"});
  // "may", "march" and "mar" are words, too.
  if (stands_alone && !(introduced && tokens[at].capital)) return std::nullopt;
  const month m(parts.month);
  if (parts.year < 0) {
    if (!today) return std::nullopt;
    parts.year = static_cast<int>(today->year());
    const unsigned d = parts.day < 0 ? 1 : static_cast<unsigned>(parts.day);
    if (year_month_day(year(parts.year), m, day(d)) > *today) --parts.year;
  }
  if (parts.day < 0) {
    const year_month_day begin(year(parts.year), m, day(1));
    return FoundDates{range_of(begin, year_month_day(year(parts.year) / m / last)), parts.first,
                      parts.last};
  }
  const year_month_day date(year(parts.year), m, day(static_cast<unsigned>(parts.day)));
  if (!date.ok()) return std::nullopt;
  return FoundDates{range_of(date, date), parts.first, parts.last};
}

std::optional<FoundDates> iso_date(Tokens tokens, std::size_t at) {
  if (at + 3 > tokens.size() || tokens[at].text.size() != 4 || tokens[at + 1].text.size() != 2 ||
      tokens[at + 2].text.size() != 2 || tokens[at + 2].begin != tokens[at].begin + 8) {
    return std::nullopt;
  }
  const auto date =
      date_of_time(tokens[at].text + '-' + tokens[at + 1].text + '-' + tokens[at + 2].text);
  if (!date || !is_year(static_cast<int>(date->year()))) return std::nullopt;
  return FoundDates{range_of(*date, *date), at, at + 3};
}

std::optional<FoundDates> relative_date(Tokens tokens, std::size_t at, year_month_day today) {
  const sys_days now(today);
  const auto past = [&](int from, int to, std::size_t used) {
    return FoundDates{range_of(now - days(from), now - days(to)), at, at + used};
  };
  if (tokens[at].text == "today") return past(0, 0, 1);
  if (tokens[at].text == "yesterday") return past(1, 1, 1);
  if (has_phrase(tokens, at, "last week")) return past(7, 1, 2);
  if (has_phrase(tokens, at, "last month")) {
    const auto before = today.year() / today.month() - months(1);
    return FoundDates{range_of(before / day(1), year_month_day(before / last)), at, at + 2};
  }
  return std::nullopt;
}

}  // namespace

std::optional<FoundDates> find_dates(Tokens tokens, std::string_view time) {
  const auto today = date_of_time(time);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::optional<FoundDates> found;
    if (month_of(tokens[i].text) != 0) {
      found = date_at_month(tokens, i, today);
    } else if (is_year(number_of(tokens[i].text))) {
      found = iso_date(tokens, i);
    } else if (today) {
      found = relative_date(tokens, i, *today);
    }
    if (found) return found;
  }
  return std::nullopt;
}

bool has_relative_date(Tokens tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string& word = tokens[i].text;
    if (is_any_of(word, {"today", "yesterday", "tomorrow", "tonight", "ago"})) return true;
    if (i == 0 || !is_any_of(tokens[i - 1].text, {"last", "next", "this"})) continue;
    if (is_any_of(word,
                  {"week",    "weekend",   "month",    "year",   "night",    "morning", "afternoon",
                   "evening", "spring",    "summer",   "autumn", "fall",     "winter",  "monday",
                   "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}) ||
        month_of(word) != 0) {
      return true;
    }
  }
  return false;
}

}  // namespace memgpt::offline
