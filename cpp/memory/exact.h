// Arithmetic that gives the same bits on every machine.
#pragma once

namespace memgpt {

// The natural logarithm of a positive number.
[[nodiscard]] double logarithm(double x);

// A score to six places, so that the order of rows does not hang on its last bits.
[[nodiscard]] double rounded(double score);

}  // namespace memgpt
