#include "memory/date_words.h"

#include <algorithm>
#include <array>

#include "error.h"
#include "memory/calendar.h"
#include "memory/text.h"

namespace memgpt {

namespace {

using calendar::kHourUs;
using calendar::kSecondUs;
using Kind = DateWord::Kind;

constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};
constexpr std::array<std::string_view, 7> kWeekdays = {
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
// Of a word; bytes of other alphabets too.
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80; }
constexpr std::string_view kNoBreakSpace = "\xC2\xA0", kNarrowSpace = "\xE2\x80\xAF";
constexpr std::string_view kEnDash = "\xE2\x80\x93", kEmDash = "\xE2\x80\x94";

std::string capitalised(std::string_view name) {
  std::string out(name);
  out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

struct Figures {
  int value = 0;
  std::size_t count = 0;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : whole_(text) {
    text_.reserve(text.size());
    for (const char c : text)
      text_.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }

  std::vector<DateWord> read() {
    while (at_ < text_.size()) {
      if (skip_space() || read_dash()) continue;
      if (is_digit(text_[at_]))
        read_figures();
      else if (is_letter(text_[at_]))
        read_word();
      else
        refuse_date(whole_, "\"" + text_.substr(at_, 1) + "\" has no place in a date");
    }
    return std::move(words_);
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  [[nodiscard]] bool at_letter() const {
    if (!is_letter(peek())) return false;
    const std::string_view rest = std::string_view(text_).substr(at_);
    return !rest.starts_with(kEnDash) && !rest.starts_with(kEmDash) &&
           !rest.starts_with(kNoBreakSpace) && !rest.starts_with(kNarrowSpace);
  }
  bool take(std::string_view literal) {
    if (text_.compare(at_, literal.size(), literal) != 0) return false;
    at_ += literal.size();
    return true;
  }
  // A word, and no more letters behind it.
  bool take_word(std::string_view word) {
    const std::size_t before = at_;
    if (take(word) && !at_letter()) return true;
    at_ = before;
    return false;
  }
  Figures take_figures() {
    Figures figures;
    for (; is_digit(peek()); ++at_, ++figures.count)
      if (figures.count < 8) figures.value = figures.value * 10 + (peek() - '0');
    return figures;
  }
  bool skip_space() {
    // Also the spaces that do not break a line.
    for (const std::string_view space :
         {std::string_view(" "), std::string_view("\t"), std::string_view("\n"),
          std::string_view("\r"), std::string_view(","), kNoBreakSpace, kNarrowSpace})
      if (take(space)) return spaced_ = true;
    return false;
  }
  bool read_dash() {
    const bool single = peek() == '-';
    if (!(take("-") || take(kEnDash) || take(kEmDash))) return false;
    // "mid-May"
    if (single && !spaced_ && !words_.empty() &&
        (words_.back().text == "mid" || words_.back().text == "early" ||
         words_.back().text == "late"))
      return true;
    DateWord dash;
    dash.kind = Kind::dash;
    add(std::move(dash));
    return true;
  }
  void add(DateWord word) {
    words_.push_back(std::move(word));
    spaced_ = false;
  }

  void read_word() {
    const std::size_t begin = at_;
    while (at_letter()) ++at_;
    DateWord word;
    word.text = text_.substr(begin, at_ - begin);
    take(".");  // "Jan."
    spaced_ = false;
    for (const std::string_view idle : {"the", "of", "on", "in", "at", "during"})
      if (word.text == idle) return;
    add(std::move(word));
  }

  void read_figures() {
    const std::size_t begin = at_;
    if (read_date()) {
      // "T" of ISO 8601, with or without colons behind it.
      if (peek() == 't' && is_digit(peek(1))) {
        ++at_;
        read_clock(true);
      }
      return;
    }
    at_ = begin;
    if (read_clock(false)) return;
    at_ = begin;
    DateWord word;
    word.kind = Kind::number;
    const auto figures = take_figures();
    word.number = figures.value;
    word.figures = figures.count;
    for (const std::string_view suffix : {"st", "nd", "rd", "th"})
      if (take_word(suffix)) word.ordinal = true;
    add(std::move(word));
  }

  bool add_date(int year, int month, int day) {
    DateWord date;
    date.kind = Kind::date;
    date.year = year;
    date.month = month;
    date.day = day;
    add(std::move(date));
    return true;
  }

  bool read_date() {
    const auto first = take_figures();
    if (first.count == 8 && first.value / 100 % 100 <= 12)
      return add_date(first.value / 10'000, first.value / 100 % 100, first.value % 100);
    if (first.count == 4) return year_first(first.value);
    return first.count <= 2 && day_first(first.value);
  }

  bool year_first(int year) {
    const char separator = peek();
    if (separator == '-' && peek(1) == 'w') return iso_week(year);
    if (separator != '-' && separator != '/' && separator != '.') return false;
    if (!is_digit(peek(1))) return false;
    ++at_;
    const auto month = take_figures();
    if (month.count > 2) return false;  // "2021-2023"
    check_year(year);
    if (peek() == separator && is_digit(peek(1))) {
      ++at_;
      const auto day = take_figures();
      if (day.count > 2) return false;
      check_month_and_day(month.value, day.value);
      return add_date(year, month.value, day.value);
    }
    if (separator != '-' || month.count != 2) return false;
    check_month_and_day(month.value, 1);
    return add_date(year, month.value, 0);
  }

  // "2023-W19" and "2023-W19-1": week 1 has the year's first Thursday in it.
  bool iso_week(int year) {
    at_ += 2;
    const auto week = take_figures();
    if (week.count != 2 || week.value < 1 || week.value > 53) return false;
    DateWord date;
    date.kind = Kind::date;
    date.week = true;
    if (peek() == '-' && is_digit(peek(1))) {
      ++at_;
      const auto weekday = take_figures();
      if (weekday.value < 1 || weekday.value > 7) return false;
      date.week = false;
      date.day = weekday.value - 1;
    }
    check_year(year);
    date.year = year;
    date.day += (week.value - 1) * 7;
    date.number = week.value;
    add(std::move(date));
    return true;
  }

  bool day_first(int first) {
    const char separator = peek();
    if (separator == '-' && is_letter(peek(1))) return named_between(first);
    if ((separator != '-' && separator != '/' && separator != '.') || !is_digit(peek(1)))
      return false;
    ++at_;
    const auto second = take_figures();
    if (second.count > 2 || peek() != separator) {
      if (separator == '-') return false;  // "8-12 May"
      refuse_date(whole_, "a date in figures needs its year: write it like 2023-05-08");
    }
    ++at_;
    const auto year = take_figures();
    if (separator == '.' && year.count == 0) {
      check_month_and_day(second.value, first);
      return add_date(0, second.value, first);
    }
    if (year.count != 4) refuse_date(whole_, "write the year with four figures, as in 2023-05-08");
    check_year(year.value);
    int day = first, month = second.value;
    if (separator == '/' && first <= 12) std::swap(day, month);
    if (separator == '-' && first <= 12) {
      if (second.value <= 12 && first != second.value)
        refuse_date(whole_, "it could be a day of two months: write it like 2023-05-08");
      std::swap(day, month);
    }
    check_month_and_day(month, day);
    return add_date(year.value, month, day);
  }

  // "8-May-2023"
  bool named_between(int day) {
    const std::size_t begin = ++at_;
    while (is_letter(peek())) ++at_;
    const int month = month_named(text_.substr(begin, at_ - begin));
    if (month == 0 || peek() != '-' || !is_digit(peek(1))) return false;
    ++at_;
    const auto year = take_figures();
    if (year.count != 4) return false;
    check_year(year.value);
    return add_date(year.value, month, day);
  }

  void check_year(int year) const {
    if (year < 1) refuse_date(whole_, "years are 1 to 9999");
  }
  void check_month_and_day(int month, int day) const {
    if (month < 1 || month > 12) refuse_date(whole_, "there is no month " + std::to_string(month));
    if (day < 1 || day > 31) refuse_date(whole_, "there is no day " + std::to_string(day));
  }

  // `iso`: behind a "T", where "13" and "135600" are clocks too.
  bool read_clock(bool iso) {
    const auto hours = take_figures();
    DateWord clock;
    clock.kind = Kind::clock;
    int hour = hours.value, minute = 0, second = 0;
    TimeUs fraction = 0;
    clock.grain_us = kHourUs;
    if (iso && (hours.count == 4 || hours.count == 6)) {
      second = hours.count == 6 ? hours.value % 100 : 0;
      const int hhmm = hours.count == 6 ? hours.value / 100 : hours.value;
      hour = hhmm / 100;
      minute = hhmm % 100;
      clock.grain_us = hours.count == 6 ? kSecondUs : 60 * kSecondUs;
    } else if (hours.count > 2) {
      return false;
    } else if (peek() == ':' && is_digit(peek(1))) {
      ++at_;
      minute = two_figures();
      clock.grain_us = 60 * kSecondUs;
      if (peek() == ':' && is_digit(peek(1))) {
        ++at_;
        second = two_figures();
        clock.grain_us = kSecondUs;
      }
    }
    if (clock.grain_us == kSecondUs && (peek() == '.' || peek() == ',') && is_digit(peek(1))) {
      ++at_;
      clock.grain_us = 1;
      TimeUs unit = kSecondUs / 10;
      for (; is_digit(peek()); ++at_, unit /= 10) fraction += (peek() - '0') * unit;
    }
    const std::optional<int> half = take_half();
    if (!half && !iso && clock.grain_us == kHourUs) return false;  // a plain number
    if (half) {
      if (hour < 1 || hour > 12) refuse_date(whole_, "with am and pm hours are 1 to 12");
      hour = hour % 12 + *half;
    }
    if (hour > 23 || minute > 59 || second > 59)
      refuse_date(whole_, "clocks go from 00:00:00 to 23:59:59");
    clock.clock_us = ((hour * 60 + minute) * 60 + second) * kSecondUs + fraction;
    clock.offset_s = take_offset();
    add(std::move(clock));
    return true;
  }

  int two_figures() {
    const auto figures = take_figures();
    if (figures.count != 2) refuse_date(whole_, "write a time of day like 13:56 or 13:56:07");
    return figures.value;
  }

  // "am" and "pm": hours to add.
  std::optional<int> take_half() {
    const std::size_t before = at_;
    while (take(" ") || take(kNoBreakSpace) || take(kNarrowSpace)) {
    }
    if (take("a.m.") || take_word("am")) return 0;
    if (take("p.m.") || take_word("pm")) return 12;
    at_ = before;
    return std::nullopt;
  }

  std::optional<int> take_offset() {
    const std::size_t before = at_;
    while (take(" ")) {
    }
    const bool named = take_word("z") || take_word("utc") || take_word("gmt");
    const char sign = peek();
    // " - 14:00" is the end of a range.
    if ((sign != '+' && (sign != '-' || (at_ > before && !named))) || !is_digit(peek(1))) {
      if (named) return 0;
      at_ = before;
      return std::nullopt;
    }
    ++at_;
    const auto hours = take_figures();
    int h = hours.value, m = 0, s = 0;
    if (hours.count == 4) {
      h = hours.value / 100;
      m = hours.value % 100;
    } else if (peek() == ':' && is_digit(peek(1))) {
      ++at_;
      m = two_figures();
      if (peek() == ':' && is_digit(peek(1))) {
        ++at_;
        s = two_figures();
      }
    }
    if ((hours.count != 4 && hours.count > 2) || h > 23 || m > 59 || s > 59)
      refuse_date(whole_, "an offset from UTC is written like +02:00");
    const int offset = (h * 60 + m) * 60 + s;
    return sign == '-' ? -offset : offset;
  }

  std::string_view whole_;
  std::string text_;  // lower-cased
  std::size_t at_ = 0;
  bool spaced_ = false;  // since the last word
  std::vector<DateWord> words_;
};

}  // namespace

std::vector<DateWord> date_words(std::string_view text) { return Reader(text).read(); }

int month_named(std::string_view lower_case) {
  for (std::size_t i = 0; i < kMonths.size(); ++i)
    if (lower_case == kMonths[i] || lower_case == kMonths[i].substr(0, 3))
      return static_cast<int>(i) + 1;
  return lower_case == "sept" ? 9 : 0;
}

int weekday_named(std::string_view lower_case) {
  if (lower_case.size() < 3) return -1;
  for (std::size_t i = 0; i < kWeekdays.size(); ++i)
    if (lower_case == kWeekdays[i] ||
        (lower_case.size() <= 5 && kWeekdays[i].starts_with(lower_case)))
      return static_cast<int>(i);
  return -1;
}

std::string month_name(int month) {
  return capitalised(kMonths.at(static_cast<std::size_t>(month - 1)));
}

std::string weekday_name(int weekday) {
  return capitalised(kWeekdays.at(static_cast<std::size_t>(weekday)));
}

int number_named(std::string_view lower_case) {
  static constexpr std::array<std::string_view, 12> kNumbers = {"one",  "two", "three",  "four",
                                                                "five", "six", "seven",  "eight",
                                                                "nine", "ten", "eleven", "twelve"};
  if (lower_case == "a" || lower_case == "an") return 1;
  if (lower_case == "couple") return 2;
  if (lower_case == "few") return 3;
  const auto found = std::find(kNumbers.begin(), kNumbers.end(), lower_case);
  return found == kNumbers.end() ? 0 : static_cast<int>(found - kNumbers.begin()) + 1;
}

void refuse_date(std::string_view text, const std::string& why) {
  throw InvalidInput("\"" + std::string(utf8_prefix(text, 40)) +
                     (text.size() > 40 ? "...\"" : "\"") + " cannot be read as a date: " + why);
}

}  // namespace memgpt
