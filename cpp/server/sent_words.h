// What clients said of the messages that they sent: cards, for the kernel has no place for it.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "agent/agent.h"
#include "server/api.h"
#include "server/wire_message.h"

namespace memgpt {

// Keeps "otid" and "sender_id" of those of the body's messages that bring one; they are given ids
// by which the cards will be found. To be called once nothing of the request is left to refuse: a
// turn that fails nonetheless leaves cards that nobody will ask for.
void keep_sent_words(ServerApi& api, const json::object& body, std::vector<Input>& inputs);

// By the ids of messages. One query, and none where no message can have any.
using SentWordsById = std::unordered_map<std::string, SentWords>;
[[nodiscard]] bool may_have_words(const Message& message);
[[nodiscard]] SentWordsById sent_words(Journal& journal, const std::vector<std::string>& ids);
[[nodiscard]] SentWords sent_words(Journal& journal, const Message& message);

}  // namespace memgpt
