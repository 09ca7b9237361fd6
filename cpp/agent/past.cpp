// Contexts that were sent: the last one, which the next is compared with, and those before it.
#include "agent/agent.h"
#include "agent/context_at.h"
#include "error.h"

namespace memgpt {

ReplayOptions Agent::replay_options() const {
  ReplayOptions options;
  options.counter = [own = parts()->counter](const std::string& name) {
    return own->name() == name ? own : counter_named(name);
  };
  options.poll = home_->environment().outside.poll;
  options.purge_named = [journal = home_->journal()](std::int64_t id) {
    std::string text = "purge " + std::to_string(id) + " destroyed";
    for (const auto& purge : journal->purges())
      if (purge.id == id)
        text += " (" + format_time(purge.time_us).substr(0, 10) + ": " + purge.what + ")";
    return text;
  };
  return options;
}

// What a purge destroys meanwhile is no divergence, nor is a head that was undone and destroyed
// before its replay began.
ReplayReport Agent::replay() {
  const auto journal = home_->journal();
  for (;;) {
    const auto purge = journal->newest_purge();
    auto report = memgpt::replay(*journal, id_, state().agent.head, replay_options());
    if (!report.first_divergence || journal->newest_purge() == purge) return report;
  }
}

// Without its context where the journal does not give it: a file that was changed by hand, or
// compiled by another version, still takes the next message. Replay says what is wrong with it.
LastCall Agent::remade(LastCall call, Head head) {
  try {
    auto past = context_at(*home_->journal(), id_, head, call.seq, replay_options());
    // What is left of a context that a purge has changed is not what was sent.
    if (past.exact) call.context = std::move(past.context);
  } catch (const Error&) {
    call.context.reset();
  }
  return call;
}

// The last call of a state, with its context: read from the journal where this process did not
// send it, and kept then.
std::shared_ptr<const LastCall> Agent::last_call(const LiveState& state) {
  auto known = state.last_call;
  if (!known || known->context) return known;
  auto made = std::make_shared<const LastCall>(remade(*known, state.agent.head));
  const std::scoped_lock lock(mutex_);
  if (state_ && state_->last_call == known) {
    auto next = std::make_shared<LiveState>(*state_);
    next->last_call = made;
    state_ = std::move(next);
  }
  return made;
}

// What the request shares with the last one; the next request is compared with this one.
void Agent::record_prefix(WriteSet& writes, const Context& context) {
  StepRow& row = writes.commit.step;
  auto shared = prefix_after(last_call(writes.state).get(), row.model, row.tokenizer, context,
                             parts()->counter.get());
  row.prefix_tokens = shared.tokens;
  row.prefix_broken = std::move(shared.broken);
  LastCall call = LastCall::of(row);
  call.seq = writes.commit.expected.seq + 1;
  call.context = context;
  writes.state.last_call = std::make_shared<const LastCall>(std::move(call));
}

Context Agent::past_context(std::int64_t seq) {
  const auto head = state().agent.head;
  auto past = context_at(*home_->journal(), id_, head, seq, replay_options());
  if (past.before) {
    const LastCall before = remade(LastCall::of(*past.before), head);
    past.context.previous_spans =
        prefix_after(&before, past.call.model, past.call.tokenizer, past.context, nullptr).spans;
  }
  return std::move(past.context);
}

Recompilation Agent::recompile_to(Head head, std::shared_ptr<const MemoryPolicy> policy,
                                  int context_window) {
  RecompileOptions options;
  options.policy = std::move(policy);
  options.context_window = context_window;
  options.policy_named = [bound = parts()->policy](
                             const std::string& name,
                             const std::string& parameters) -> std::shared_ptr<const MemoryPolicy> {
    if (auto own = builtin_policy(name, parameters)) return own;
    if (!bound || bound->name() != name) return nullptr;
    if (bound->parameters() == parameters) return bound;
    throw Unbound("the memory policy \"" + name + "\" had the parameters " + parameters +
                  " then, and the bound one has " + bound->parameters() +
                  ": give recompile(policy=...)");
  };
  return memgpt::recompile(*home_->journal(), id_, head, replay_options(), options);
}

Recompilation Agent::recompile(std::shared_ptr<const MemoryPolicy> policy, int context_window) {
  return recompile_to(state().agent.head, std::move(policy), context_window);
}

Context Agent::recompiled_context(std::shared_ptr<const MemoryPolicy> policy, int context_window,
                                  std::int64_t seq) {
  const auto head = state().agent.head;
  // Refuses what called no model.
  static_cast<void>(context_at(*home_->journal(), id_, head, seq, replay_options()));
  auto made = recompile_to({head.branch, seq}, std::move(policy), context_window);
  if (made.stopped_at != 0)
    throw InvalidInput("commit " + std::to_string(seq) + " has no context here: commit " +
                       std::to_string(made.stopped_at) +
                       " would not have been made: " + made.stopped);
  return std::move(made.last).value();
}

}  // namespace memgpt
