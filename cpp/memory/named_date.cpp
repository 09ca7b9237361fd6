#include "memory/named_date.h"

#include <algorithm>

namespace memgpt {

namespace {

using namespace calendar;
using Kind = DateWord::Kind;

constexpr int kMostUnits = 9999;

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// 3 = spring: the month that it begins with; 0 = none.
int season_named(std::string_view word) {
  if (word == "spring") return 3;
  if (word == "summer") return 6;
  if (word == "autumn" || word == "fall") return 9;
  return word == "winter" ? 12 : 0;
}

Unit unit_named(std::string_view word) {
  if (word.ends_with('s')) word.remove_suffix(1);
  if (word == "minute") return Unit::minute;
  if (word == "hour") return Unit::hour;
  if (word == "day") return Unit::day;
  if (word == "week") return Unit::week;
  if (word == "month") return Unit::month;
  return word == "year" ? Unit::year : Unit::none;
}

DayPart part_named(std::string_view word) {
  if (word == "morning") return {0, 12};
  if (word == "noon" || word == "midday") return {12, 13};
  if (word == "afternoon") return {12, 18};
  if (word == "evening") return {18, 24};
  return word == "night" ? DayPart{18, 30} : DayPart{};
}

}  // namespace

bool is_date_word(DateWords words, std::size_t at, std::initializer_list<std::string_view> any) {
  return at < words.size() && words[at].kind == Kind::word && is_one_of(words[at].text, any);
}

DateSpan days_between(sys_days begin, sys_days end) {
  return {start_of(begin), start_of(end), false, false, false};
}

DateSpan day_around(TimeUs local) {
  const sys_days day = day_of(local);
  return days_between(day, day + days(1));
}

void DateReader::refuse() const {
  refuse(
      "write it like 2023-05-08, 2023-05-08 13:56, 8 May 2023, May 2023, last week, 3 days ago or "
      "from May to July 2023");
}

// One expression without ranges; all of `words`.
NamedDate DateReader::read(DateWords words) const {
  std::size_t at = 0;
  NamedDate named;
  if (is_date_word(words, at, {"early", "beginning", "start"})) named.third = 1;
  if (is_date_word(words, at, {"mid", "middle"})) named.third = 2;
  if (is_date_word(words, at, {"late", "end"})) named.third = 3;
  if (named.third > 0) ++at;
  if (at == words.size()) refuse();
  if (!read_relative(words, at, named)) read_absolute(words, at, named);
  if (at < words.size() && words[at].kind == Kind::clock) named.clock = words[at++];
  if (at < words.size() && named.part.to == 0) {
    named.part = part_named(words[at].text);
    if (named.part.to > 0) ++at;
  }
  if (at < words.size()) refuse();
  return named;
}

// A number in figures or as a word, "a few" and "a couple" too; moves `at` behind it.
int DateReader::take_number(DateWords words, std::size_t& at) {
  if (at >= words.size()) return 0;
  if (words[at].kind == Kind::number && !words[at].ordinal) return words[at++].number;
  int number = words[at].kind == Kind::word ? number_named(words[at].text) : 0;
  if (number == 0) return 0;
  ++at;
  if (number == 1 && is_date_word(words, at, {"few", "couple"}))
    number = number_named(words[at++].text);
  return number;
}

bool DateReader::read_relative(DateWords words, std::size_t& at, NamedDate& named) const {
  if (words[at].kind == Kind::word) {
    const std::string& word = words[at].text;
    const auto day = [&](int away) {
      ++at;
      named.fixed = day_around(start_of(today_ + days(away)));
      return true;
    };
    if (word == "today") return day(0);
    if (word == "yesterday") return day(-1);
    if (word == "tomorrow") return day(1);
    if (word == "tonight") {
      named.part = part_named("night");
      return day(0);
    }
    if (word == "now") {
      named.fixed = DateSpan{now_, now_ + 1, false, false, true};
      ++at;
      return true;
    }
    if (word == "day" && is_date_word(words, at + 1, {"before"}) &&
        is_date_word(words, at + 2, {"yesterday"})) {
      at += 2;
      return day(-2);
    }
    if (word == "day" && is_date_word(words, at + 1, {"after"}) &&
        is_date_word(words, at + 2, {"tomorrow"})) {
      at += 2;
      return day(2);
    }
    if (word == "weekend") return read_nth(words, at, 0, named);
    if (is_one_of(word, {"last", "past", "previous"})) return read_nth(words, ++at, -1, named);
    if (is_one_of(word, {"this", "current"})) return read_nth(words, ++at, 0, named);
    if (is_one_of(word, {"next", "coming"})) return read_nth(words, ++at, 1, named);
  }
  std::size_t behind = at;
  const int number = take_number(words, behind);
  if (number == 0 || behind + 1 >= words.size()) return false;
  const Unit unit = unit_named(words[behind].text);
  if (unit == Unit::none || !is_date_word(words, behind + 1, {"ago", "earlier", "back"}))
    return false;
  named.fixed = around(unit, number);
  at = behind + 2;
  return true;
}

// Behind "last" (-1), "this" (0) or "next" (1).
bool DateReader::read_nth(DateWords words, std::size_t& at, int which, NamedDate& named) const {
  const bool past = at > 0 && is_date_word(words, at - 1, {"past"});
  const int number = take_number(words, at);
  if (at >= words.size() || words[at].kind != Kind::word) refuse();
  const std::string word = words[at++].text;
  const Unit unit = unit_named(word);
  const bool clockwise = unit == Unit::hour || unit == Unit::minute;
  if (unit != Unit::none && which != 0 && (number > 0 || past || clockwise || unit == Unit::day)) {
    named.fixed = window(unit, std::max(number, 1), which);
    return true;
  }
  if (number > 0) refuse();
  if (const auto part = part_named(word); part.to > 0) {
    named.fixed = day_around(start_of(today_ + days(which)));
    named.part = part;
  } else if (const int weekday = weekday_named(word); weekday >= 0) {
    named.fixed = day_around(start_of(nth_weekday(weekday, which)));
  } else if (const int month = std::max(month_named(word), season_named(word)); month > 0) {
    named.month = month;
    named.season = month_named(word) == 0;
    const int year = year_of(today_);
    const bool begun = first_of(year, month) <= today_;
    if (at < words.size() && is_year(words[at])) return read_year(words, at, named);
    // A winter that goes on began last year.
    const bool within = named.season && month == 12 && month_of(today_) <= 2;
    named.year = which == 0  ? year - (within ? 1 : 0)
                 : which < 0 ? year - (begun ? 0 : 1)
                             : year + (begun ? 1 : 0);
  } else {
    nth_unit(word, unit, which, named);
  }
  return true;
}

sys_days DateReader::nth_weekday(int weekday, int which) const {
  const sys_days in_week = monday_of(today_) + days(weekday);
  if (which < 0) return in_week < today_ ? in_week : in_week - days(7);
  if (which > 0) return in_week > today_ ? in_week : in_week + days(7);
  return in_week;
}

// Of the calendar.
void DateReader::nth_unit(const std::string& word, Unit unit, int which, NamedDate& named) const {
  const sys_days monday = monday_of(today_) + days(7 * which);
  const sys_days month = months_away(first_of(year_of(today_), month_of(today_)), which);
  if (word == "weekend") {
    named.fixed = days_between(monday + days(5), monday + days(7));
  } else if (unit == Unit::day) {
    named.fixed = days_between(today_, today_ + days(1));
  } else if (unit == Unit::week) {
    named.fixed = days_between(monday, monday + days(7));
  } else if (unit == Unit::month) {
    named.year = year_of(month);
    named.month = month_of(month);
  } else if (unit == Unit::year) {
    named.year = year_of(today_) + which;
  } else {
    refuse();
  }
  if (!named.fixed && named.year < 1) refuse("years are 1 to 9999");
}

// "the past week", "last 3 months", "next 10 days".
DateSpan DateReader::window(Unit unit, int number, int which) const {
  if (number > kMostUnits) refuse("years are 1 to 9999");
  if (unit == Unit::minute || unit == Unit::hour) {
    const TimeUs length = number * (unit == Unit::hour ? kHourUs : 60 * kSecondUs);
    return which < 0 ? DateSpan{now_ - length, now_ + 1, false, false, false}
                     : DateSpan{now_, now_ + length, false, false, false};
  }
  const sys_days other = moved(unit, number * which);
  return which < 0 ? days_between(other, today_ + days(1)) : days_between(today_, other + days(1));
}

sys_days DateReader::moved(Unit unit, int number) const {
  if (unit == Unit::day) return today_ + days(number);
  if (unit == Unit::week) return today_ + days(7 * number);
  return months_away(today_, number * (unit == Unit::year ? 12 : 1));
}

// "3 days ago"; larger units are seldom meant to the day. The same as in dates_in_query().
DateSpan DateReader::around(Unit unit, int number) const {
  if (number > kMostUnits) refuse("years are 1 to 9999");
  if (unit == Unit::minute || unit == Unit::hour) {
    const TimeUs length = unit == Unit::hour ? kHourUs : 60 * kSecondUs;
    return {now_ - number * length, now_ - (number - 1) * length, false, false, true};
  }
  const int length = unit == Unit::day     ? 1
                     : unit == Unit::week  ? 7
                     : unit == Unit::month ? 30
                                           : 365;
  const int slack = unit == Unit::day ? 0 : unit == Unit::week ? 3 : unit == Unit::month ? 15 : 180;
  return days_between(today_ - days(number * length + slack),
                      today_ - days(std::max(0, number * length - slack)) + days(1));
}

bool DateReader::is_year(const DateWord& word) {
  return word.kind == Kind::number && word.figures == 4 && !word.ordinal;
}

bool DateReader::read_year(DateWords words, std::size_t& at, NamedDate& named) const {
  if (at >= words.size() || !is_year(words[at])) return false;
  named.year = words[at++].number;
  if (named.year == 0) refuse("years are 1 to 9999");
  return true;
}

void DateReader::read_absolute(DateWords words, std::size_t& at, NamedDate& named) const {
  const DateWord& first = words[at];
  if (first.kind == Kind::clock) {
    named.fixed = day_around(now_);
    return;
  }
  if (first.kind == Kind::word && weekday_named(first.text) >= 0) {
    named.weekday = weekday_named(first.text);
    ++at;
    const bool more =
        at < words.size() && words[at].kind != Kind::clock && part_named(words[at].text).to == 0;
    if (!more) {
      const sys_days in_week = monday_of(today_) + days(*named.weekday);
      named.fixed = day_around(start_of(in_week > today_ ? in_week - days(7) : in_week));
      return;
    }
  }
  const DateWord& word = words[at];
  if (word.kind == Kind::date) {
    ++at;
    read_figures(word, named);
    return;
  }
  const auto read_day = [&] {
    if (at >= words.size() || words[at].kind != Kind::number || words[at].figures > 2) return;
    named.day = words[at++].number;
    if (named.day < 1 || named.day > 31) refuse("there is no day " + std::to_string(named.day));
  };
  if (read_year(words, at, named)) {  // "2023 May 8"
    if (at == words.size() || month_named(words[at].text) == 0) return;
    named.month = month_named(words[at++].text);
    return read_day();
  }
  read_day();
  if (at < words.size() && words[at].kind == Kind::word) {
    const std::string& name = words[at].text;
    named.month = month_named(name);
    if (named.month == 0 && named.day == 0) {
      named.month = season_named(name);
      named.season = named.month > 0;
    }
    if (named.month == 0) {
      if (named.day > 0 && part_named(name).to > 0) return;
      refuse();
    }
    ++at;
    if (named.day == 0 && !named.season) read_day();
    static_cast<void>(read_year(words, at, named));
    return;
  }
  if (named.day == 0) refuse_number(word);
  static_cast<void>(read_year(words, at, named));  // the end of "May 8 to 12, 2023"
}

void DateReader::read_figures(const DateWord& word, NamedDate& named) const {
  if (word.month > 0) {
    named.year = word.year;
    named.month = word.month;
    named.day = word.day;
    return;
  }
  const sys_days first = monday_of(first_of(word.year, 1) + days(3)) + days(word.day);
  if (year_of(monday_of(first) + days(3)) != word.year)
    refuse("the year " + std::to_string(word.year) + " has no week " + std::to_string(word.number));
  named.fixed = days_between(first, first + days(word.week ? 7 : 1));
}

void DateReader::refuse_number(const DateWord& word) const {
  if (word.kind != Kind::number) refuse();
  if (word.figures > 4) refuse("years are 1 to 9999");
  refuse("write years with four figures, and days with their month");
}

}  // namespace memgpt
