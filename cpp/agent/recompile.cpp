#include "agent/recompile.h"

#include <algorithm>
#include <map>

#include "agent/fit.h"
#include "agent/past_state.h"
#include "agent/replayer.h"
#include "error.h"
#include "llm/model_parameters.h"
#include "memory/json.h"

namespace memgpt {

namespace {

constexpr std::int64_t kBatch = 128;

struct Decision {
  bool warned = false;
  bool forced = false;
};

// Not those that it has another version of.
bool deletes_passages(const Commit& commit) {
  return std::any_of(commit.retired.begin(), commit.retired.end(), [&](const PassageRow& row) {
    return std::none_of(commit.passages.begin(), commit.passages.end(),
                        [&](const Passage& passage) { return passage.id == row.passage.id; });
  });
}

Decision decision_of(const StepRow& step) {
  boost::system::error_code error;
  const auto value = json::parse(step.decision, error);
  const auto* object = error ? nullptr : value.if_object();
  const auto flag = [&](std::string_view name) {
    const auto* found = object == nullptr ? nullptr : object->if_contains(name);
    return found != nullptr && found->is_bool() && found->get_bool();
  };
  return {flag("warn"), flag("forced")};
}

bool is_alert(const Message& message) {
  return message.role == Role::system && message.type == "system_alert";
}

// What two contexts have in common. Messages are compared by their ids, the rest by origin.
// `positions`: on record, of the positions of `now`.
void compare(const Context& recorded, const Context& now,
             const std::vector<std::int64_t>& positions, RecompiledStep& step) {
  std::map<std::string_view, const Span*> before;
  for (const auto& span : recorded.prefix->spans) before.emplace(span->origin, span.get());
  for (const auto& span : now.prefix->spans) {
    const auto found = before.find(span->origin);
    const bool same = found != before.end() && found->second->digest == span->digest;
    ++(same ? step.kept : step.added);
    step.digest = step.digest || (span->kind == SpanKind::summary && span->author == "digest");
  }
  step.lost = static_cast<int>(recorded.prefix->spans.size()) - step.kept;

  const auto lose = [&](const WindowMessage& item) {
    const auto position = item.message->position;
    auto& ranges = step.lost_messages;
    if (!ranges.empty() && ranges.back().end == position)
      ++ranges.back().end;
    else
      ranges.push_back({position, position + 1});
    ++step.lost;
  };
  std::size_t next = 0;
  for (const auto& item : now.window) {
    const Message& message = *item->message;
    while (next < recorded.window.size() &&
           recorded.window[next]->message->position <
               positions[static_cast<std::size_t>(message.position)])
      lose(*recorded.window[next++]);
    if (next == recorded.window.size() || recorded.window[next]->message->id != message.id) {
      ++step.added;
      continue;
    }
    const bool same = recorded.window[next++]->span->digest == item->span->digest;
    step.kept += same ? 1 : 0;
    step.lost += same ? 0 : 1;  // shown, and cut at another place
    step.added += same ? 0 : 1;
  }
  while (next < recorded.window.size()) lose(*recorded.window[next++]);
}

// Its log has its own warnings, and so positions of its own.
class Recompiler {
 public:
  Recompiler(const ReplayOptions& replay_options, const RecompileOptions& options)
      : options_(options), past_(replay_options) {}

  // `recorded`: what the model saw, where the commit called it. False where the commit would not
  // have been made, for something does not fit.
  bool apply(const Commit& commit, const Context* recorded);
  [[nodiscard]] Recompilation take(std::vector<std::string> unchecked);

 private:
  void apply_commit(const Commit& commit, const Context* recorded);
  void use_policy();
  [[nodiscard]] bool fit(bool forced);
  void call(const Commit& commit, std::size_t before_reply, const Context& recorded);
  void append_alert(const Commit& commit, std::size_t before_reply);
  void append(const Commit& commit, Message message);
  void set_pin(const PinRow& pin);
  void check_input(const Commit& commit);

  const RecompileOptions& options_;
  Recompilation made_;
  PastState past_;
  WindowRules rules_;
  std::optional<LastCall> called_;
  int evicted_ = 0;
  std::vector<std::int64_t> positions_;  // on record, of the messages of this log
};

void Recompiler::use_policy() {
  const AgentConfig& config = past_.config();
  rules_.context_window =
      options_.context_window > 0 ? options_.context_window : config.context_window;
  rules_.reply_tokens = model_parameters(config.settings).max_output_tokens;
  rules_.policy = options_.policy ? options_.policy
                                  : options_.policy_named(config.policy, config.policy_parameters);
  if (!rules_.policy)
    throw Unbound("commit " + std::to_string(past_.state().agent.head.seq + 1) +
                  " gives the agent the memory policy \"" + config.policy +
                  "\", which is not bound: give recompile(policy=...)");
}

bool Recompiler::fit(bool forced) {
  LiveState& state = past_.state();
  past_.refresh();
  return fit_state(state, rules_, forced, [&](Window kept, const Window& evicted, const Fit& fit) {
    evicted_ += static_cast<int>(evicted.size());
    SummaryRow summary =
        fit.summarize ? digest_of(state, evicted, rules_, past_.counter()) : silent_summary();
    summary.covered =
        (state.summary ? state.summary->covered : 0) + static_cast<std::int64_t>(evicted.size());
    state.window = std::move(kept);
    state.summary = std::move(summary);
    state.warned = false;
    state.outside = state.outside_line();
    past_.touch();
    past_.refresh();
  });
}

// The one on record, where the agent was warned then too.
void Recompiler::append_alert(const Commit& commit, std::size_t before_reply) {
  LiveState& state = past_.state();
  Message alert;
  alert.id = "alert-" + std::to_string(commit.step.seq);
  const Message& reply = commit.messages.at(before_reply);
  alert.role = Role::system;
  alert.type = "system_alert";
  alert.time_us = reply.time_us;
  alert.session = reply.session;
  alert.position = reply.position;
  for (std::size_t i = before_reply; i-- > 0;)
    if (is_alert(commit.messages[i])) alert = commit.messages[i];
  const auto position = alert.position;
  alert.position = state.next_position;
  make_alert(alert);
  auto measured = measure(std::move(alert), past_.counter());
  const auto budget = rules_.budget(state.correction);
  if (alert_fits(state, measured, budget)) {
    state.window.push_back(std::make_shared<const WindowMessage>(std::move(measured)));
    ++state.next_position;
    positions_.push_back(position);
  }
  state.warned = true;
}

// A warning that is not in this log cannot be pinned in it.
void Recompiler::set_pin(const PinRow& pin) {
  const auto after = std::upper_bound(positions_.begin(), positions_.end(), pin.position);
  if (after == positions_.begin() || *(after - 1) != pin.position) return;
  past_.state().set_pin({after - positions_.begin() - 1, pin.pinned});
}

void Recompiler::append(const Commit& commit, Message message) {
  LiveState& state = past_.state();
  positions_.push_back(message.position);
  message.position = state.next_position++;
  if (commit.step.kind == "import") return;
  if (message.role == Role::tool) {
    message.shown_bytes = -1;
    limit_shown(message, state, rules_, past_.counter());
  }
  state.window.push_back(
      std::make_shared<const WindowMessage>(measure(std::move(message), past_.counter())));
}

void Recompiler::call(const Commit& commit, std::size_t before_reply, const Context& recorded) {
  const StepRow& step = commit.step;
  LiveState& state = past_.state();
  past_.use_counter(step.tokenizer);
  past_.use_tools(step.unbound_tools);
  state.correction = std::max(step.correction, kNoCorrection);
  const Decision decision = decision_of(step);
  evicted_ = 0;
  bool warned = fit(false);
  // A provider that refused a context would have refused this one too, unless it is no larger than
  // the one that it took then.
  if (decision.forced && state.prefix->tokens() + state.window.tokens() > recorded.tokens())
    warned = fit(true);
  if (warned) append_alert(commit, before_reply);

  Context context = past_.context(rules_.budget(state.correction));
  RecompiledStep made;
  made.seq = step.seq;
  compare(recorded, context, positions_, made);
  const auto shared = prefix_after(called_ ? &*called_ : nullptr, step.model, step.tokenizer,
                                   context, &past_.counter());
  made.recompiled = {context.tokens(), context.text_tokens, context.budget.limit(), evicted_,
                     warned,           shared.tokens,       shared.broken};
  int gone = 0;
  if (commit.summary)
    for (const auto& range : commit.summary->covers)
      gone += static_cast<int>(range.end - range.begin);
  made.recorded = {step.context_tokens + step.overhead_tokens,
                   step.context_tokens,
                   recorded.budget.limit(),
                   gone,
                   decision.warned,
                   step.prefix_tokens,
                   step.prefix_broken};
  made_.steps.push_back(std::move(made));
  context.previous_spans = shared.spans;
  called_ = LastCall::of(step);
  called_->context = context;
  made_.last = std::move(context);
  state.correction = correction_after(step);
}

// What an agent of these rules would have refused. Those on record have been asked then.
void Recompiler::check_input(const Commit& commit) {
  if (!options_.policy && options_.context_window == 0) return;
  const LiveState& state = past_.state();
  if (commit.step.kind != "create" && commit.step.kind != "input") return;
  past_.refresh();
  int cost = 0;
  for (const auto& message : commit.messages) {
    cost += measure(message, past_.counter()).cost();
    cost += kept_beside(message.role, state.window);
  }
  check_room(state, rules_, cost);
}

bool Recompiler::apply(const Commit& commit, const Context* recorded) {
  try {
    apply_commit(commit, recorded);
  } catch (const WindowFull& error) {
    made_.stopped = error.what();
  } catch (const WindowTooSmall& error) {
    made_.stopped = error.what();
  } catch (const MessageTooLarge& error) {
    made_.stopped = error.what();
  }
  if (made_.stopped.empty()) return true;
  made_.stopped_at = commit.step.seq;
  return false;
}

void Recompiler::apply_commit(const Commit& commit, const Context* recorded) {
  const StepRow& step = commit.step;
  LiveState& state = past_.state();
  state.agent.head.seq = step.seq - 1;
  if (commit.config) {
    past_.configure(*commit.config);
    use_policy();
  }
  if (!commit.messages.empty() || step.kind == "create") past_.use_counter(commit.tokenizer);
  auto next = commit.messages.begin();
  if (recorded != nullptr) {
    while (next != commit.messages.end() && next->role != Role::assistant) ++next;
    call(commit, static_cast<std::size_t>(next - commit.messages.begin()), *recorded);
    if (next != commit.messages.end()) append(commit, *next++);
  }
  // A tool's edits stand in the context before what it returns is measured against it.
  past_.apply_blocks(commit);
  state.passages += std::ssize(commit.passages) - std::ssize(commit.retired);
  for (const auto& pin : commit.pins) set_pin(pin);
  // Made anew at other times than the evictions': see refresh_prefix().
  const bool renewed = !commit.blocks.empty() || commit.config || deletes_passages(commit) ||
                       step.kind == "create" || step.kind == "summary";
  const auto renew = [&] {
    state.outside = state.outside_line();
    past_.touch();
  };
  if (step.kind == "compact") static_cast<void>(fit(true));
  if (step.kind == "reset") {
    state.window.clear();
    state.summary.reset();
    state.warned = false;
  }
  if (renewed || step.kind == "reset") renew();
  check_input(commit);
  if (next != commit.messages.end()) past_.refresh();
  for (; next != commit.messages.end(); ++next) append(commit, *next);
  if (step.kind == "import") renew();
}

Recompilation Recompiler::take(std::vector<std::string> unchecked) {
  made_.unchecked = std::move(unchecked);
  return std::move(made_);
}

}  // namespace

Recompilation recompile(Journal& journal, const std::string& agent_id, Head head,
                        const ReplayOptions& replay_options, const RecompileOptions& options) {
  Replayer replayer(replay_options);
  Recompiler recompiler(replay_options, options);
  CommitCursor cursor;
  while (cursor.seq < head.seq) {
    if (replay_options.poll) replay_options.poll();
    const auto commits = journal.commits(agent_id, head, cursor, kBatch);
    if (commits.empty())
      throw StoreError("commit " + std::to_string(cursor.seq + 1) + " is gone from the file");
    for (const auto& commit : commits) {
      const StepRow& step = commit.step;
      if (const auto divergence = replayer.apply(commit))
        throw StoreError("commit " + std::to_string(step.seq) + " is not as it was recorded (" +
                         divergence->what + "); agent.replay() says more: " + divergence->diff);
      const Context* recorded = step.digest.empty() ? nullptr : &replayer.last_context();
      if (!recompiler.apply(commit, recorded)) return recompiler.take(replayer.unchecked());
    }
  }
  return recompiler.take(replayer.unchecked());
}

}  // namespace memgpt
