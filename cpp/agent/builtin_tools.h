// The kernel's own tools. Those that edit core memory are the methods of the stock memory class,
// too: memgpt.memory.ChatMemory, which a program may subclass.
#pragma once

#include <memory>
#include <vector>

#include "agent/agent_config.h"
#include "agent/tool.h"
#include "agent/tool_call_decoder.h"

namespace memgpt {

// send_message, conversation_search, conversation_search_date, archival_memory_insert,
// archival_memory_search; in this order.
[[nodiscard]] std::vector<std::shared_ptr<Tool>> builtin_tools();

// web_search, fetch_webpage, run_code: they want a service that is not set up, and say so.
[[nodiscard]] std::vector<std::shared_ptr<Tool>> service_tools();

inline constexpr const char* kStockMemory = "memgpt.memory.ChatMemory";
// Of an agent of this type, with the schemas that the methods have.
[[nodiscard]] std::vector<std::shared_ptr<Tool>> memory_tools(std::string_view agent_type);

// Binds what of a configuration's tools is the kernel's own, and not bound.
void bind_own_tools(const AgentConfig& config, ToolMap& tools);

}  // namespace memgpt
