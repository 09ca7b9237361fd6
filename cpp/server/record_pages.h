// What the lists of runs and steps have in common.
#pragma once

#include <vector>

#include "server/run_records.h"

namespace memgpt {

// Those that a list is about: of "agent_id" and "agent_ids", or all. An agent that is not there has
// no records. Throws Refusal (422) for what is no id.
[[nodiscard]] std::vector<AgentRow> asked_agents(ServerApi& api, const Call& call);
[[nodiscard]] ServerResponse record_messages(ServerApi& api, Call& call,
                                             std::vector<PlacedMessage> messages);

void add_run_routes(Router& router, ServerApi& api);

}  // namespace memgpt
