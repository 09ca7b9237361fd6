// Rules for the order of tool calls, as clients send them.
#pragma once

#include <string>

#include "agent/agent_config.h"
#include "memory/json.h"

namespace memgpt {

// The rules of a body as the kernel has them, each of them once; "[]" = none at all. Empty = none
// are given: then those that are shown are what the kernel does by itself. Throws Refusal.
[[nodiscard]] std::string rules_text(const json::object& body);
// Of a new agent, which has the tools of the configuration.
[[nodiscard]] std::string first_rules(const json::object& body, const AgentConfig& config);

}  // namespace memgpt
