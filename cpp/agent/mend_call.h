// One call, as it was written, fitted to the tool that was meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/mend_json.h"
#include "agent/repair.h"
#include "agent/tool_call_decoder.h"

namespace memgpt {

// As the model wrote it, in a structured call or in its text.
struct WrittenCall {
  std::string name;
  std::string arguments;
  std::vector<JsonMember> beside;  // what stood beside name and arguments in one object
  Repairs repairs;                 // until here
  std::string problem;             // why it cannot be run, where that is clear already
  bool flat = false;               // all of its arguments stand beside its name
};

struct MendedCall {
  std::string name;
  std::string arguments;  // strict JSON
  DecodedCall decoded;    // its `problem` says what is wrong where it cannot be run
  std::string thoughts;   // that stood in the arguments twice
  Repairs repairs;
};

// `was_cut`: the provider says that the answer was cut off.
[[nodiscard]] MendedCall mend_call(const WrittenCall& call, const ToolMap& tools, bool was_cut);

// The name of the tool that was meant; empty where that is not clear.
[[nodiscard]] std::string meant_tool(std::string_view name, const ToolMap& tools, Repairs& repairs);

// What the model is told of JSON that cannot be read, and where. `what`: "the arguments are".
[[nodiscard]] std::string broken_text(std::string_view what, std::string_view text,
                                      const MendedJson& json);

// For an object that lacks closing braces at the text's end: true where they could have been
// missing further inside as well. {"a": {"b": 1, "c": 2} may be {"a": {"b": 1}, "c": 2}.
[[nodiscard]] bool may_nest_otherwise(const std::vector<JsonMember>& members);

[[nodiscard]] bool is_arguments_key(std::string_view key);
[[nodiscard]] bool is_name_key(std::string_view key);

// The text of a JSON string; empty where it is none.
[[nodiscard]] std::string string_in(std::string_view json_text);

}  // namespace memgpt
