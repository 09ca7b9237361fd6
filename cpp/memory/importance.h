// How much a message is worth keeping, by its text alone.
#pragma once

#include <cstdint>
#include <string_view>

namespace memgpt {

// Content words, names and numbers per word: a name or a number counts four times, what has a time
// word twice, a question half. 0 for a text without words; some hundreds for most. Integers only.
// Weights were chosen on recorded conversations, with a wide plateau around them
// (benchmarks/README.md).
[[nodiscard]] std::int32_t importance(std::string_view text);

}  // namespace memgpt
