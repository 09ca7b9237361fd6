// How a turn is answered: in one piece, or as a stream of its steps or tokens.
#pragma once

#include <memory>
#include <string>

#include "agent/agent.h"
#include "server/http_exchange.h"
#include "server/turns.h"
#include "server/wire_message.h"

namespace memgpt {

class ServerApi;

struct AnswerForm {
  MessageForm messages;
  bool streaming = false;
  bool tokens = false;
  bool pings = true;
};

// The order with its functions set; the agent, its inputs and limits are the caller's to set.
[[nodiscard]] TurnOrder answered(ServerApi& api, std::shared_ptr<Agent> agent,
                                 std::shared_ptr<ServerExchange> exchange, AnswerForm form);

[[nodiscard]] std::string usage_json(const Response& response);

}  // namespace memgpt
