// What clients send to an agent, read and checked.
#pragma once

#include <vector>

#include "agent/agent.h"
#include "memory/json.h"

namespace memgpt {

// "messages", or "input". Throws Refusal (422), also where there are none.
[[nodiscard]] std::vector<Input> inputs_of(const json::object& body);

}  // namespace memgpt
