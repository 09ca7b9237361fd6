#include "memory/exact.h"

#include <cmath>

namespace memgpt {

// By additions and multiplications alone: libraries differ in the last bit.
double logarithm(double x) {
  int exponent = 0;
  double m = std::frexp(x, &exponent);  // [0.5, 1)
  if (m < 0.70710678118654752) {
    m *= 2;
    --exponent;
  }
  const double z = (m - 1) / (m + 1);
  double power = z;
  double sum = 0;
  for (int k = 1; k < 40; k += 2) {
    sum += power / k;
    power *= z * z;
  }
  return 2 * sum + exponent * 0.693147180559945309;
}

int month_of(TimeUs local_us) {
  // Days to a civil date: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
  constexpr TimeUs kDay = 86'400'000'000;
  const auto days = (local_us >= 0 ? local_us : local_us - (kDay - 1)) / kDay + 719'468;
  const auto era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = days - era * 146'097;
  const auto year =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const auto day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
  const auto shifted = (5 * day_of_year + 2) / 153;
  return static_cast<int>(shifted < 10 ? shifted + 2 : shifted - 10);  // 0 = January
}

double rounded(double score) { return std::floor(score * 1e6 + 0.5) / 1e6; }

}  // namespace memgpt
