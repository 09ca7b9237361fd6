// Calls of tools: running them, their returns, and those that were broken off.
#include "agent/agent.h"
#include "agent/prompts.h"
#include "agent/turn_run.h"
#include "error.h"
#include "store/shared_blocks.h"

namespace memgpt {

Trust trust_of(const Tool& tool) {
  return tool.origin() == ToolOrigin::user ? Trust::outside : Trust::kernel;
}

// Of the call that was run; every other one gets a return that says that it was not.
void Agent::append_returns(WriteSet& writes, const Reply& reply, const ToolResult& result,
                           Trust trust) {
  append_return(writes, reply.tool_calls.front(), result, trust, now_us());
  for (std::size_t i = 1; i < reply.tool_calls.size(); ++i)
    append_return(writes, reply.tool_calls[i], {true, std::string(kOneCallOnly)}, Trust::kernel,
                  now_us());
}

void Agent::append_return(WriteSet& writes, const ToolCall& call, ToolResult result, Trust trust,
                          TimeUs time_us) {
  auto message = new_message(writes.state, Role::tool, "tool_return", time_us);
  message.name = call.name;
  message.text = valid_utf8(std::move(result.text));
  message.failed = result.failed;
  message.printed = std::move(result.printed);
  message.tool_call_id = call.id;
  message.author = "tool:" + call.name;
  message.trust = trust;
  limit_shown(message, writes.state, rules(), *parts()->counter);
  writes.append(measure(std::move(message), *parts()->counter));
}

// Somebody else's edit of a shared block or passage came first: the step is written without what
// its tool wrote, and the model reads why. What the tool did outside stays done, and its result is
// told.
void Agent::take_back(TurnRun& run, WriteSet& writes, const Reply& reply, const std::string& why) {
  const auto runs = std::move(writes.commit.tool_runs);
  writes = *std::exchange(run.before_tool, std::nullopt);
  writes.commit.tool_runs = runs;
  const bool outside = !runs.empty();
  append_returns(writes, reply, {true, outside ? run.result.text + '\n' + why : why},
                 outside ? run.trust : Trust::kernel);
}

ToolResult Agent::run_tool(TurnRun& run, WriteSet& writes, const ToolCall& call,
                           const DecodedCall& decoded) {
  const Tool& tool = *decoded.tool;
  if (tool.effects() == Effects::none) return run_on(run, writes, decoded, "");
  // The reply and the intent are durable before anything happens outside.
  const auto key = tool.idempotent() ? home_->environment().new_uuid() : "";
  writes.commit.step.kind = "intent";
  writes.commit.tool_runs.push_back(
      {call.id, "intent", call.name, call.arguments, "outside", key, "started", "", now_us()});
  commit(writes);
  writes = begin("outcome", "agent");
  auto result = run_on(run, writes, decoded, key);
  record_outcome(writes, call, key, result.failed ? "failed" : "ok", result.printed);
  return result;
}

// The text itself is the tool message's. A call without outside effects needs no record of its own:
// it is there with its step, or not at all.
void Agent::record_outcome(WriteSet& writes, const ToolCall& call, const std::string& key,
                           const std::string& status, const std::string& printed) {
  writes.commit.tool_runs.push_back(
      {call.id, "result", call.name, call.arguments, "outside", key, status, printed, now_us()});
}

// A failure puts the write-set back as it was before the call. Only an Error is a failure of the
// tool; anything else (Ctrl-C) ends the turn, and nothing of the step is written.
ToolResult Agent::run_on(TurnRun& run, WriteSet& writes, const DecodedCall& call,
                         const std::string& idempotency_key) {
  const WriteSet before = writes;
  if (writes.state.shares_blocks() || !parts()->config.archives.empty()) run.before_tool = before;
  ToolResult result;
  ToolScope scope(*this, writes, run.begin_position, run.found, idempotency_key, call.exact);
  active_ = &writes;
  try {
    result = call.tool->run(scope, call.arguments);
    refresh_prefix(writes);
    if (writes.state.prefix->tokens() > before.state.prefix->tokens())
      check_room(writes.state, rules(), 0);
  } catch (const Error& error) {
    result = {true, error.what()};
  } catch (...) {
    active_ = nullptr;
    throw;
  }
  active_ = nullptr;
  if (result.failed) writes = before;
  return result;
}

// Calls of the last reply that have no return yet, for the process ended or the turn was broken
// off.
std::vector<ToolCall> Agent::open_calls(const LiveState& state) {
  const Window& window = state.window;
  std::size_t last = window.size();
  while (last > 0 && window[last - 1]->message->role == Role::tool) --last;
  if (last == 0) return {};
  const auto& calls = window[last - 1]->message->tool_calls;
  const auto returned = static_cast<std::ptrdiff_t>(std::min(window.size() - last, calls.size()));
  return {calls.begin() + returned, calls.end()};
}

// Every call gets its return before anything else. Nothing is run.
void Agent::close_open_calls(WriteSet& writes, TimeUs time_us) {
  for (const auto& call : open_calls(writes.state))
    append_return(writes, call, {true, std::string(kInterrupted)}, Trust::kernel, time_us);
}

// The same at the beginning of a turn, or in the middle of one that was broken off: what is known
// of a call is told, and one that may be repeated is.
void Agent::recover_open_calls(const TurnRun* broken_off) {
  WriteSet writes = begin("recovery", "kernel");
  const auto calls = open_calls(writes.state);
  if (calls.empty()) return;
  std::vector<Outcome> outcomes;
  for (const auto& call : calls) {
    Outcome outcome;
    if (broken_off != nullptr && broken_off->ran == call.id) {
      outcome.result = broken_off->result;
      outcome.trust = broken_off->trust;
    } else if (auto repeated = repeat_call(writes, call)) {
      outcome = *std::move(repeated);
    } else {
      outcome.result = {true, std::string(kInterrupted)};
      outcome.status = "interrupted";
    }
    outcomes.push_back(std::move(outcome));
  }
  append_outcomes(writes, calls, outcomes);
  try {
    commit(writes);
  } catch (const SharedConflict& conflict) {
    // Without what a call that was repeated has written into memory: it is not run once more.
    for (auto& outcome : outcomes)
      if (!outcome.key.empty())
        outcome.result = {true, outcome.result.text + '\n' + conflict.what()};
    writes = begin("recovery", "kernel");
    append_outcomes(writes, calls, outcomes);
    commit(writes);
  }
}

void Agent::append_outcomes(WriteSet& writes, const std::vector<ToolCall>& calls,
                            const std::vector<Outcome>& outcomes) {
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto& outcome = outcomes[i];
    append_return(writes, calls[i], outcome.result, outcome.trust, now_us());
    record_outcome(writes, calls[i], outcome.key,
                   !outcome.status.empty() ? outcome.status
                   : outcome.result.failed ? "failed"
                                           : "ok",
                   outcome.result.printed);
  }
}

// Nothing where it must not be repeated: its tool did not say that it may, or does not any more.
std::optional<Agent::Outcome> Agent::repeat_call(WriteSet& writes, const ToolCall& call) {
  const auto decoded = decode_call(call, parts()->tools);
  if (!decoded.tool || !decoded.tool->idempotent()) return std::nullopt;
  const Head head = writes.state.agent.head;
  const auto journal = home_->journal();
  const auto said = journal->commit_of(head, writes.state.window.back()->message->position);
  std::string key;
  for (const auto& run : journal->tool_runs(head, said - 1))
    if (run.call_id == call.id && run.phase == "intent") key = run.idempotency_key;
  if (key.empty()) return std::nullopt;
  TurnRun run;
  run.begin_position = writes.state.next_position;
  auto result = run_on(run, writes, decoded, key);
  return Outcome{std::move(result), trust_of(*decoded.tool), key, ""};
}

}  // namespace memgpt
