// Calls behind the marks of chat templates: <tool_call>...</tool_call>, [TOOL_CALLS] [...],
// <|python_tag|>{...}, <function=name>..., and those of DeepSeek, Kimi, GLM, Gemma, MiniMax, Qwen.
#pragma once

#include <string_view>

#include "agent/call_marks.h"
#include "agent/call_text.h"

namespace memgpt {

// What begins at `mark`. Nothing but calls may follow in the text: else `problem`.
[[nodiscard]] WrittenCalls read_marked_calls(std::string_view text, const Mark& mark,
                                             const ToolMap& tools, bool was_cut);

// JSON that begins at `at`; nothing where it cannot be read, and `problem` says why.
[[nodiscard]] std::optional<MendedJson> read_call_json(std::string_view text, std::size_t at,
                                                       const ToolMap& tools, bool was_cut,
                                                       std::string& problem);

}  // namespace memgpt
