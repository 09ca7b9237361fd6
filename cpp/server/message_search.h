// Messages of all agents: searched, listed, found by their ids.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/api.h"
#include "server/wire_message.h"

namespace memgpt {

// Of one agent, or of all; what a reset hides is not in them.
[[nodiscard]] std::vector<LogView> logs_of(ServerApi& api,
                                           const std::optional<std::string>& agent_id);

struct FoundMessage {
  RecallHit hit;
  std::string agent_id;
};
// The best of all agents by their scores, the newest first where there is no text to rank by. Words
// are what recall memory is searched by.
[[nodiscard]] std::vector<FoundMessage> search_messages(ServerApi& api, const RecallQuery& query,
                                                        const std::optional<std::string>& agent_id);
inline constexpr std::string_view kRecallMode = "fts";

// As clients of the newer generation read it, and those of the older: with the message as it is
// kept. `rank`: from 1 on.
[[nodiscard]] json::object found_json(const FoundMessage& found);
[[nodiscard]] json::object ranked_json(const FoundMessage& found, int rank);

// JSON arrays of the parts of messages. The list is in the order in which they were committed.
[[nodiscard]] std::string all_messages_page(ServerApi& api, const Page& page,
                                            const MessageForm& form);
// Throws Refusal (404).
[[nodiscard]] std::string one_message(ServerApi& api, const std::string& id);

}  // namespace memgpt
