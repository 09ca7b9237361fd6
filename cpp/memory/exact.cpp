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

double rounded(double score) { return std::floor(score * 1e6 + 0.5) / 1e6; }

}  // namespace memgpt
