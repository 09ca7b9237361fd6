// What clients send to make an agent, or to change one.
#pragma once

#include <memory>
#include <optional>

#include "agent/agent.h"
#include "memory/json.h"

namespace memgpt {

class ServerApi;

// They throw Refusal, and errors of the kernel; then nothing was made or changed.
[[nodiscard]] std::shared_ptr<Agent> create_agent(ServerApi& api, const json::object& body);
void change_agent(ServerApi& api, Agent& agent, const json::object& body);
// The embedder's. Nothing: not asked for. "" = none at all.
[[nodiscard]] std::optional<std::string> embedding_handle(const json::object& body);
// A name that no agent of the kernel has: this one, or with a number behind it.
[[nodiscard]] std::string free_name(ServerApi& api, const std::string& wanted);

}  // namespace memgpt
