// The dates that a search query names. The grammar is that of query_dates() in
// tests/reference/ranking.py, whose regular expressions are matched here by hand: a query may be
// as long as it likes.
#include <algorithm>
#include <array>

#include "memory/calendar.h"
#include "memory/date_words.h"
#include "memory/dates.h"
#include "memory/pretokenize.h"
#include "memory/unicode.h"

namespace memgpt {

namespace {

using namespace calendar;

constexpr char kOtherLetter = '\x01';
constexpr char kOtherMark = '\x02';

// One byte a character: ASCII lower-cased, and of any other only whether it can be part of a word.
std::string folded(std::string_view text) {
  const auto& classes = CharClasses::shared();
  std::string out;
  for (const char32_t c : code_points(text)) {
    if (c < 0x80) {
      out.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
      continue;
    }
    const auto of = classes.of(static_cast<std::uint32_t>(c));
    const bool letter = of == CharClass::kUpper || of == CharClass::kLower ||
                        of == CharClass::kLetter || of == CharClass::kNumber;
    out.push_back(letter ? kOtherLetter : kOtherMark);
  }
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || c == '_' || c == kOtherLetter;
}

class Query {
 public:
  Query(std::string_view text, std::optional<TimeUs> now) : text_(folded(text)) {
    if (now) today_ = day_of(*now);
  }

  QueryDates find() {
    find_figures();
    find_months();
    if (!found_month_) find_years();
    if (today_) {
      find_relative(*today_);
      find_ago(*today_);
    }
    return std::move(found_);
  }

 private:
  [[nodiscard]] char at(std::size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  [[nodiscard]] bool inside_word(std::size_t i) const {
    return i > 0 && i < text_.size() && is_word_character(text_[i - 1]) &&
           is_word_character(text_[i]);
  }
  // Of two positions inside the text one is a word's character and the other is none.
  [[nodiscard]] bool at_edge(std::size_t i) const {
    return (i > 0 && is_word_character(text_[i - 1])) != is_word_character(at(i));
  }
  [[nodiscard]] bool has(std::size_t i, std::string_view literal) const {
    return text_.compare(std::min(i, text_.size()), literal.size(), literal) == 0;
  }
  [[nodiscard]] bool ends_before(std::size_t i, std::string_view literal) const {
    return i >= literal.size() && has(i - literal.size(), literal);
  }
  // No more than 5 are counted.
  [[nodiscard]] std::size_t figures_at(std::size_t i) const {
    std::size_t count = 0;
    while (count < 5 && is_digit(at(i + count))) ++count;
    return count;
  }
  [[nodiscard]] int number_at(std::size_t i, std::size_t count) const {
    int number = 0;
    for (std::size_t k = 0; k < count; ++k) number = number * 10 + (text_[i + k] - '0');
    return number;
  }
  // "19xx" or "20xx".
  [[nodiscard]] bool year_at(std::size_t i) const {
    return (has(i, "19") || has(i, "20")) && figures_at(i) >= 4;
  }
  // As whole words.
  [[nodiscard]] bool names(std::string_view phrase) const {
    for (auto i = text_.find(phrase); i != std::string::npos; i = text_.find(phrase, i + 1))
      if (!inside_word(i) && !inside_word(i + phrase.size())) return true;
    return false;
  }

  void add(sys_days begin, sys_days end) {
    found_.spans.emplace_back(start_of(begin), start_of(end));
  }
  void add_month(int year, int month) {
    found_month_ = true;
    add(first_of(year, month), first_after(year, month));
  }

  // 2023-05-08 and 2023-05
  void find_figures() {
    for (std::size_t i = 0; i + 7 <= text_.size(); ++i) {
      if (!year_at(i) || inside_word(i) || at(i + 4) != '-' || figures_at(i + 5) != 2 ||
          inside_word(i + 7))
        continue;
      const int month = number_at(i + 5, 2);
      if (month >= 1 && month <= 12) add_month(number_at(i, 4), month);
    }
  }

  void find_years() {
    for (std::size_t i = 0; i + 4 <= text_.size(); ++i) {
      if (!year_at(i) || inside_word(i) || inside_word(i + 4)) continue;
      const int year = number_at(i, 4);
      add(first_of(year, 1), first_of(year + 1, 1));
    }
  }

  void find_months() {
    std::size_t behind = 0;  // the month before this one, with its day and year
    for (std::size_t i = 0; i < text_.size();) {
      std::size_t end = i;
      while (end < text_.size() && is_word_character(text_[end])) ++end;
      if (end == i) {
        ++i;
        continue;
      }
      // What was read before may end inside of a word.
      const int month =
          inside_word(i) ? 0 : month_named(std::string_view(text_).substr(i, end - i));
      if (month > 0) i = behind = read_month(i, end, month, behind);
      i = std::max(i, end);
    }
  }

  // The number in front of a month: "8 ", "8th of ".
  [[nodiscard]] bool day_before(std::size_t month, std::size_t behind) const {
    if (!ends_before(month, " ")) return false;
    std::size_t i = month - 1;
    if (ends_before(i, ",")) --i;
    if (ends_before(i, " of")) i -= 3;
    for (const std::string_view suffix : {"st", "nd", "rd", "th"})
      if (ends_before(i, suffix)) {
        i -= suffix.size();
        break;
      }
    const std::size_t end = i;
    while (i > 0 && is_digit(text_[i - 1])) --i;
    return end > i && end - i <= 2 && i >= behind && !inside_word(i);
  }

  // The month's name is [begin, end). Returns where what belongs to it ends.
  std::size_t read_month(std::size_t begin, std::size_t end, int month, std::size_t behind) {
    const std::string_view name = std::string_view(text_).substr(begin, end - begin);
    bool number = day_before(begin, behind);
    if (at(end) == '.') ++end;
    if (const auto figures = at(end) == ' ' ? figures_at(end + 1) : 0;
        figures == 1 || figures == 2) {
      number = true;
      end += 1 + figures;
      for (const std::string_view suffix : {"st", "nd", "rd", "th"})
        if (has(end, suffix) && !is_digit(at(end + 2))) {
          end += 2;
          break;
        }
    }
    std::size_t year = end + (at(end) == ',' ? 1 : 0);
    year = at(year) == ' ' ? year + 1 : text_.size();
    if (has(year, "of ")) year += 3;
    const bool with_year = year_at(year);
    if (with_year) end = year + 4;
    const bool full = name.size() > 4 || name == "june" || name == "july" || name == "may";
    if (!number && !with_year && (!full || (name == "may" && !may_is_meant()))) return end;
    if (with_year) {
      add_month(number_at(year, 4), month);
    } else if (today_ && ends_before(begin, "last ") && !inside_word(begin - 5)) {
      add_month(year_of(*today_) - (month <= month_of(*today_) ? 0 : 1), month);
    } else {
      found_month_ = true;
      found_.months |= 1U << static_cast<unsigned>(month - 1);
    }
    return end;
  }

  // "May" is a verb, too.
  [[nodiscard]] bool may_is_meant() {
    if (may_is_meant_) return *may_is_meant_;
    static constexpr std::array<std::string_view, 13> kBefore = {
        "in may",    "of may",     "on may",    "during may", "last may", "by may", "since may",
        "until may", "before may", "after may", "early may",  "late may", "mid may"};
    may_is_meant_ = std::any_of(kBefore.begin(), kBefore.end(),
                                [&](std::string_view phrase) { return names(phrase); });
    return *may_is_meant_;
  }

  void find_relative(sys_days today) {
    const days day(1);
    const int year = year_of(today);
    const sys_days monday = monday_of(today);
    const sys_days first = first_of(year, month_of(today));
    if (names("yesterday") || names("last night")) add(today - day, today);
    if (names("today") || names("this morning") || names("this afternoon") ||
        names("this evening") || names("tonight"))
      add(today, today + day);
    if (names("last week")) add(monday - 7 * day, monday);
    if (names("this week")) add(monday, monday + 7 * day);
    if (names("last month")) add(months_away(first, -1), first);
    if (names("this month")) add(first, today + day);
    if (names("last year")) add(first_of(year - 1, 1), first_of(year, 1));
    if (names("this year")) add(first_of(year, 1), today + day);
  }

  // "two weeks ago": the week around that day.
  void find_ago(sys_days today) {
    struct Unit {
      std::string_view name;
      int days, slack;
    };
    static constexpr std::array<Unit, 4> kUnits = {Unit{"day", 1, 0}, Unit{"week", 7, 3},
                                                   Unit{"month", 30, 15}, Unit{"year", 365, 180}};
    for (auto ago = text_.find(" ago"); ago != std::string::npos;
         ago = text_.find(" ago", ago + 1)) {
      if (inside_word(ago + 4)) continue;
      for (const auto& unit : kUnits) {
        std::size_t i = ago;
        if (ends_before(i, "s")) --i;
        if (!ends_before(i, unit.name)) continue;
        i -= unit.name.size();
        const int number = number_before(i);
        if (number < 0) continue;
        const int away = number * unit.days;
        add(today - days(away + unit.slack),
            today - days(std::max(0, away - unit.slack)) + days(1));
      }
    }
  }

  // The number in front of a unit, with the space or " of " between them; -1 = none.
  [[nodiscard]] int number_before(std::size_t unit) const {
    if (!ends_before(unit, " ")) return -1;
    std::size_t end = unit - 1;
    if (ends_before(end, " of")) end -= 3;
    std::size_t i = end;
    while (i > 0 && is_word_character(text_[i - 1])) --i;
    const std::string_view word = std::string_view(text_).substr(i, end - i);
    if (word.empty()) return -1;
    if (figures_at(i) == word.size() && word.size() <= 3) return number_at(i, word.size());
    const int number = number_named(word);
    return number >= 1 && number <= 6 && word != "an" ? number : -1;
  }

  std::string text_;
  std::optional<sys_days> today_;
  bool found_month_ = false;
  std::optional<bool> may_is_meant_;  // asked once: the query may be long
  QueryDates found_;
};

}  // namespace

QueryDates dates_in_query(std::string_view text, std::optional<TimeUs> now_local) {
  return Query(text, now_local).find();
}

}  // namespace memgpt
