// Dates as people and models write them. Pure: what is relative is reckoned from a time that is
// given. Dates are of the Gregorian calendar, years 1 to 9999; local times as in time_zone.h.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "memory/time_zone.h"

namespace memgpt {

// [begin, end), in local microseconds.
struct DateSpan {
  TimeUs begin = 0;
  TimeUs end = 0;
  // The text gave an offset ("Z", "+02:00"): these are UTC.
  bool begin_is_utc = false;
  bool end_is_utc = false;
  bool moment = false;  // a time of day was named: `end` is where its last figure ends
};

// The span of time that a text names, in upper or lower case:
// - days: 2023-05-08, 2023/05/08, 20230508, 2023-W19-1, 8 May 2023, May 8th, 8-May-2023, 8.5.2023
//   (day, month, year), 05/08/2023 (month, day, year; day, month, year where the first number is
//   over 12); 13-05-2023 only where one number is over 12;
// - times: a day and a clock: 13:56, 13:56:07.5, T13:56, 1:56 pm, 3pm; with Z, UTC or +02:00 they
//   are absolute; "morning" (0-12), "afternoon" (12-18), "evening" (18-24), "night" (18-6); now;
// - months, years, seasons: May 2023, 2023-05, May, 2023, summer 2022, this summer; seasons are
//   of the northern half of the earth, from the first of a month; winter 2022 begins in December
//   2022; early, mid, late May 2023;
// - from now on: today, yesterday, tomorrow, tonight, the day before yesterday; Monday, last
//   Monday, next Friday; last, this, next week (from Monday), weekend, month, year, May, summer;
//   the past week, last 3 months, next 10 days (up to the end, or from the beginning, of today);
//   3 days ago; two weeks ago, a month ago, a year ago: the week, 30 days or year around that day;
// - ranges: from X to Y, X to Y, X - Y, between X and Y; since X, from X (X included), after X,
//   before X, until X (X included), open to year 1 or 9999. What one side does not say it takes
//   from the other: May to July 2023, 8-12 May.
// Without a year, or as a weekday alone, it is the last one that has begun. Numbers may be words up
// to twelve; a couple is 2, a few are 3.
// Throws InvalidInput, and says what to write.
[[nodiscard]] DateSpan parse_date(std::string_view text, TimeUs now_local);

// The same in UTC, on the clocks of a zone. Where those are put back, the span is all that they
// show by its name. Throws InvalidInput.
struct UtcSpan {
  TimeUs begin = 0;
  TimeUs end = 0;
  bool moment = false;
};
[[nodiscard]] UtcSpan parse_date_in(std::string_view text, TimeUs now_utc, const UtcOffset& offset);

// What a search query names inside a sentence.
struct QueryDates {
  std::vector<std::pair<TimeUs, TimeUs>> spans;  // [begin, end) in local microseconds
  unsigned months = 0;                           // of any year: bit 0 = January
};
// Months (with or without a day, which counts as its month) with and without a year, years where
// there is no month; and, where the time of asking is known, "yesterday", "last week", "two weeks
// ago", "last May". Never throws; what is no date names none.
[[nodiscard]] QueryDates dates_in_query(std::string_view text, std::optional<TimeUs> now_local);

}  // namespace memgpt
