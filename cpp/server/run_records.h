// Turns as the journal has them: what the clients call a run, and its steps.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/agent.h"
#include "memory/json.h"
#include "server/api.h"
#include "server/wire_message.h"

namespace memgpt {

struct RunRecord {
  std::string agent_id;
  PlacedStep input;
  std::vector<PlacedStep> calls;  // of a model, in order
  std::vector<std::pair<Message, Head>> messages;
  std::vector<bool> late;   // of these: written when the agent was next asked for something
  std::string status;       // running, completed, failed, cancelled
  std::string stop_reason;  // "" while it runs
  std::string error;        // in words; "" = none that is known
  TimeUs ended_us = 0;      // as far as it came
};

// Reads runs for one request.
class RunReader {
 public:
  explicit RunReader(ServerApi& api);

  // Throw Refusal: 404, 422 for what is no such id.
  [[nodiscard]] RunRecord run(const std::string& id);
  struct StepRecord {
    RunRecord run;
    PlacedStep step;
  };
  [[nodiscard]] StepRecord step(const std::string& id);

  [[nodiscard]] RunRecord run_of(const std::string& agent_id, PlacedStep input);
  // The newest one of an agent that has ended; none before that.
  [[nodiscard]] std::optional<RunRecord> last_ended(const std::string& agent_id, Head head);
  // Of the input before a model call; none where it is not the agent's own.
  [[nodiscard]] const RunRecord* run_before(const std::string& agent_id, Head call);

  [[nodiscard]] json::object json_of(const PlacedStep& step, const std::string& agent_id,
                                     const RunRecord* run);

 private:
  [[nodiscard]] std::pair<PlacedStep, std::string> found(const std::string& id,
                                                         const std::string& kind);
  [[nodiscard]] Head line_of(const std::string& agent_id, Head place);
  void judge(RunRecord& run, bool newest);
  [[nodiscard]] bool is_late(const RunRecord& run, const std::pair<Message, Head>& entry);
  [[nodiscard]] const AgentConfig& config(const std::string& agent_id, std::int64_t version);

  ServerApi& api_;
  std::shared_ptr<Journal> journal_;
  std::vector<Turns::Active> active_;
  std::unordered_map<std::string, RunRecord> runs_;       // by the ids of their inputs
  std::unordered_map<std::string, AgentConfig> configs_;  // by agent and version
};

[[nodiscard]] json::object run_json(const RunRecord& run);
// How long a step took, and its tool: nanoseconds. None where its messages do not tell: a program
// gave the turn a time of its own, or it was cut short.
struct StepTimes {
  std::optional<std::int64_t> step_ns;
  std::optional<std::int64_t> tool_ns;
};
[[nodiscard]] StepTimes times_of(const RunRecord& run, const PlacedStep& step);
// What its calls took together.
[[nodiscard]] Response usage_of(const RunRecord& run);
// Messages with their places: of the whole run, or of one of its steps.
struct PlacedMessage {
  const Message* message;
  MessagePlace place;
};
[[nodiscard]] std::vector<PlacedMessage> messages_of(const RunRecord& run,
                                                     const PlacedStep* step = nullptr);

// Keeps what the journal does not tell: why a turn ended otherwise than by its agent's will.
void keep_end(ServerApi& api, Head input, const std::string& stop_reason,
              const std::string& error = "");

}  // namespace memgpt
