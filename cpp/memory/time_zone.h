// Clocks of time zones. Pure: what a zone's offset is, a function tells that is passed in.
//
// A local time is what a clock of the zone shows, as microseconds since it showed 1970-01-01 00:00.
#pragma once

#include <functional>
#include <string>

#include "memory/message.h"

namespace memgpt {

// Seconds that the zone's clocks are ahead of UTC at a time.
using UtcOffset = std::function<int(TimeUs utc_us)>;

[[nodiscard]] TimeUs local_of(TimeUs utc_us, const UtcOffset& offset);
// "2023-05-08 13:56", and where that is not UTC, " +02:00".
[[nodiscard]] std::string format_local(TimeUs utc_us, const UtcOffset& offset);

// When the clocks show a local time. Where they are put back and show it twice: the first or the
// last time. Where they are put forward and skip it: when they would have shown it, as Python's
// datetime has it (PEP 495).
enum class Shown { first, last };
[[nodiscard]] TimeUs utc_of(TimeUs local_us, const UtcOffset& offset, Shown which = Shown::first);

}  // namespace memgpt
