// Days, weeks and months as numbers; the Gregorian calendar.
#pragma once

#include <chrono>

#include "memory/message.h"

namespace memgpt::calendar {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

inline constexpr TimeUs kSecondUs = 1'000'000;
inline constexpr TimeUs kHourUs = 3600 * kSecondUs;
inline constexpr TimeUs kDayUs = 24 * kHourUs;

enum class Unit { none, minute, hour, day, week, month, year };

inline TimeUs start_of(sys_days day) { return TimeUs{day.time_since_epoch().count()} * kDayUs; }
inline sys_days day_of(TimeUs local) {
  return std::chrono::floor<days>(
      std::chrono::sys_time<std::chrono::microseconds>(std::chrono::microseconds(local)));
}
inline constexpr sys_days first_of(int year, int month) {
  return std::chrono::year(year) / std::chrono::month(static_cast<unsigned>(month)) / 1;
}
inline sys_days first_after(int year, int month) {
  return month == 12 ? first_of(year + 1, 1) : first_of(year, month + 1);
}
inline int year_of(sys_days day) { return static_cast<int>(year_month_day(day).year()); }
inline int month_of(sys_days day) {
  return static_cast<int>(static_cast<unsigned>(year_month_day(day).month()));
}
// 0 = Monday.
inline int weekday_of(sys_days day) {
  return static_cast<int>((std::chrono::weekday(day) - std::chrono::Monday).count());
}
inline sys_days monday_of(sys_days day) { return day - days(weekday_of(day)); }
// The same day of another month, or that month's last.
inline sys_days months_away(sys_days day, int months) {
  const year_month_day date(day);
  const auto month = date.year() / date.month() + std::chrono::months(months);
  const year_month_day same = month / date.day();
  return same.ok() ? sys_days(same) : sys_days(month / std::chrono::last);
}
inline constexpr sys_days kFirstDay = first_of(1, 1);
inline constexpr sys_days kBehindLast = first_of(10'000, 1);

}  // namespace memgpt::calendar
