// What replay says for people about a divergence.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/provider.h"
#include "memory/context.h"
#include "store/journal.h"

namespace memgpt {

// How the assistant's message differs from the reply that it was made from; empty = not at all.
[[nodiscard]] std::string reply_diff(const Reply& reply, const Message& message);

// What is new in a context since the last one that was as recorded.
[[nodiscard]] std::string context_diff(const std::optional<Context>& before, std::int64_t seq,
                                       const Context& now);

[[nodiscard]] std::string drawn(const std::vector<Range>& ranges);
// What a commit holds, a line a row.
[[nodiscard]] std::string drawn(const Commit& commit);

}  // namespace memgpt
