// Keeping the context inside its budget: policy, eviction, summary, room.
#include <algorithm>
#include <numeric>

#include "agent/agent.h"
#include "agent/prompts.h"
#include "agent/summarizer.h"
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
int protected_cost(const PolicyWindow& window) {
  int cost = 0;
  for (const int index : {window.newest_user, window.newest_input})
    if (index >= 0) cost += window.tokens[static_cast<std::size_t>(index)];
  if (window.newest_user >= 0 && window.newest_user == window.newest_input) cost /= 2;
  return cost;
}

int pinned_cost(const PolicyWindow& window) {
  int cost = 0;
  for (std::size_t i = 0; i < window.size(); ++i) {
    const auto at = static_cast<int>(i);
    if (window.pins[i] != 0 && at != window.newest_user && at != window.newest_input)
      cost += window.tokens[i];
  }
  return cost;
}

std::string decision_to_json(const Window& kept, bool warn, bool forced) {
  json::array keep;
  for (const auto& range : positions_of(kept)) keep.push_back(json::array{range.begin, range.end});
  json::object decision{{"keep", std::move(keep)}, {"warn", warn}};
  if (forced) decision["forced"] = true;
  return json::serialize(decision);
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

std::shared_ptr<PolicyWindow> Agent::policy_window(const LiveState& state) const {
  auto made = std::make_shared<PolicyWindow>();
  PolicyWindow& window = *made;
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
    window.pins.push_back(
        std::binary_search(state.pins.begin(), state.pins.end(), message.position) ? 1 : 0);
    window.scores.push_back(item->score);
    window.groups.push_back(group);
    window.positions.push_back(message.position);
  }
  window.fixed_tokens = state.prefix->tokens();
  window.limit_tokens = budget(state).limit();
  window.warned = state.warned;
  window.step = state.agent.head.seq + 1;
  return made;
}

// forced: a provider said that the window is full.
void Agent::fit_window(WriteSet& writes, TurnRun& run, bool forced) {
  const LiveState& state = writes.state;
  const auto& policy = parts()->policy;
  bool warn = false;
  // A new summary may be longer than the old one: then the window is fitted again.
  for (int attempt = 0; attempt < 4; ++attempt) {
    const auto window = policy_window(state);
    window->forced = forced && attempt == 0;
    const Fit fit = policy->fit(window);
    check_fit(*window, fit, policy->name());
    const bool evicted = evict(writes, fit, run);
    warn = fit.warn;
    if (!evicted || state.prefix->tokens() + state.window.tokens() <= window->limit_tokens) break;
  }
  check_fits(state);
  writes.commit.step.decision = decision_to_json(state.window, warn, forced);
  if (warn) append_alert(writes, run);
}

// What the provider's reports took off the limit is given back rather than to refuse.
void Agent::check_fits(const LiveState& state) const {
  const int window = parts()->config.context_window;
  const int limit = budget_for_window(window).limit();
  if (state.prefix->tokens() + state.window.tokens() <= limit) return;
  const int pinned = pinned_cost(*policy_window(state));
  if (pinned > 0)
    throw WindowFull("the pinned messages take " + std::to_string(pinned) +
                     " tokens, and what always stands in the context " +
                     std::to_string(state.prefix->tokens()) + "; the limit is " +
                     std::to_string(limit) +
                     ". Unpin some with agent.unpin(message), or reopen the agent with a larger "
                     "context_window");
  throw WindowTooSmall(
      "the newest message and what always stands in the context do not fit the window of " +
      std::to_string(window) +
      " tokens; shorten memory blocks or reopen the agent with a larger context_window");
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

bool Agent::evict(WriteSet& writes, const Fit& fit, TurnRun& run) {
  LiveState& state = writes.state;
  Window kept;
  Window evicted;
  std::size_t next = 0;
  for (const auto& range : fit.keep) {
    for (; next < static_cast<std::size_t>(range.begin); ++next)
      evicted.push_back(state.window[next]);
    for (; next < static_cast<std::size_t>(range.end); ++next) kept.push_back(state.window[next]);
  }
  for (; next < state.window.size(); ++next) evicted.push_back(state.window[next]);
  if (evicted.empty()) return false;
  run.response.evicted += static_cast<int>(evicted.size());

  SummaryRow summary;
  if (fit.summarize) {
    summary = write_summary(state, evicted, fit.summary_prompt, run.preview);
  } else {
    // The row says what has left the window; the context shows no text.
    summary.author = "none";
    summary.trust = Trust::kernel;
  }
  summary.covered =
      (state.summary ? state.summary->covered : 0) + static_cast<std::int64_t>(evicted.size());
  summary.covers = positions_of(evicted);
  if (const auto& earlier = writes.commit.summary) {
    // Of the same step, and never written: this one stands for both.
    summary.covers = joined(earlier->covers, summary.covers);
    summary.replaces = earlier->replaces;
    if (summary.failure.empty()) summary.failure = earlier->failure;
  } else if (state.summary) {
    summary.replaces = state.summary->id;
  }
  state.window = std::move(kept);
  state.summary = summary;
  state.warned = false;
  writes.commit.summary = std::move(summary);
  writes.prefix_changed = true;
  refresh_prefix(writes);
  return true;
}

// The text that stands for `messages` and for the summary so far: by the summariser, or a digest.
SummaryRow Agent::write_summary(const LiveState& state, const Window& messages,
                                const std::string& prompt, bool preview) const {
  const auto parts = this->parts();
  const TokenCounter& counter = *parts->counter;
  const int limit = summary_limit_tokens(budget_for_window(parts->config.context_window));
  const std::string previous = state.summary ? state.summary->text : "";
  SummaryRow row;
  if (!preview) {
    LLMProvider& writer = parts->summarizer ? *parts->summarizer : *parts->provider;
    int window = writer.context_window();
    if (!parts->summarizer)
      window = window > 0 ? std::min(window, parts->config.context_window)
                          : parts->config.context_window;
    if (window <= 0) window = kUnknownWindow;
    // A small window has to hold the summary so far beside the messages.
    auto made = memgpt::write_summary(writer, window,
                                      {previous, messages, prompt, std::min(limit, window / 4)});
    row.failure = std::move(made.failure);
    if (made.text) {
      row.text = std::move(*made.text);
      row.author = writer.model();
      row.trust = Trust::model;
      row.tokens = static_cast<int>(counter.count(row.text));
      const int replaced = (state.summary ? state.summary->tokens : 0) + messages.tokens();
      if (row.tokens > std::min(limit, replaced))
        row.failure = "its summary takes " + std::to_string(row.tokens) + " tokens, " +
                      (row.tokens > limit ? "the limit is " + std::to_string(limit)
                                          : "what it replaces " + std::to_string(replaced));
    }
    if (made.text && row.failure.empty()) return row;
  }
  row.text = mechanical_digest(
      previous, messages,
      (state.summary ? state.summary->covered : 0) + static_cast<std::int64_t>(messages.size()),
      limit, counter);
  row.author = "digest";
  row.tokens = static_cast<int>(counter.count(row.text));
  row.trust = Trust::user;
  for (const auto& item : messages) row.trust = std::min(row.trust, item->message->trust);
  return row;
}

std::vector<std::shared_ptr<const Message>> Agent::would_evict(int tokens) {
  const auto state = this->state();
  const auto policy = parts()->policy;
  if (!policy) check_bound();
  const auto window = policy_window(state);
  // As if it were the next user message.
  const auto index = static_cast<int>(window->size());
  window->tokens.push_back(std::max(0, tokens));
  window->roles.push_back(static_cast<std::int32_t>(Role::user));
  window->ages.push_back(0);
  window->pins.push_back(0);
  window->scores.push_back(0);
  window->groups.push_back(window->groups.empty() ? 0 : window->groups.back() + 1);
  window->positions.push_back(state.next_position);
  window->newest_user = window->newest_input = index;
  const Fit fit = policy->fit(window);
  check_fit(*window, fit, policy->name());
  std::vector<std::shared_ptr<const Message>> gone;
  std::size_t next = 0;
  for (const auto& range : fit.keep) {
    for (; next < static_cast<std::size_t>(range.begin); ++next)
      gone.push_back(state.window[next]->message);
    next = static_cast<std::size_t>(range.end);
  }
  return gone;
}

// Throws WindowFull where the pinned messages leave no room for a conversation.
void Agent::check_pins(const LiveState& state) const {
  const auto window = policy_window(state);
  const int pinned = pinned_cost(*window);
  const auto policy = parts()->policy;
  const int line = policy ? policy->evicts_above(window->limit_tokens) : window->limit_tokens;
  if (window->fixed_tokens + pinned + protected_cost(*window) + kMinToolRoom <= line) return;
  throw WindowFull("pinned messages would take " + std::to_string(pinned) + " tokens: with " +
                   std::to_string(window->fixed_tokens) +
                   " before the messages that leaves no room for a conversation below " +
                   std::to_string(line) + ". Unpin others first, or put the text into core memory");
}

// Throws WindowTooSmall (message_cost 0: can the agent work at all?) or MessageTooLarge, with the
// figures.
void Agent::check_room(const LiveState& state, const Parts& parts, int message_cost) const {
  const int context_window = parts.config.context_window;
  const int messages =
      message_cost > 0
          ? message_cost + kMinToolRoom
          : std::max(kMinMessageRoom, protected_cost(*policy_window(state)) + kMinToolRoom);
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
  const auto window = policy_window(state);
  const PolicyWindow& input = *window;
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
