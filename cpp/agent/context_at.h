// One past context, made again from the journal.
#pragma once

#include <optional>
#include <string>

#include "agent/replay.h"

namespace memgpt {

struct PastContext {
  StepRow call;
  Context context;  // what the model saw; where not `exact`, as a purge left it
  bool exact = true;
  std::optional<StepRow> before;  // the model call before it, if there was one
};

// What the model saw in the commit `seq` of the history that ends at `head`. Costs what the window
// held then, whatever the history holds. Throws NotFound where there is no such commit,
// InvalidInput where it called no model, StoreError where the journal does not give what it
// recorded.
[[nodiscard]] PastContext context_at(Journal& journal, const std::string& agent_id, Head head,
                                     std::int64_t seq, const ReplayOptions& options);

// Throws NotFound for a number that no commit up to `head` has.
void check_commit(std::int64_t seq, Head head);

}  // namespace memgpt
