// Tools that clients sent as source text: kept as cards, run in a sandbox.
#pragma once

#include <memory>

#include "agent/agent_config.h"
#include "agent/tool.h"
#include "store/card.h"

namespace memgpt {

class ServerApi;

// Of a card of the kind "tool".
[[nodiscard]] std::shared_ptr<Tool> source_tool(ServerApi& api, const Card& card);
// The one of this name and schema; null where there is none.
[[nodiscard]] std::shared_ptr<Tool> source_tool(ServerApi& api, const ToolConfig& wanted);

}  // namespace memgpt
