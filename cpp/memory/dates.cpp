#include "memory/dates.h"

#include <array>
#include <string>

#include "error.h"
#include "memory/date_words.h"
#include "memory/named_date.h"
#include "memory/text.h"

namespace memgpt {

namespace {

using namespace calendar;
using Kind = DateWord::Kind;

constexpr std::size_t kLongest = 200;  // bytes

class Parser {
 public:
  Parser(std::string_view text, TimeUs now)
      : text_(text), now_(now), today_(day_of(now)), reader_(text, now) {}

  DateSpan parse() {
    if (text_.find('\0') != std::string_view::npos)
      throw InvalidInput("there is a NUL character in a date: write it like 2023-05-08");
    if (is_blank(text_))
      throw InvalidInput("a date is empty: write it like 2023-05-08, May 2023 or last week");
    if (text_.size() > kLongest)
      refuse("it is longer than " + std::to_string(kLongest) + " bytes; write it like 2023-05-08");
    check_utf8(text_, "a date");
    const auto words = date_words(text_);
    refuse_other_calendars(words);
    const auto span = expression(words);
    const auto lies_outside = [](TimeUs time) {
      return time < start_of(kFirstDay) || time > start_of(kBehindLast);
    };
    if (lies_outside(span.begin) || lies_outside(span.end)) refuse("years are 1 to 9999");
    return span;
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const { reader_.refuse(why); }
  [[noreturn]] void refuse() const { reader_.refuse(); }

  void refuse_other_calendars(DateWords words) const {
    for (std::size_t i = 0; i < words.size(); ++i)
      if (is_date_word(
              words, i,
              {"ah",     "hijri",     "bc",       "bce",    "tishri", "tishrei", "cheshvan",
               "kislev", "tevet",     "shevat",   "adar",   "nisan",  "iyar",    "sivan",
               "tammuz", "elul",      "muharram", "safar",  "rajab",  "ramadan", "shawwal",
               "nowruz", "farvardin", "reiwa",    "heisei", "showa",  "taisho",  "meiji"}) ||
          (!words[i].text.empty() && static_cast<unsigned char>(words[i].text[0]) >= 0x80))
        refuse(
            "dates are in English and of the Gregorian calendar, years 1 to 9999: write it like "
            "2023-05-08");
  }

  static bool separates(DateWords words, std::size_t at) {
    return words[at].kind == Kind::dash ||
           is_date_word(words, at, {"to", "until", "till", "through"});
  }

  DateSpan expression(DateWords words) const {
    if (words.empty()) refuse();
    const DateWords rest = words.subspan(1);
    if (is_date_word(words, 0, {"between"})) {
      for (std::size_t i = 1; i < words.size(); ++i)
        if (is_date_word(words, i, {"and"}))
          return range(words.subspan(1, i - 1), words.subspan(i + 1));
      refuse("write both ends: between X and Y");
    }
    if (is_date_word(words, 0, {"before"})) {
      const auto span = one(rest);
      return {start_of(kFirstDay), span.begin, false, span.begin_is_utc, false};
    }
    if (is_date_word(words, 0, {"until", "till", "by"})) return until(one(rest));
    if (is_date_word(words, 0, {"up"}) && is_date_word(words, 1, {"to"}))
      return until(one(words.subspan(2)));
    if (is_date_word(words, 0, {"after"})) {
      const auto span = one(rest);
      return {span.moment ? span.begin : span.end, start_of(kBehindLast), span.end_is_utc, false,
              false};
    }
    const bool from = is_date_word(words, 0, {"from", "since"});
    DateWords first = from ? rest : words;
    for (std::size_t i = 0; i < first.size(); ++i)
      if (separates(first, i)) return range(first.first(i), first.subspan(i + 1));
    if (!from) return one(words);
    if (is_date_word(first, first.size() - 1, {"onwards", "onward"}))
      first = first.first(first.size() - 1);
    const auto span = one(first);
    return {span.begin, start_of(kBehindLast), span.begin_is_utc, false, false};
  }

  static DateSpan until(const DateSpan& span) {
    return {start_of(kFirstDay), span.moment ? span.begin : span.end, false, span.end_is_utc,
            false};
  }

  DateSpan one(DateWords words) const {
    const auto named = reader_.read(words);
    if (named.day > 0 && named.month == 0 && !words.back().ordinal) refuse();
    return resolve(named);
  }

  DateSpan range(DateWords first, DateWords second) const {
    NamedDate a = reader_.read(first), b = reader_.read(second);
    if (!a.fixed && !b.fixed) {
      if (a.day > 0 && a.month == 0) a.month = b.month;  // 8 to 12 May
      if (b.day > 0 && b.month == 0) b.month = a.month;  // May 8 to 12
    }
    if ((a.day > 0 && a.month == 0) || (b.day > 0 && b.month == 0)) refuse();
    if (!a.fixed && !b.fixed && a.year == 0 && b.year > 0) {
      a.year = b.year;
      a.year_said = false;
    } else if (!a.fixed && !b.fixed && b.year == 0) {
      // Without any year it is the last range that has begun.
      b.year = a.year > 0 ? a.year : year_of(day_of(resolve(a).begin));
      b.year_said = false;
    }
    auto end = resolve(b);
    auto begin = resolve(a);
    // A time of day alone is one of the day that the other end names.
    if (b.clock && second.size() == 1) {
      if (begin.begin_is_utc) refuse("write the end in full, with its day");
      end = narrowed(day_around(begin.begin), b);
    }
    if (out_of_order(begin, end) && a.weekday && a.fixed) {
      begin.begin -= 7 * kDayUs;
    } else if (out_of_order(begin, end) && !a.year_said && !a.fixed) {
      a.year = year_of(day_of(begin.begin)) - 1;
      begin = resolve(a);
    } else if (out_of_order(begin, end) && !b.year_said && !b.fixed) {
      b.year = year_of(day_of(end.begin)) + 1;
      end = resolve(b);
    }
    if (out_of_order(begin, end)) refuse("its end lies before its beginning: turn them round");
    return {begin.begin, end.moment ? end.begin : end.end, begin.begin_is_utc, end.end_is_utc,
            false};
  }

  static bool out_of_order(const DateSpan& begin, const DateSpan& end) {
    // Where one is UTC and the other is not, that shows when both are.
    return begin.begin_is_utc == end.end_is_utc &&
           begin.begin >= (end.moment ? end.begin : end.end);
  }

  // The clock or part of the day that is named, of a span that is one day.
  [[nodiscard]] DateSpan narrowed(DateSpan span, const NamedDate& named) const {
    if (!named.clock && named.part.to == 0) return span;
    if (span.end - span.begin != kDayUs) refuse("a time of day needs one day: 2023-05-08 13:56");
    if (named.clock) {
      span.begin += named.clock->clock_us;
      span.end = span.begin + named.clock->grain_us;
      span.moment = true;
      if (named.clock->offset_s) {
        span.begin -= *named.clock->offset_s * kSecondUs;
        span.end -= *named.clock->offset_s * kSecondUs;
        span.begin_is_utc = span.end_is_utc = true;
      }
      return span;
    }
    span.end = span.begin + named.part.to * kHourUs;
    span.begin += named.part.from * kHourUs;
    return span;
  }

  [[nodiscard]] DateSpan resolve(const NamedDate& named) const {
    if (named.fixed) {
      if (named.third > 0 && named.part.to == 0) refuse();
      return narrowed(*named.fixed, named);
    }
    const auto span = dated(named);
    check_weekday(named, span);
    return narrowed(span, named);
  }

  void check_weekday(const NamedDate& named, const DateSpan& span) const {
    if (!named.weekday) return;
    if (span.end - span.begin != kDayUs) refuse();
    const int weekday = weekday_of(day_of(span.begin));
    if (weekday != *named.weekday) refuse("that day is a " + weekday_name(weekday));
  }

  // Year, month and day, as far as they are said; what is not said makes it the last one that has
  // begun.
  [[nodiscard]] DateSpan dated(const NamedDate& named) const {
    if (named.year > 0) return of_year(named, named.year);
    if (named.month == 0) return of_month_day(named.day);
    // A 29th of February is in one of eight years.
    for (int year = year_of(today_); year > year_of(today_) - 9 && year > 0; --year) {
      if (named.day > 0 && !year_month_day(std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(named.month)),
                                           std::chrono::day(static_cast<unsigned>(named.day)))
                                .ok())
        continue;
      const auto span = of_year(named, year);
      if (span.begin <= now_) return span;
    }
    return of_year(named, year_of(today_));
  }

  // "the 8th"
  [[nodiscard]] DateSpan of_month_day(int day) const {
    sys_days first = first_of(year_of(today_), month_of(today_));
    for (;; first = months_away(first, -1)) {
      const sys_days found = first + days(day - 1);
      if (month_of(found) == month_of(first) && found <= today_)
        return days_between(found, found + days(1));
    }
  }

  [[nodiscard]] DateSpan of_year(const NamedDate& named, int year) const {
    if (named.month == 0)
      return third(named, first_of(year, 1), first_of(year, 5), first_of(year, 9),
                   first_of(year + 1, 1));
    const sys_days first = first_of(year, named.month);
    if (named.season)
      return third(named, first, months_away(first, 1), months_away(first, 2),
                   months_away(first, 3));
    if (named.day == 0)
      return third(named, first, first + days(10), first + days(20),
                   first_after(year, named.month));
    if (named.third > 0) refuse();
    const sys_days day = first + days(named.day - 1);
    if (day >= first_after(year, named.month))
      refuse(month_name(named.month) + ' ' + std::to_string(year) + " has no day " +
             std::to_string(named.day));
    return days_between(day, day + days(1));
  }

  static DateSpan third(const NamedDate& named, sys_days first, sys_days second, sys_days last,
                        sys_days end) {
    const std::array<sys_days, 4> edges = {first, second, last, end};
    if (named.third == 0) return days_between(first, end);
    const auto which = static_cast<std::size_t>(named.third);
    return days_between(edges[which - 1], edges[which]);
  }

  std::string_view text_;
  TimeUs now_;
  sys_days today_;
  DateReader reader_;
};

}  // namespace

DateSpan parse_date(std::string_view text, TimeUs now_local) {
  return Parser(text, now_local).parse();
}

UtcSpan parse_date_in(std::string_view text, TimeUs now_utc, const UtcOffset& offset) {
  const auto span = parse_date(text, local_of(now_utc, offset));
  UtcSpan utc;
  utc.moment = span.moment;
  utc.begin = span.begin_is_utc ? span.begin : utc_of(span.begin, offset);
  // The last microsecond, and not the end: where the clocks show midnight twice, a day ends with
  // the first.
  utc.end = span.end_is_utc ? span.end : utc_of(span.end - 1, offset, Shown::last) + 1;
  if (utc.begin >= utc.end) refuse_date(text, "its end lies before its beginning: turn them round");
  return utc;
}

}  // namespace memgpt
