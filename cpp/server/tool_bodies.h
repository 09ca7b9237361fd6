// What clients send to make a tool, or to change one.
#pragma once

#include "memory/json.h"
#include "store/card.h"

namespace memgpt {

class ServerApi;

// Variables that tools shall see, by their names. Throws Refusal (422), naming the field, for what
// no environment can hold.
void check_environment(const json::object& variables, const char* field);

// They throw Refusal, and ToolError (400) for a source that is no tool. Nothing is kept yet.
[[nodiscard]] Card new_tool(ServerApi& api, const json::object& body);
[[nodiscard]] Card changed_tool(ServerApi& api, Card card, const json::object& body);
// Keeps it, and lets the agents that have it know; `before`: the name that it had. Throws Refusal
// (409) where another tool has its name.
void keep_tool(ServerApi& api, const Card& card, const std::string& before);
// Takes it from the agents that have it, and forgets it. Throws Busy where one of them is: then it
// is still there.
void delete_tool(ServerApi& api, const Card& card);

}  // namespace memgpt
