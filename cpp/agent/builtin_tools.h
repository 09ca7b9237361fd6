// The tools of a memgpt_agent that need no Python. (The two that edit core memory are methods of
// the memory class.)
#pragma once

#include <memory>
#include <vector>

#include "agent/tool.h"

namespace memgpt {

// send_message, conversation_search, conversation_search_date, archival_memory_insert,
// archival_memory_search; in this order.
[[nodiscard]] std::vector<std::shared_ptr<Tool>> builtin_tools();

}  // namespace memgpt
