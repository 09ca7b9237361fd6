// Tools that clients sent as source text: kept as cards, run in a sandbox.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "agent/agent.h"
#include "agent/tool.h"
#include "server/server_options.h"
#include "store/card.h"

namespace memgpt {

class ServerApi;

// Runs source texts, or says why not. Agents that outlive their server keep it.
class SourceRunner {
 public:
  // `allowed`: posted source may be run.
  SourceRunner(SourceHooks hooks, bool allowed, std::weak_ptr<Home> home)
      : hooks_(std::move(hooks)), allowed_(allowed), home_(std::move(home)) {}

  [[nodiscard]] bool allowed() const { return allowed_ && hooks_.run != nullptr; }
  // `tool`: source and what else a client said of it, as a card's JSON. `arguments`: a JSON
  // object's text, with numbers as they were written. `environment` overrides what is kept for the
  // agent. Never throws an Error.
  [[nodiscard]] SourceResult run(const json::object& tool, const std::string& name,
                                 const std::string& arguments,
                                 const json::object& environment) const;
  // Of a card, for an agent, with the agent's secrets.
  [[nodiscard]] SourceResult run_for(const std::string& card_id, const std::string& source,
                                     const std::string& name, const std::string& arguments,
                                     const std::string& agent_id) const;
  // Name, description and parameters. Throws ToolError.
  [[nodiscard]] json::object derive(const json::object& body) const;

 private:
  SourceHooks hooks_;
  bool allowed_;
  std::weak_ptr<Home> home_;
};

// Lets the agents that are loaded have the tools as they are now.
class SourceBindings {
 public:
  // A tool was changed: agents are looked through when they are asked for next.
  void change() { ++version_; }
  // An agent that is busy is left for the next time.
  void follow(ServerApi& api, Agent& agent);
  void forget(const std::string& agent_id);
  // A function of the program that agents were given over the API: they have it again whenever they
  // are loaded, as long as this server is there.
  void keep(const std::shared_ptr<Tool>& tool);
  // By the id that clients know; null: there is none.
  [[nodiscard]] std::shared_ptr<Tool> kept(const std::string& id);

 private:
  // What is to be bound in the place of a tool of the agent; null: nothing.
  [[nodiscard]] std::shared_ptr<Tool> made_for(ServerApi& api, const ToolConfig& tool,
                                               bool unbound);

  std::atomic<std::int64_t> version_{1};
  std::mutex mutex_;
  std::unordered_map<std::string, std::int64_t> seen_;           // versions, by agent
  std::unordered_map<std::string, std::shared_ptr<Tool>> kept_;  // by name
};

// Why posted source is not run, and what to do.
[[nodiscard]] std::string not_allowed_text();

// {"stdout": [...], "stderr": [...]}; empty = nothing was printed.
[[nodiscard]] std::string printed_json(const SourceResult& result);

// Of a card of the kind "tool".
[[nodiscard]] std::shared_ptr<Tool> source_tool(ServerApi& api, const Card& card);
// Of a tool of an agent's configuration.
[[nodiscard]] bool is_source_tool(const ToolConfig& tool);

}  // namespace memgpt
