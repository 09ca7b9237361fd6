// Arguments as they were written, fitted to what a tool takes.
#pragma once

#include <string>
#include <vector>

#include "agent/mend_json.h"
#include "agent/repair.h"
#include "agent/tool.h"

namespace memgpt {

struct Fitted {
  std::string text;        // all of them, as strict JSON
  json::object arguments;  // without the injected ones
  bool wide = false;       // see strict_json.h
  bool request_heartbeat = false;
  std::string thoughts;  // where they stood there twice: the others
  Repairs repairs;
  std::string problem;  // empty: the tool takes them
};

// `beside` stood beside the arguments and not among them; `flat`: there are none but those. What is
// there and is neither an argument nor a part of a call makes a problem: {"action": "wipe",
// "status": "cancelled"} is a report, and no call.
[[nodiscard]] Fitted fit_arguments(std::vector<JsonMember> members,
                                   const std::vector<JsonMember>& beside, bool flat,
                                   const Tool& tool);

// Takes the injected arguments out; gives whether a heartbeat was requested.
[[nodiscard]] bool take_injected(json::object& arguments);

}  // namespace memgpt
