// Every tool that agents can be given over the API: the kernel's own, and those that clients sent.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent_config.h"
#include "agent/tool.h"
#include "memory/json.h"
#include "store/card.h"

namespace memgpt {

class ServerApi;

// The kernel's own, in the order of a list.
[[nodiscard]] std::vector<std::shared_ptr<Tool>> base_tools();
// "tool-..." of a tool that is no client's: made of its name.
[[nodiscard]] std::string base_tool_id(std::string_view name);
[[nodiscard]] std::shared_ptr<Tool> base_tool(std::string_view name);  // null: there is none
// The card of a tool that a client sent.
[[nodiscard]] std::optional<Card> tool_card(ServerApi& api, const std::string& name);
// As clients see it.
[[nodiscard]] json::object card_json(const Card& card);
// Every tool there is, oldest first: the kernel's own, then those that clients sent.
[[nodiscard]] std::vector<json::object> all_tools(ServerApi& api);

// One of them, or a function of a program that one of its agents has: those are in no list of all
// tools. Throws Refusal (404).
[[nodiscard]] json::object tool_json_by_id(ServerApi& api, const std::string& id);
// The tool of an agent that clients know by the id.
[[nodiscard]] std::optional<ToolConfig> tool_of_agent(ServerApi& api, const AgentConfig& config,
                                                      const std::string& id);

// What an agent is given. Throw Refusal: 404, and 400 for a program's function that cannot be had.
[[nodiscard]] std::shared_ptr<Tool> tool_named(ServerApi& api, const std::string& name);
[[nodiscard]] std::shared_ptr<Tool> tool_by_id(ServerApi& api, const std::string& id);
// One of the kernel's own; null: it is none.
[[nodiscard]] std::shared_ptr<Tool> base_tool_by_id(const std::string& id);
// Of a tool that a client sent. Throws Refusal: 404, and 400 for any other.
[[nodiscard]] Card card_by_id(ServerApi& api, const std::string& id);

}  // namespace memgpt
