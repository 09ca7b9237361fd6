// Calls that a model wrote into its text, in place of a structured call.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/mend_call.h"

namespace memgpt {

struct WrittenCalls {
  std::vector<WrittenCall> calls;
  std::string around;    // the text without them
  std::string thoughts;  // that stood in it
  std::string problem;   // a call was tried and cannot be read, or stands among other text
};

// Forms: JSON with a name and arguments, also in a code fence; name(argument="text"); a tool's name
// and an object; "Action:" and "Action Input:"; and those behind the marks of call_marks.h. A call
// is run where it is all there is: among other text it may be an example, or a question. A marked
// one may also be the last thing behind a text.
[[nodiscard]] WrittenCalls read_calls(std::string_view text, const ToolMap& tools, bool was_cut);

}  // namespace memgpt
