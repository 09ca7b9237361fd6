// The recursive summary's fallback: a mechanical digest, deterministic and without a model.
#pragma once

#include <string>
#include <string_view>

#include "memory/context.h"

namespace memgpt {

// What a summary may take: a tenth of the window less the reserve, at least 48 tokens.
[[nodiscard]] int summary_limit_tokens(const Budget& budget);

// The text that a summariser reads: one dated line a message.
[[nodiscard]] std::string transcript(const Window& messages);

// Lines taken from the previous summary and the evicted messages, at most `limit_tokens` tokens.
// Lines with names and numbers stay longest. Nothing in it is live: what stays begins it.
[[nodiscard]] std::string mechanical_digest(std::string_view previous, const Window& evicted,
                                            int limit_tokens, const TokenCounter& counter);

}  // namespace memgpt
