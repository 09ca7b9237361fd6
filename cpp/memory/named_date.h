// What one expression of a date names ("8 May", "last week", "yesterday 13:56"), before it is known
// which of several it is. Used by dates.cpp.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "memory/calendar.h"
#include "memory/date_words.h"
#include "memory/dates.h"

namespace memgpt {

using DateWords = std::span<const DateWord>;

// Hours of a day; where `to` is over 24, of the next one too.
struct DayPart {
  int from = 0;
  int to = 0;  // 0 = none
};

struct NamedDate {
  int year = 0, month = 0, day = 0;  // 0 = not said
  bool season = false;               // `month` is the first of three
  int third = 0;                     // 1 = early, 2 = mid, 3 = late
  std::optional<int> weekday;
  std::optional<DateSpan> fixed;  // where it is known already
  DayPart part;
  std::optional<DateWord> clock;
  bool year_said = true;  // false: it may be moved by a year to be in order
};

// True where one of `any` stands there.
[[nodiscard]] bool is_date_word(DateWords words, std::size_t at,
                                std::initializer_list<std::string_view> any);

[[nodiscard]] DateSpan days_between(calendar::sys_days begin, calendar::sys_days end);
[[nodiscard]] DateSpan day_around(TimeUs local);

class DateReader {
 public:
  DateReader(std::string_view text, TimeUs now)
      : text_(text), now_(now), today_(calendar::day_of(now)) {}
  // All of `words`. Throws InvalidInput.
  [[nodiscard]] NamedDate read(DateWords words) const;
  [[noreturn]] void refuse(const std::string& why) const { refuse_date(text_, why); }
  [[noreturn]] void refuse() const;

 private:
  static int take_number(DateWords words, std::size_t& at);
  bool read_relative(DateWords words, std::size_t& at, NamedDate& named) const;
  bool read_nth(DateWords words, std::size_t& at, int which, NamedDate& named) const;
  [[nodiscard]] calendar::sys_days nth_weekday(int weekday, int which) const;
  void nth_unit(const std::string& word, calendar::Unit unit, int which, NamedDate& named) const;
  [[nodiscard]] DateSpan window(calendar::Unit unit, int number, int which) const;
  [[nodiscard]] calendar::sys_days moved(calendar::Unit unit, int number) const;
  [[nodiscard]] DateSpan around(calendar::Unit unit, int number) const;
  static bool is_year(const DateWord& word);
  bool read_year(DateWords words, std::size_t& at, NamedDate& named) const;
  void read_absolute(DateWords words, std::size_t& at, NamedDate& named) const;
  void read_figures(const DateWord& word, NamedDate& named) const;
  [[noreturn]] void refuse_number(const DateWord& word) const;
  std::string_view text_;
  TimeUs now_;
  calendar::sys_days today_;
};

}  // namespace memgpt
