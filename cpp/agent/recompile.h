// Recompiling: what the model would have seen at each step of a history under another policy or in
// another window. Nothing is asked of a model: its replies are those on record, and mechanical
// digests stand in for summaries.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/replay.h"
#include "memory/context.h"
#include "memory/policy.h"

namespace memgpt {

// A context as it was sent, or would have been.
struct StepFigures {
  int tokens = 0;
  int text_tokens = 0;
  int limit = 0;
  int evicted = 0;  // messages that left the window before the call
  bool warned = false;
  int prefix_tokens = -1;  // see StepRow
  std::string prefix_broken;
};

struct RecompiledStep {
  std::int64_t seq = 0;
  StepFigures recorded;
  StepFigures recompiled;
  // Spans that both contexts show alike, that only the recorded one shows, and only the other.
  int kept = 0;
  int lost = 0;
  int added = 0;
  std::vector<Range> lost_messages;  // positions that only the recorded context shows
  bool digest = false;               // a digest stands in the recompiled context
};

struct RecompileOptions {
  std::shared_ptr<const MemoryPolicy> policy;  // null = those on record
  int context_window = 0;                      // 0 = those on record
  // A policy on record; null where it is not to be had.
  std::function<std::shared_ptr<const MemoryPolicy>(const std::string& name,
                                                    const std::string& parameters)>
      policy_named;
};

struct Recompilation {
  std::vector<RecompiledStep> steps;
  std::int64_t stopped_at = 0;         // the commit that would not have been made; 0 = none
  std::string stopped;                 // why: what it had to show did not fit
  std::vector<std::string> unchecked;  // see ReplayReport
  std::optional<Context> last;         // of the last step
};

// Of the commits up to `head`. Throws StoreError where the history is not as it was recorded,
// Unbound where a policy on record is not to be had, PolicyError and what a policy throws.
[[nodiscard]] Recompilation recompile(Journal& journal, const std::string& agent_id, Head head,
                                      const ReplayOptions& replay_options,
                                      const RecompileOptions& options);

}  // namespace memgpt
