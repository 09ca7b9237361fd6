// What makes a clause a fact about the speaker: the verbs and nouns that the offline model knows.
#pragma once

#include <cstddef>

#include "llm/offline_tokens.h"

namespace memgpt::offline {

// A clause that begins at `at` states something lasting: "I live in", "my dog is", "we have two".
[[nodiscard]] bool states_fact(Tokens tokens, std::size_t at);

// "Call me Bob", "people call me Bob".
[[nodiscard]] bool names_speaker(Tokens tokens, std::size_t at);

}  // namespace memgpt::offline
