// Calls that a JSON object, or text in the form of Python, holds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/mend_call.h"

namespace memgpt {

// {"name": ..., "arguments": ...} in its many forms; empty where it is no call.
[[nodiscard]] std::vector<WrittenCall> calls_in(const std::vector<JsonMember>& members,
                                                const ToolMap& tools, int depth = 0);
// Of a list of such; empty where one of its items is no call.
[[nodiscard]] std::vector<WrittenCall> calls_in_list(const std::vector<JsonMember>& items,
                                                     const ToolMap& tools, int depth = 0);

// Lists of calls, and calls in one more object.
[[nodiscard]] bool holds_calls(std::string_view key);

// What may stand beside a call's name and arguments and says nothing about it: its id, "type":
// "function", "role": "assistant", and what is null.
[[nodiscard]] bool is_part_of_call(const JsonMember& member);
// What the model is told where something else stands there.
[[nodiscard]] std::string no_part_of_call(std::string_view key);

// name(argument="text"), from `at` to behind its end.
// False where it is no such call whose values are all whole.
[[nodiscard]] bool read_python_call(std::string_view text, std::size_t& at, WrittenCall& call);

[[nodiscard]] std::size_t name_end(std::string_view text, std::size_t at);
// True, and `at` behind it, where `expected` stands at `at`.
[[nodiscard]] bool skip_text(std::string_view text, std::size_t& at, std::string_view expected);

}  // namespace memgpt
