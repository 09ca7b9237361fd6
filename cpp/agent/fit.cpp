#include "agent/fit.h"

#include <algorithm>
#include <set>

#include "agent/prompts.h"
#include "error.h"
#include "memory/summary.h"

namespace memgpt {

namespace {

// The smallest room for messages that an agent can work in.
constexpr int kMinMessageRoom = 768;
// What the call after this one is expected to take.
constexpr int kNextCallRoom = 100;

// What a turn began with, from the user or from the system.
bool is_input(const Message& message) {
  return message.role == Role::user ||
         (message.role == Role::system && message.type != "system_alert");
}

bool is_pinned(const LiveState& state, const Message& message) {
  return std::binary_search(state.pins.begin(), state.pins.end(), message.position);
}

// What the provider's reports took off the limit is given back rather than to refuse.
void check_fits(const LiveState& state, const WindowRules& rules) {
  const int limit = rules.budget().limit();
  if (state.prefix->tokens() + state.window.tokens() <= limit) return;
  if (const int pinned = pinned_cost(state); pinned > 0)
    throw WindowFull("the pinned messages take " + std::to_string(pinned) +
                     " tokens, and what always stands in the context " +
                     std::to_string(state.prefix->tokens()) + "; the limit is " +
                     std::to_string(limit) +
                     ". Unpin some with agent.unpin(message), or reopen the agent with a larger "
                     "context_window");
  throw WindowTooSmall(
      "the newest message and what always stands in the context do not fit the window of " +
      std::to_string(rules.context_window) +
      " tokens; shorten memory blocks or reopen the agent with a larger context_window");
}

}  // namespace

int WindowRules::eviction_line(const Budget& budget) const {
  return policy ? policy->evicts_above(budget.limit()) : budget.limit();
}

PolicyWindow policy_window(const LiveState& state, const WindowRules& rules) {
  PolicyWindow window;
  const auto size = state.window.size();
  for (auto* array : {&window.tokens, &window.roles, &window.pins, &window.scores, &window.groups})
    array->reserve(size);
  window.ages.reserve(size);
  window.positions.reserve(size);
  const TimeUs newest = state.window.empty() ? 0 : state.window.back()->message->time_us;
  std::int32_t group = -1;
  for (const auto& item : state.window) {
    const Message& message = *item->message;
    const auto index = static_cast<int>(window.size());
    if (message.role != Role::tool) ++group;
    if (message.role == Role::user) window.newest_user = index;
    if (is_input(message)) window.newest_input = index;
    window.tokens.push_back(item->cost());
    window.roles.push_back(static_cast<std::int32_t>(message.role));
    window.ages.push_back(newest - message.time_us);
    window.pins.push_back(is_pinned(state, message) ? 1 : 0);
    window.scores.push_back(item->score);
    window.groups.push_back(group);
    window.positions.push_back(message.position);
  }
  window.fixed_tokens = state.prefix->tokens();
  window.limit_tokens = rules.budget(state.correction).limit();
  window.warned = state.warned;
  window.step = state.agent.head.seq + 1;
  return window;
}

TurnCosts turn_costs(const Window& window) {
  TurnCosts costs;
  bool input_found = false;
  for (std::size_t i = window.size(); i-- > 0;) {
    const WindowMessage& item = *window[i];
    if (!input_found) costs.turn += item.cost();
    if (!input_found && is_input(*item.message)) {
      input_found = true;
      costs.newest_input = item.cost();
      costs.same = item.message->role == Role::user;
    }
    if (item.message->role != Role::user) continue;
    costs.newest_user = item.cost();
    break;
  }
  return costs;
}

int kept_beside(Role role, const Window& window) {
  if (role == Role::user) return 0;
  const auto costs = turn_costs(window);
  return role == Role::system ? costs.newest_user : costs.kept();
}

int pinned_cost(const LiveState& state) {
  if (state.pins.empty()) return 0;
  const auto window = policy_window(state, {});
  // A call and its returns stay together: one that is pinned pins the others.
  std::set<std::int32_t> pinned;
  for (std::size_t i = 0; i < window.size(); ++i)
    if (window.pins[i] != 0) pinned.insert(window.groups[i]);
  int cost = 0;
  for (std::size_t i = 0; i < window.size(); ++i) {
    const auto at = static_cast<int>(i);
    if (pinned.contains(window.groups[i]) && at != window.newest_user && at != window.newest_input)
      cost += window.tokens[i];
  }
  return cost;
}

bool fit_state(LiveState& state, const WindowRules& rules, bool forced, const LetGo& let_go) {
  bool warn = false;
  // A new summary may be longer than the old one: then the window is fitted again.
  for (int attempt = 0; attempt < 4 && !state.window.empty(); ++attempt) {
    const auto window = std::make_shared<PolicyWindow>(policy_window(state, rules));
    window->forced = forced && attempt == 0;
    const Fit fit = rules.policy->fit(window);
    check_fit(*window, fit, rules.policy->name());
    warn = fit.warn;
    Window kept;
    Window evicted;
    std::size_t next = 0;
    for (const auto& range : fit.keep) {
      for (; next < static_cast<std::size_t>(range.begin); ++next)
        evicted.push_back(state.window[next]);
      for (; next < static_cast<std::size_t>(range.end); ++next) kept.push_back(state.window[next]);
    }
    for (; next < state.window.size(); ++next) evicted.push_back(state.window[next]);
    if (evicted.empty()) break;
    let_go(std::move(kept), evicted, fit);
    if (state.prefix->tokens() + state.window.tokens() <= window->limit_tokens) break;
  }
  check_fits(state, rules);
  return warn;
}

void check_room(const LiveState& state, const WindowRules& rules, int message_cost) {
  const int context_window = rules.context_window;
  const int messages =
      message_cost > 0 ? message_cost + kMinToolRoom
                       : std::max(kMinMessageRoom, turn_costs(state.window).kept() + kMinToolRoom);
  const auto fixed_in = [&](const Budget& budget) {
    const int summary = state.summary ? state.summary->tokens : 0;
    return state.prefix->tokens() + std::max(0, summary_limit_tokens(budget) - summary);
  };
  // Below the line at which the policy evicts: above it, a turn would lose what it has just found,
  // and search for it again and again.
  const auto fits = [&](int window) {
    const Budget budget = budget_for_window(window, kNoCorrection, rules.reply_tokens);
    return fixed_in(budget) + messages <= rules.eviction_line(budget);
  };
  if (fits(context_window)) return;
  // The smallest window that would do: reserve and summary grow with it.
  int enough = context_window;
  for (int step = 1 << 29; step > 0; step /= 2)
    if (!fits(enough + step)) enough += step;
  ++enough;
  const Budget budget = rules.budget();
  const std::string figures = "the window holds " + std::to_string(context_window) + " tokens, " +
                              std::to_string(budget.reply_reserve) +
                              " of them kept for the reply, and its policy evicts above " +
                              std::to_string(rules.eviction_line(budget)) +
                              "; system prompt, tools, " + "memory blocks and summary take " +
                              std::to_string(fixed_in(budget)) + ": " +
                              std::to_string(enough - context_window) + " tokens too many";
  if (message_cost > 0)
    throw MessageTooLarge("the message takes " + std::to_string(message_cost) + " tokens; " +
                          figures + ". Send it in parts, or put it into archival memory.");
  throw WindowTooSmall(figures + ", with at least " + std::to_string(messages) +
                       " for messages. Choose a context_window of " + std::to_string(enough) +
                       " or more, shorter memory blocks, or fewer tools.");
}

void make_alert(Message& message) {
  message.text = kMemoryPressure;
  message.author = "kernel";
  message.trust = Trust::kernel;
}

bool alert_fits(const LiveState& state, const WindowMessage& alert, const Budget& budget) {
  return state.prefix->tokens() + state.window.tokens() + alert.cost() <= budget.limit();
}

SummaryRow digest_of(const LiveState& state, const Window& evicted, const WindowRules& rules,
                     const TokenCounter& counter) {
  SummaryRow row;
  row.text = mechanical_digest(state.summary ? state.summary->text : "", evicted,
                               summary_limit_tokens(rules.budget()), counter);
  row.author = "digest";
  row.tokens = static_cast<int>(counter.count(row.text));
  row.trust = Trust::user;
  for (const auto& item : evicted) row.trust = std::min(row.trust, item->message->trust);
  return row;
}

SummaryRow silent_summary() {
  SummaryRow row;
  row.author = "none";
  row.trust = Trust::kernel;
  return row;
}

void limit_shown(Message& message, const LiveState& state, const WindowRules& rules,
                 const TokenCounter& counter) {
  const int summary_growth = std::max(
      0, summary_limit_tokens(rules.budget()) - (state.summary ? state.summary->tokens : 0));
  const auto costs = turn_costs(state.window);
  const int room = rules.eviction_line(rules.budget(state.correction)) - state.prefix->tokens() -
                   summary_growth - (costs.same ? 0 : costs.newest_user) - costs.turn -
                   kNextCallRoom;
  const int cap = std::max(kMinToolRoom, std::min(rules.context_window / 4, room * 2 / 3));
  // A token is seldom shorter than one byte or longer than six on average: count no more.
  const auto at_most = static_cast<std::size_t>(cap) * 6;
  if (message.text.size() > at_most)
    message.shown_bytes = static_cast<std::int64_t>(utf8_prefix(message.text, at_most).size());
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto tokens = static_cast<std::int64_t>(counter.count(render_content(message)));
    if (tokens <= cap) return;
    const auto shown = message.shown_bytes < 0 ? static_cast<std::int64_t>(message.text.size())
                                               : message.shown_bytes;
    const auto smaller = shown * cap / tokens * 9 / 10;
    message.shown_bytes = static_cast<std::int64_t>(
        utf8_prefix(message.text, static_cast<std::size_t>(smaller)).size());
  }
}

}  // namespace memgpt
