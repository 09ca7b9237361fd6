// Fitting a state to its budget: what a policy sees, what goes, what is shown of a long text. Pure:
// no journal and no model, so that it can be done again for any past state.
#pragma once

#include <functional>
#include <memory>

#include "agent/live_state.h"
#include "memory/policy.h"

namespace memgpt {

// What a tool result gets at least, however full the window is.
inline constexpr int kMinToolRoom = 64;

// What decides about a window, beside what is in it.
struct WindowRules {
  std::shared_ptr<const MemoryPolicy> policy;  // null = unbound
  int context_window = 0;
  int reply_tokens = 0;  // 0 = as budget_for_window() has it
  [[nodiscard]] Budget budget(int correction = kNoCorrection) const {
    return budget_for_window(context_window, correction, reply_tokens);
  }
  // The tokens above which messages are evicted; without a policy, the budget's limit.
  [[nodiscard]] int eviction_line(const Budget& budget) const;
};

[[nodiscard]] PolicyWindow policy_window(const LiveState& state, const WindowRules& rules);

// What the messages that no eviction may take cost.
struct TurnCosts {
  int newest_user = 0;   // 0 = there is none
  int newest_input = 0;  // what the turn began with, from the user or from the system
  int turn = 0;          // from that input on; of all messages where there is none
  bool same = false;     // the newest user message is the input
  [[nodiscard]] int kept() const { return newest_user + (same ? 0 : newest_input); }
};
[[nodiscard]] TurnCosts turn_costs(const Window& window);
// What stays in the window beside a new message of this role: that of the user is the newest one.
[[nodiscard]] int kept_beside(Role role, const Window& window);
// What the pinned messages cost, but for those that are kept anyway.
[[nodiscard]] int pinned_cost(const LiveState& state);

// Lets messages go: makes `kept` the state's window, with a summary of `evicted` and a prefix.
using LetGo = std::function<void(Window kept, const Window& evicted, const Fit& fit)>;
// Asks the policy, once more where a new summary is longer than the one before it. True where the
// agent has to be warned. Throws PolicyError, and WindowFull or WindowTooSmall where it cannot fit.
// forced: a provider said that the window is full.
[[nodiscard]] bool fit_state(LiveState& state, const WindowRules& rules, bool forced,
                             const LetGo& let_go);

// Throws WindowTooSmall (message_cost 0: can the agent work at all?) or MessageTooLarge, with the
// figures.
void check_room(const LiveState& state, const WindowRules& rules, int message_cost);

// Memory pressure, said once between two evictions; left out where even that has no room.
void make_alert(Message& message);
[[nodiscard]] bool alert_fits(const LiveState& state, const WindowMessage& alert,
                              const Budget& budget);

// A digest that stands for `evicted` and for the summary so far.
[[nodiscard]] SummaryRow digest_of(const LiveState& state, const Window& evicted,
                                   const WindowRules& rules, const TokenCounter& counter);
// It says what has left the window; the context shows no text.
[[nodiscard]] SummaryRow silent_summary();

// Cuts what the context shows of a long text to a quarter of the window, and to two thirds of the
// room that is left to the turn before eviction begins. So the results of several searches stand
// beside each other: a model that has lost the first when it reads the second searches for ever.
// The whole text stays in recall memory.
void limit_shown(Message& message, const LiveState& state, const WindowRules& rules,
                 const TokenCounter& counter);

}  // namespace memgpt
