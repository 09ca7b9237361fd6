// What an agent was at a commit of its history, made from the rows of the commits before it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/agent_config.h"
#include "agent/live_state.h"
#include "agent/replay.h"

namespace memgpt {

class PastState {
 public:
  explicit PastState(const ReplayOptions& options) : options_(options) {}

  [[nodiscard]] const LiveState& state() const { return state_; }
  [[nodiscard]] LiveState& state() { return state_; }
  [[nodiscard]] const AgentConfig& config() const { return config_; }
  [[nodiscard]] const TokenCounter& counter() const { return *counter_; }
  [[nodiscard]] const std::string& tokenizer() const { return tokenizer_; }
  // The counter is the one of tokenizer(); else another one counts in its place.
  [[nodiscard]] bool can_count() const { return can_count_; }

  // Goes on from a state that was loaded.
  void begin(AgentState loaded, const std::string& tokenizer);
  void configure(const std::string& config);
  void use_counter(const std::string& tokenizer);
  void use_tools(const std::vector<std::string>& unbound);
  void apply_blocks(const Commit& commit);
  // After a change of what stands before the messages.
  void touch() { stale_ = true; }
  // Makes the prefix anew if it has to be.
  void refresh();
  [[nodiscard]] Context context(const Budget& budget);

 private:
  const ReplayOptions& options_;
  LiveState state_;
  AgentConfig config_;
  std::shared_ptr<const TokenCounter> counter_;
  std::string tokenizer_;
  bool can_count_ = false;
  bool stale_ = true;
  std::vector<std::string> unbound_;
  std::shared_ptr<const CompiledTools> tools_;
};

}  // namespace memgpt
