// What dates are written with: numbers, names of months, clocks.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memory/message.h"

namespace memgpt {

struct DateWord {
  // date: in figures, such as 2023-05-08, 8.5.2023, 2023-05, 8.5.; dash: between two dates.
  enum class Kind { number, word, date, clock, dash };
  Kind kind = Kind::word;
  std::string text;  // of words, lower-cased
  int number = 0;    // of numbers
  std::size_t figures = 0;
  bool ordinal = false;              // "8th"
  int year = 0, month = 0, day = 0;  // of dates; 0 = not said
  bool week = false;                 // the date stands for the week that begins with it
  TimeUs clock_us = 0;               // of clocks: since midnight
  TimeUs grain_us = 0;               // what the last figure stands for, e.g. a minute
  std::optional<int> offset_s;       // "Z", "+02:00"
};

// Without commas and without the words that change nothing ("the", "of", "on", "in", "at",
// "during").
// Throws InvalidInput for figures that cannot be read as one date only.
[[nodiscard]] std::vector<DateWord> date_words(std::string_view text);

// 1 = January ... 12; by its name or its first three letters ("sept" too); 0 = none.
[[nodiscard]] int month_named(std::string_view lower_case);
// 0 = Monday ... 6; by its name or its first letters ("mon", "tues"); -1 = none.
[[nodiscard]] int weekday_named(std::string_view lower_case);
[[nodiscard]] std::string month_name(int month);
[[nodiscard]] std::string weekday_name(int weekday);
// "a", "one" ... "twelve", "couple" = 2, "few" = 3; 0 = none.
[[nodiscard]] int number_named(std::string_view lower_case);

// Throws InvalidInput: `text` is no date, and why.
[[noreturn]] void refuse_date(std::string_view text, const std::string& why);

}  // namespace memgpt
