// Keeping the context inside its budget: eviction, summary, room.
#include <algorithm>
#include <optional>

#include "agent/agent.h"
#include "agent/fit.h"
#include "agent/summarizer.h"
#include "agent/turn_run.h"
#include "error.h"
#include "memory/summary.h"

namespace memgpt {

namespace {

// `correction`: what the server that refused the prompt made of it; none where it was not asked.
std::string decision_to_json(const Window& kept, bool warn, std::optional<int> correction) {
  json::array keep;
  for (const auto& range : positions_of(kept)) keep.push_back(json::array{range.begin, range.end});
  json::object decision{{"keep", std::move(keep)}, {"warn", warn}};
  if (correction) {
    decision["forced"] = true;
    decision["correction"] = *correction;
  }
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

WindowRules Agent::rules(const Parts& parts) {
  return {parts.policy, parts.config.context_window, parts.parameters.max_output_tokens};
}

Budget Agent::budget(const LiveState& state) const { return rules().budget(state.correction); }

// forced: a provider said that the window is full.
bool Agent::fit_window(WriteSet& writes, TurnRun& run, bool forced) {
  const bool warn = fit_state(writes.state, rules(), forced,
                              [&](Window kept, const Window& evicted, const Fit& fit) {
                                run.response.evicted += static_cast<int>(evicted.size());
                                evict(writes, std::move(kept), evicted, fit, run.preview);
                              });
  writes.commit.step.decision = decision_to_json(
      writes.state.window, warn, forced ? std::optional(writes.state.correction) : std::nullopt);
  return warn;
}

void Agent::warn(WriteSet& writes, const TurnRun& run) {
  auto alert = new_message(writes.state, Role::system, "system_alert",
                           run.preview ? writes.state.last_time_us : now_us());
  make_alert(alert);
  auto measured = measure(std::move(alert), *parts()->counter);
  if (alert_fits(writes.state, measured, budget(writes.state))) writes.append(std::move(measured));
  writes.state.warned = true;
  writes.commit.window.emplace();
}

void Agent::evict(WriteSet& writes, Window kept, const Window& evicted, const Fit& fit,
                  bool preview) {
  LiveState& state = writes.state;
  SummaryRow summary =
      fit.summarize ? write_summary(state, evicted, fit.summary_prompt, preview) : silent_summary();
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
}

// The text that stands for `messages` and for the summary so far: by the summariser, or a digest.
SummaryRow Agent::write_summary(const LiveState& state, const Window& messages,
                                const std::string& prompt, bool preview) const {
  const auto parts = this->parts();
  const TokenCounter& counter = *parts->counter;
  const int limit = summary_limit_tokens(rules(*parts).budget());
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
  auto digest = digest_of(state, messages, rules(*parts), counter);
  digest.failure = std::move(row.failure);
  return digest;
}

std::vector<std::shared_ptr<const Message>> Agent::would_evict(int tokens) {
  const auto state = this->state();
  const auto rules = this->rules();
  if (!rules.policy) check_bound();
  check_room(state, rules, std::max(1, tokens));
  const auto window = std::make_shared<PolicyWindow>(policy_window(state, rules));
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
  const Fit fit = rules.policy->fit(window);
  check_fit(*window, fit, rules.policy->name());
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
  const int fixed = state.prefix->tokens();
  const int pinned = pinned_cost(state);
  const int line = rules().eviction_line(budget(state));
  if (fixed + pinned + turn_costs(state.window).kept() + kMinToolRoom <= line) return;
  throw WindowFull("pinned messages would take " + std::to_string(pinned) + " tokens: with " +
                   std::to_string(fixed) +
                   " before the messages that leaves no room for a conversation below " +
                   std::to_string(line) + ". Unpin others first, or put the text into core memory");
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
  TurnRun run;
  run.preview = true;
  try {
    check_room(state, rules(), message.cost());
    preview.append(std::move(message));
    if (rules().policy) static_cast<void>(fit_window(preview, run));
  } catch (const MessageTooLarge&) {
    return false;
  } catch (const WindowFull&) {
    return false;
  }
  return run.response.evicted == 0;
}

int Agent::eviction_line() { return rules().eviction_line(budget(state())); }

}  // namespace memgpt
