// Calls that a model wrote into its text, in place of a structured call.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/mend_call.h"

namespace memgpt {

struct WrittenCalls {
  std::vector<WrittenCall> calls;
  std::string around;   // the text without them
  std::string problem;  // a call was tried and cannot be read
};

// Forms: JSON with a name and arguments, alone, in a code fence, or at one end of a text;
// {"function": ..., "params": ...}; <tool_call>...</tool_call>; [TOOL_CALLS] [...];
// <|python_tag|>{...}; <function=name>{...}</function>; and name(argument="text") where that is all
// there is. JSON between two texts is no call: it may be an example.
[[nodiscard]] WrittenCalls read_calls(std::string_view text, const ToolMap& tools, bool was_cut);

}  // namespace memgpt
