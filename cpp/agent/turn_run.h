// What one send() carries from step to step.
#pragma once

#include "agent/agent.h"
#include "agent/tool_rules.h"

namespace memgpt {

struct Agent::TurnRun {
  Response response;
  std::int64_t begin_position = 0;  // of the input
  bool preview = false;             // of the window only: no model is called for a summary
  std::vector<std::string> found;   // texts that the turn's searches returned
  std::vector<CalledTool> called;   // by the turn, in order
  int bad_replies = 0;              // in a row: no call, or one that cannot be run
  // Of the step's tool, where it may have edited what agents share.
  std::optional<WriteSet> before_tool;
  std::string ran;  // the call that was run last
  ToolResult result;
  Trust trust = Trust::kernel;            // of the result
  const OnTurnEvent* on_event = nullptr;  // who looks on; null = nobody
  std::string reply_id;                   // that who looks on was told; empty = nobody was

  void tell(const TurnEvent& event) const {
    if (on_event != nullptr) (*on_event)(event);
  }
};

// A model call of a turn, before it has a reply.
struct Agent::ModelCall {
  WriteSet writes;  // without a warning
  WriteSet shown;   // what the model sees
  bool warned = false;
  bool forced = false;  // its server said once that it is too long
  std::shared_ptr<const Context> context;
  std::shared_ptr<LLMProvider> provider;
  CallOptions options;
  std::shared_ptr<ReplyEvents> events;  // where somebody looks on
};

// Of what a tool returns.
[[nodiscard]] Trust trust_of(const Tool& tool);

}  // namespace memgpt
