#include "memory/time_zone.h"

#include <cstdio>
#include <cstdlib>

namespace memgpt {

namespace {

constexpr TimeUs kSecond = 1'000'000;
// More than the offset of any zone, less than lies between two changes of one.
constexpr TimeUs kAround = 26 * 3600 * kSecond;

}  // namespace

TimeUs local_of(TimeUs utc_us, const UtcOffset& offset) {
  return utc_us + offset(utc_us) * kSecond;
}

std::string format_local(TimeUs utc_us, const UtcOffset& offset) {
  const int minutes = offset(utc_us) / 60;
  std::string text = format_time(local_of(utc_us, offset));
  if (minutes == 0) return text;
  char suffix[16];
  std::snprintf(suffix, sizeof suffix, " %c%02d:%02d", minutes < 0 ? '-' : '+',
                std::abs(minutes) / 60, std::abs(minutes) % 60);
  return text + suffix;
}

TimeUs utc_of(TimeUs local_us, const UtcOffset& offset, Shown which) {
  const TimeUs before = local_us - offset(local_us - kAround) * kSecond;
  const TimeUs after = local_us - offset(local_us + kAround) * kSecond;
  if (before == after) return before;
  const bool shown_before = local_of(before, offset) == local_us;
  const bool shown_after = local_of(after, offset) == local_us;
  return shown_after && (!shown_before || which == Shown::last) ? after : before;
}

}  // namespace memgpt
