// One send(), which can leave its thread while a model's server is waited for.
#pragma once

#include <memory>
#include <optional>

#include "agent/turn_run.h"

namespace memgpt {

// The loop: the input, then steps until no heartbeat is requested. Not thread-safe; any thread may
// go on with it, one at a time.
class Agent::SendTask {
 public:
  // `inputs`: at least one; one commit has them all, and the model sees them all. What `on_event`
  // refers to must outlive the task. `max_steps`: model calls at most; 0 = as the agent is set up.
  SendTask(Agent& agent, std::vector<Input> inputs, const OnTurnEvent& on_event, int max_steps = 0);
  ~SendTask();
  SendTask(const SendTask&) = delete;
  SendTask& operator=(const SendTask&) = delete;

  // Goes on until the turn is done; with `may_leave` until a server has to be waited for, which it
  // gives then: called again when that has something to say. Null = done. What it throws ends the
  // task, and what was committed stays.
  [[nodiscard]] const PendingReply* advance(bool may_leave);
  // Once it is done.
  [[nodiscard]] Response response() { return std::move(run_.response); }
  // So far; on the thread that runs it.
  [[nodiscard]] const Response& progress() const { return run_.response; }

 private:
  void begin_turn();
  void append();
  bool step(bool may_leave);
  bool has_reply(bool may_leave, Reply& reply);
  void end_turn();

  Agent& agent_;
  std::vector<Input> inputs_;
  OnTurnEvent on_event_;
  int max_steps_;
  TurnRun run_;
  std::optional<TurnHold> hold_;
  bool left_ = false;  // the turn is held, and no thread runs it
  bool ended_ = false;
  // Of the step under way.
  std::optional<ModelCall> call_;
  std::optional<TurnRun> before_;  // where it begins again from
  int tries_ = 0;
  std::unique_ptr<PendingReply> pending_;
};

}  // namespace memgpt
