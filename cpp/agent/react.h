// Calls as agents of the ReAct kind write them.
#pragma once

#include <optional>
#include <string_view>

#include "agent/call_text.h"

namespace memgpt {

// "Thought: ..., Action: name, Action Input: {...}" as all there is; nothing where the text is none
// of that kind.
[[nodiscard]] std::optional<WrittenCalls> read_react(std::string_view text, const ToolMap& tools,
                                                     bool was_cut);

}  // namespace memgpt
