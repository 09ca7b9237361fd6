// What a user does to the window as a whole.
#include "agent/agent.h"
#include "agent/turn_run.h"
#include "error.h"

namespace memgpt {

Agent::Compacted Agent::compact() {
  const auto hold = take_turn();
  check_bound();
  for (int tries = 0;; ++tries) {
    refresh();
    TurnRun run;
    WriteSet writes = begin("compact", "user");
    const auto before = writes.state.window.size();
    static_cast<void>(fit_window(writes, run, true));
    const auto after = writes.state.window.size();
    if (after == before) return {before, before};
    try {
      commit(writes);
      return {before, after};
    } catch (const Conflict&) {
      if (tries == kMaxRedone) throw;
    }
  }
}

void Agent::reset_messages() {
  const auto hold = take_turn();
  for (int tries = 0;; ++tries) {
    refresh();
    WriteSet writes = begin("reset", "user");
    for (const auto position : writes.state.pins) writes.commit.pins.push_back({position, false});
    writes.state.pins.clear();
    writes.state.window.clear();
    writes.state.summary.reset();
    writes.state.warned = false;
    writes.prefix_changed = true;
    refresh_prefix(writes);
    try {
      commit(writes);
      return;
    } catch (const Conflict&) {
      if (tries == kMaxRedone) throw;
    }
  }
}

}  // namespace memgpt
