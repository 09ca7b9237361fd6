// Keeping the context inside its budget: policy, eviction, summary, room.
#include <algorithm>
#include <numeric>

#include "agent/agent.h"
#include "agent/prompts.h"
#include "agent/turn_run.h"
#include "error.h"
#include "memory/summary.h"

namespace memgpt {

namespace {

// The smallest room for messages that an agent can work in.
constexpr int kMinMessageRoom = 768;
// What the call after this one is expected to take.
constexpr int kNextCallRoom = 100;
// What a tool result gets at least, however full the window is.
constexpr int kMinToolRoom = 64;

// What a turn began with, from the user or from the system.
bool is_input(const Message& message) {
  return message.role == Role::user ||
         (message.role == Role::system && message.type != "system_alert");
}

// What the messages that no eviction may take cost.
int protected_cost(const FitInput& input) {
  int cost = 0;
  for (const int index : {input.newest_user, input.newest_input})
    if (index >= 0) cost += input.tokens[static_cast<std::size_t>(index)];
  if (input.newest_user >= 0 && input.newest_user == input.newest_input) cost /= 2;
  return cost;
}

std::string decision_to_json(const Window& kept, bool warn) {
  json::array keep;
  for (const auto& range : positions_of(kept)) keep.push_back(json::array{range.begin, range.end});
  return json::serialize(json::object{{"keep", std::move(keep)}, {"warn", warn}});
}

}  // namespace

std::shared_ptr<const Prefix> Agent::compile_state(const LiveState& state, const Parts& parts) {
  return state.compile_prefix(parts.config.system_prompt, parts.compiled_tools, *parts.counter);
}

// After a change of what stands before the messages: count outside afresh, compile, record.
void Agent::refresh_prefix(WriteSet& writes) { refresh_prefix(writes, *parts()); }

void Agent::refresh_prefix(WriteSet& writes, const Parts& parts) {
  if (writes.prefix_changed) {
    writes.state.outside = writes.state.outside_line();
    writes.state.prefix = compile_state(writes.state, parts);
    writes.prefix_changed = false;
    writes.commit.window.emplace();
  }
  if (!writes.commit.window) return;
  WindowRow& row = *writes.commit.window;
  row.ranges = writes.state.window_ranges();
  row.warned = writes.state.warned;
  row.outside = writes.state.outside;
  if (writes.state.summary && !writes.commit.summary) row.summary = writes.state.summary->id;
}

Budget Agent::budget(const LiveState& state) const {
  return budget_for_window(parts()->config.context_window, state.correction);
}

FitInput Agent::fit_input(const LiveState& state) const {
  FitInput input;
  int group = -1;
  for (std::size_t i = 0; i < state.window.size(); ++i) {
    const Message& message = *state.window[i]->message;
    if (message.role != Role::tool) ++group;
    if (message.role == Role::user) input.newest_user = static_cast<int>(i);
    if (is_input(message)) input.newest_input = static_cast<int>(i);
    input.tokens.push_back(state.window[i]->cost());
    input.groups.push_back(group);
  }
  input.fixed_tokens = state.prefix->tokens();
  input.limit_tokens = budget(state).limit();
  input.warned = state.warned;
  return input;
}

void Agent::fit_window(WriteSet& writes, TurnRun& run) {
  const LiveState& state = writes.state;
  const int window = parts()->config.context_window;
  const auto total = [&] { return state.prefix->tokens() + state.window.tokens(); };
  bool warn = false;
  // A new summary may be longer than the old one; then the window is fitted again, by force.
  for (int attempt = 0; attempt < 4; ++attempt) {
    const FitInput input = fit_input(state);
    const FitDecision decision = parts()->policy->fit(input, attempt > 0);
    const bool evicted = evict(writes, decision.keep, run);
    warn = decision.warn;
    if (total() <= input.limit_tokens || (attempt > 0 && !evicted)) break;
  }
  // What the provider's reports took off the limit is given back rather than to refuse.
  if (total() > budget_for_window(window).limit())
    throw WindowTooSmall(
        "the newest message and what always stands in the context do not fit the window of " +
        std::to_string(window) +
        " tokens; shorten memory blocks or reopen the agent with a larger context_window");
  writes.commit.step.decision = decision_to_json(state.window, warn);
  if (warn) append_alert(writes, run);
}

// Memory pressure, said once between two evictions; left out where even that has no room.
void Agent::append_alert(WriteSet& writes, const TurnRun& run) {
  auto alert = new_message(writes.state, Role::system, "system_alert",
                           run.preview ? writes.state.last_time_us : now_us());
  alert.text = kMemoryPressure;
  alert.author = "kernel";
  alert.trust = Trust::kernel;
  auto measured = measure(std::move(alert), *parts()->counter);
  const int total = writes.state.prefix->tokens() + writes.state.window.tokens();
  if (total + measured.cost() <= budget(writes.state).limit()) writes.append(std::move(measured));
  writes.state.warned = true;
  writes.commit.window.emplace();
}

bool Agent::evict(WriteSet& writes, const std::vector<Range>& keep, TurnRun& run) {
  LiveState& state = writes.state;
  const auto all = static_cast<std::int64_t>(state.window.size());
  if (keep == std::vector<Range>{{0, all}}) return false;
  Window kept;
  Window evicted;
  std::size_t next = 0;
  for (const auto& range : keep) {
    for (; next < static_cast<std::size_t>(range.begin); ++next)
      evicted.push_back(state.window[next]);
    for (; next < static_cast<std::size_t>(range.end); ++next) kept.push_back(state.window[next]);
  }
  for (; next < state.window.size(); ++next) evicted.push_back(state.window[next]);
  if (evicted.empty()) return false;
  state.window = std::move(kept);
  run.response.evicted += static_cast<int>(evicted.size());

  const int limit = summary_limit_tokens(budget_for_window(parts()->config.context_window));
  const std::string previous = state.summary ? state.summary->text : "";
  SummaryRow summary;
  summary.covered =
      (state.summary ? state.summary->covered : 0) + static_cast<std::int64_t>(evicted.size());
  summary.covers = positions_of(evicted);
  if (const auto& earlier = writes.commit.summary) {
    // Of the same step, and never written: this one stands for both.
    summary.covers = joined(earlier->covers, summary.covers);
    summary.replaces = earlier->replaces;
  } else if (state.summary) {
    summary.replaces = state.summary->id;
  }
  const std::string text =
      (previous.empty() ? "" : "Summary so far:\n" + previous + "\n\nNew messages:\n") +
      transcript(evicted);
  if (auto made = run.preview ? std::nullopt : parts()->provider->summarize(text, limit)) {
    summary.text = valid_utf8(std::move(*made));
    summary.author = parts()->provider->model();
    summary.trust = Trust::model;
    summary.tokens = static_cast<int>(parts()->counter->count(summary.text));
  }
  // A model that says nothing, or too much, is replaced by the digest.
  if (is_blank(summary.text) || summary.tokens > limit) {
    summary.text = mechanical_digest(previous, evicted, summary.covered, limit, *parts()->counter);
    summary.author = "digest";
    summary.tokens = static_cast<int>(parts()->counter->count(summary.text));
    for (const auto& item : evicted) summary.trust = std::min(summary.trust, item->message->trust);
  }
  state.summary = summary;
  state.warned = false;
  writes.commit.summary = std::move(summary);
  writes.prefix_changed = true;
  refresh_prefix(writes);
  return true;
}

// Throws WindowTooSmall (message_cost 0: can the agent work at all?) or MessageTooLarge, with the
// figures.
void Agent::check_room(const LiveState& state, const Parts& parts, int message_cost) const {
  const int context_window = parts.config.context_window;
  const int messages =
      message_cost > 0 ? message_cost + kMinToolRoom
                       : std::max(kMinMessageRoom, protected_cost(fit_input(state)) + kMinToolRoom);
  const auto fixed_in = [&](const Budget& budget) {
    const int summary = state.summary ? state.summary->tokens : 0;
    return state.prefix->tokens() + std::max(0, summary_limit_tokens(budget) - summary);
  };
  // Below the line at which the policy evicts: above it, a turn would lose what it has just found,
  // and search for it again and again.
  const auto& policy = parts.policy;
  const auto line_of = [&](const Budget& budget) {
    return policy ? policy->evicts_above(budget.limit()) : budget.limit();
  };
  const auto fits = [&](int window) {
    const Budget budget = budget_for_window(window);
    return fixed_in(budget) + messages <= line_of(budget);
  };
  if (fits(context_window)) return;
  // The smallest window that would do: reserve and summary grow with it.
  int enough = context_window;
  for (int step = 1 << 29; step > 0; step /= 2)
    if (!fits(enough + step)) enough += step;
  ++enough;
  const Budget budget = budget_for_window(context_window);
  const std::string figures = "the window holds " + std::to_string(context_window) + " tokens, " +
                              std::to_string(budget.reply_reserve) +
                              " of them kept for the reply, and its policy evicts above " +
                              std::to_string(line_of(budget)) + "; system prompt, tools, " +
                              "memory blocks and summary take " + std::to_string(fixed_in(budget)) +
                              ": " + std::to_string(enough - context_window) + " tokens too many";
  if (message_cost > 0)
    throw MessageTooLarge("the message takes " + std::to_string(message_cost) + " tokens; " +
                          figures + ". Send it in parts, or put it into archival memory.");
  throw WindowTooSmall(figures + ", with at least " + std::to_string(messages) +
                       " for messages. Choose a context_window of " + std::to_string(enough) +
                       " or more, shorter memory blocks, or fewer tools.");
}

// Cuts what the context shows of a long text to a quarter of the window, and to two thirds of the
// room that is left to the turn before eviction begins. So the results of several searches stand
// beside each other: a model that has lost the first when it reads the second searches for ever.
// The whole text stays in recall memory.
void Agent::limit_shown(Message& message, const WriteSet& writes) const {
  const LiveState& state = writes.state;
  const FitInput input = fit_input(state);
  const int summary_growth =
      std::max(0, summary_limit_tokens(budget_for_window(parts()->config.context_window)) -
                      (state.summary ? state.summary->tokens : 0));
  const auto policy = parts()->policy;
  const int line = policy ? policy->evicts_above(input.limit_tokens) : input.limit_tokens;
  int room = line - input.fixed_tokens - summary_growth;
  if (input.newest_user >= 0 && input.newest_user < input.newest_input)
    room -= input.tokens[static_cast<std::size_t>(input.newest_user)];
  const auto turn = static_cast<std::size_t>(std::max(0, input.newest_input));
  room -= std::accumulate(input.tokens.begin() + static_cast<std::ptrdiff_t>(turn),
                          input.tokens.end(), kNextCallRoom);
  const int cap =
      std::max(kMinToolRoom, std::min(parts()->config.context_window / 4, room * 2 / 3));
  // A token is seldom shorter than one byte or longer than six on average: count no more.
  const auto at_most = static_cast<std::size_t>(cap) * 6;
  if (message.text.size() > at_most)
    message.shown_bytes = static_cast<std::int64_t>(utf8_prefix(message.text, at_most).size());
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto tokens = static_cast<std::int64_t>(parts()->counter->count(render_content(message)));
    if (tokens <= cap) return;
    const auto shown = message.shown_bytes < 0 ? static_cast<std::int64_t>(message.text.size())
                                               : message.shown_bytes;
    const auto smaller = shown * cap / tokens * 9 / 10;
    message.shown_bytes = static_cast<std::int64_t>(
        utf8_prefix(message.text, static_cast<std::size_t>(smaller)).size());
  }
}

WindowMessage Agent::measure_input(const LiveState& state, const std::string& text) {
  check_utf8(text, "the message");
  auto message = new_message(state, Role::user, "user_message", home_->environment().now_us());
  message.text = text;
  return measure(std::move(message), *parts()->counter);
}

int Agent::message_cost(const std::string& text) { return measure_input(state(), text).cost(); }

// Goes the way that the message would go, on a copy of the state.
bool Agent::fits(const std::string& text) {
  WriteSet preview;
  preview.state = state();
  if (!turn_.held()) close_open_calls(preview, preview.state.last_time_us);
  auto message = measure_input(preview.state, text);
  const auto& state = preview.state;
  const int total = state.prefix->tokens() + state.window.tokens() + message.cost();
  if (total > budget(state).limit()) return false;
  const auto parts = this->parts();
  try {
    check_room(state, *parts, message.cost());
  } catch (const MessageTooLarge&) {
    return false;
  }
  preview.append(std::move(message));
  TurnRun run;
  run.preview = true;
  if (parts->policy) fit_window(preview, run);
  return run.response.evicted == 0;
}

int Agent::eviction_line() {
  const int limit = budget(state()).limit();
  const auto policy = parts()->policy;
  return policy ? policy->evicts_above(limit) : limit;
}

}  // namespace memgpt
