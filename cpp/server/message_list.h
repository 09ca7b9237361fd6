// Pages of an agent's messages.
#pragma once

#include <string>

#include "server/api.h"
#include "server/wire_message.h"

namespace memgpt {

// A JSON array. Ids of the page's bounds are those of the kernel's messages, whose parts share
// them.
[[nodiscard]] std::string messages_page(ServerApi& api, Agent& agent, const Page& page,
                                        const MessageForm& form);

// The commit of the input of the turn that a commit belongs to; seq 0 where there is none.
[[nodiscard]] Head turn_input(Journal& journal, Head head, Head place);

// The position of the first message that is listed: a reset hides what was before it.
[[nodiscard]] std::int64_t first_listed(const AgentConfig& config);

}  // namespace memgpt
