// What clients send to an agent, read and checked.
#pragma once

#include <string_view>
#include <vector>

#include "agent/agent.h"
#include "memory/json.h"

namespace memgpt {

// Those of a list of the body; none where it is not there. Throws Refusal (422).
[[nodiscard]] std::vector<Input> inputs_in(const json::object& body, std::string_view name);
// "messages", or "input". Throws Refusal (422), also where there are none.
[[nodiscard]] std::vector<Input> inputs_of(const json::object& body);

// What would change a turn, and is not served. Throws Refusal (501).
void refuse_unserved(const json::object& body);

}  // namespace memgpt
