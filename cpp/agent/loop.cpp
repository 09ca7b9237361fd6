// The loop: input, then steps until no heartbeat is requested.
#include <algorithm>

#include "agent/agent.h"
#include "agent/prompts.h"
#include "agent/turn_run.h"
#include "error.h"
#include "store/shared_blocks.h"

namespace memgpt {

namespace {

// Replies in a row that cannot be run before the turn is given up: each costs a model call.
constexpr int kMaxBadReplies = 3;
// In tokens.
constexpr int kShortMessage = 64;

}  // namespace

void check_input(const Input& input) {
  check_utf8(input.text, "the message");
  check_utf8(input.name, "the name");
  if (is_blank(input.text)) throw InvalidInput("the message is empty: give it a text");
  if (input.role == Role::tool)
    throw InvalidInput("a message is sent with the role user, system or assistant, not tool");
}

namespace {

// A send_message of the user's own may call its argument something else.
std::string spoken_text(const DecodedCall& call) {
  if (call.arguments.contains("message")) return string_or(call.arguments, "message");
  for (const auto& [name, value] : call.arguments)
    if (value.is_string()) return std::string(value.get_string());
  return "";
}

// A reply that quotes what a search found would be found in its place by the next search.
bool repeats_any(const std::string& text, const std::vector<std::string>& found) {
  constexpr std::size_t kShortest = 16;  // shorter texts are repeated by chance
  return std::any_of(found.begin(), found.end(), [&](const std::string& other) {
    return other.size() >= kShortest && text.find(other) != std::string::npos;
  });
}

// By the figures of a server that refused a prompt: of the prompt, and of what it takes. Both may
// be missing. A window that is smaller than it was thought to be counts like tokens that are more.
int correction_of_overflow(int correction, const Context& context,
                           const ContextOverflow& overflow) {
  const int counted = context.tokens();
  int now = overflow.prompt_tokens > 0
                ? next_correction(correction, counted, overflow.prompt_tokens)
                : correction;
  const auto room = std::int64_t{overflow.limit_tokens} - context.budget.reply_reserve;
  const auto wanted = context.budget.context_window - context.budget.reply_reserve;
  if (overflow.limit_tokens > 0 && room > 0 && room < wanted)
    now = next_correction(now, static_cast<int>(room), wanted);
  return std::max(now, correction);
}

}  // namespace

// Again from where the head is now, where somebody who does not know our turns has moved it. Called
// where a Conflict was caught, which goes on where it is no use.
void Agent::go_back(TurnRun& run, const TurnRun& before, int tries) {
  // To a place before the input: there is nothing left to answer.
  const bool undone = run.response.steps > 0 && state().next_position <= run.begin_position;
  if (tries == kMaxRedone || undone) throw;
  const TurnRun failed = std::exchange(run, before);
  run.response.steps = failed.response.steps;
  run.response.prompt_tokens = failed.response.prompt_tokens;
  run.response.completion_tokens = failed.response.completion_tokens;
  run.tell({TurnEvent::Kind::discard, run.response.steps});
  recover_open_calls(&failed);
}

void Agent::poll() const {
  if (home_->environment().outside.poll) home_->environment().outside.poll();
}

// Commit 1: the input is durable before any model is called.
void Agent::append_inputs(const std::vector<Input>& inputs, TurnRun& run) {
  const bool users = std::any_of(inputs.begin(), inputs.end(),
                                 [](const Input& input) { return input.role != Role::system; });
  WriteSet writes = begin("input", users ? "user" : "system");
  run.begin_position = writes.state.next_position;
  int cost = 0;
  for (const auto& input : inputs) cost = append_input(input, writes, cost);
  commit(writes);
  run.response.input = writes.state.agent.head;
}

// `before`: the cost of those of the same commit, which all have to fit. Gives that with this one.
int Agent::append_input(const Input& input, WriteSet& writes, int before) {
  auto message =
      new_message(writes.state, input.role,
                  input.type.empty() ? std::string(message_type(input.role)) : input.type,
                  input.time_us.value_or(writes.commit.step.time_us));
  if (!input.id.empty()) message.id = input.id;
  message.text = input.text;
  if (input.role == Role::assistant) message.content = input.text;
  message.name = input.name;
  message.author = input.role == Role::system ? "system" : "user";
  message.trust = input.role == Role::system ? Trust::kernel : Trust::user;
  auto measured = measure(std::move(message), *parts()->counter);
  int cost = before + measured.cost();
  if (before == 0) cost += kept_beside(input.role, writes.state.window);
  try {
    check_room(writes.state, rules(), cost);
  } catch (const MessageTooLarge&) {
    // Where a short one would not do either it is not the message's fault: a shared block may have
    // grown.
    if (cost < kShortMessage) check_room(writes.state, rules(), 0);
    throw;
  }
  // A policy that lets nothing go says so before the input is in the log.
  if (!parts()->policy->evicts()) {
    const auto window = std::make_shared<PolicyWindow>(policy_window(writes.state, rules()));
    window->fixed_tokens += measured.cost();
    static_cast<void>(parts()->policy->fit(window));
  }
  writes.append(std::move(measured));
  return cost;
}

// What the model shall see next.
Agent::ModelCall Agent::begin_call(TurnRun& run) {
  ModelCall call;
  call.writes = begin_step();
  run.before_tool.reset();
  call.provider = parts()->provider;
  call.options.reasoning = reasoning_from_string(parts()->config.reasoning);
  call.options.parameters = parts()->parameters;
  call.warned = fit_window(call.writes, run);
  return call;
}

// Makes its context, and shows the reply piece by piece to who looks on. The policy's decision is
// about the window without a warning: one that stood in a context that was refused is as if it had
// not been.
void Agent::show_call(TurnRun& run, ModelCall& call) {
  call.shown = call.writes;
  if (call.warned) warn(call.shown, run);
  call.context =
      std::make_shared<const Context>(compile(call.shown.state.prefix, call.shown.state.window,
                                              budget(call.shown.state), *parts()->counter));
  if (run.on_event == nullptr) return;
  const int step = run.response.steps + 1;
  run.reply_id = "message-" + home_->environment().new_uuid();
  run.tell({.kind = TurnEvent::Kind::step, .step = step, .reply_id = run.reply_id});
  call.events =
      std::make_shared<ReplyEvents>(*run.on_event, step, !parts()->tools.contains("send_message"));
  call.options.on_delta = [events = call.events](const Delta& delta) { events->add(delta); };
}

// Called where an overflow was caught, which goes on where there is no room to be made.
void Agent::make_room(TurnRun& run, ModelCall& call, const ContextOverflow& overflow) {
  if (call.forced) throw;
  call.forced = true;
  run.tell({TurnEvent::Kind::discard, run.response.steps + 1});
  // The server counted: what is evicted now is enough by its figures, not by ours.
  LiveState& state = call.writes.state;
  state.correction = correction_of_overflow(state.correction, *call.context, overflow);
  const auto before = state.window.size();
  call.warned = fit_window(call.writes, run, true);
  if (state.window.size() >= before) throw;
}

// What others wrote into shared blocks is on record before the model sees it.
WriteSet Agent::begin_step() {
  WriteSet writes = begin("step", "agent");
  while (!writes.commit.blocks.empty()) {
    writes.commit.step.kind = "shared";
    writes.commit.step.author = "kernel";
    commit(writes);
    writes = begin("step", "agent");
  }
  return writes;
}

// The reply and its tool. True where the turn goes on.
bool Agent::finish_step(TurnRun& run, ModelCall& call, const Reply& raw) {
  WriteSet writes = std::move(call.shown);
  const auto& context = call.context;
  const auto decoded =
      decode_reply(raw, parts()->tools, writes.state.window, writes.state.next_position);
  const Reply& reply = decoded.reply;
  writes.commit.step.reply =
      reply_to_json(raw, decoded.repairs.empty() ? nullptr : &reply, decoded.repairs);

  StepRow& row = writes.commit.step;
  row.model = parts()->provider->model();
  row.tokenizer = parts()->counter->name();
  row.compiler = kCompilerVersion;
  row.digest = to_hex(digests_.digest(*context));
  row.unbound_tools = parts()->unbound_tools();
  row.context_tokens = context->text_tokens;
  row.overhead_tokens = context->overhead_tokens;
  row.prompt_tokens = reply.usage.prompt_tokens;
  row.completion_tokens = reply.usage.completion_tokens;
  row.correction = writes.state.correction;
  record_prefix(writes, *context);
  writes.state.correction = correction_after(row);

  Response& response = run.response;
  ++response.steps;
  response.cut = raw.finish_reason == "length";
  response.prompt_tokens +=
      reply.usage.prompt_tokens >= 0 ? reply.usage.prompt_tokens : context->tokens();
  response.completion_tokens += std::max(0, reply.usage.completion_tokens);

  const auto first_new = writes.state.next_position;
  const auto spoken_before = response.spoken.size();
  bool go_on = reply.tool_calls.empty() ? record_no_call(run, writes, decoded)
                                        : run_calls(run, writes, decoded);
  try {
    commit(writes);
  } catch (const SharedConflict& conflict) {
    if (!run.before_tool) throw;
    take_back(run, writes, reply, conflict.what());
    commit(writes);
    go_on = true;
  }
  const Window& window = writes.state.window;
  std::size_t next = window.size();
  while (next > 0 && window[next - 1]->message->position >= first_new) --next;
  if (call.events)
    call.events->settle(response.spoken.size() > spoken_before ? response.spoken.back() : "",
                        next < window.size() ? window[next]->message : nullptr);
  for (; next < window.size(); ++next) {
    response.messages.push_back(window[next]->message);
    run.tell({.kind = TurnEvent::Kind::message,
              .step = response.steps,
              .message = window[next]->message});
  }
  return go_on;
}

// An agent without send_message may speak plainly; any other is told to call a tool.
bool Agent::record_no_call(TurnRun& run, WriteSet& writes, const DecodedReply& decoded) {
  const Reply& reply = decoded.reply;
  const bool speaks_plainly = !parts()->tools.contains("send_message");
  auto message = new_message(writes.state, Role::assistant, "assistant_message", now_us());
  if (!run.reply_id.empty()) message.id = run.reply_id;
  message.content = reply.content;
  message.thinking = reply.thinking;
  message.author = "agent";
  message.trust = Trust::model;
  if (speaks_plainly && decoded.problem.empty() && !is_blank(reply.content)) {
    message.text = reply.content;
    run.response.spoken.push_back(reply.content);
    writes.append(measure(std::move(message), *parts()->counter));
    return false;
  }
  writes.append(measure(std::move(message), *parts()->counter));
  append_alert(writes, decoded.problem.empty() ? kNoToolCall : std::string_view(decoded.problem));
  if (++run.bad_replies < kMaxBadReplies) return true;
  run.response.stop_reason = "no_tool_call";
  return false;
}

void Agent::append_alert(WriteSet& writes, std::string_view text) {
  auto alert = new_message(writes.state, Role::system, "system_alert", now_us());
  alert.text = text;
  alert.author = "kernel";
  alert.trust = Trust::kernel;
  writes.append(measure(std::move(alert), *parts()->counter));
}

// In the order in which the model sees them.
std::vector<std::string> Agent::offered_tools() const {
  const auto parts = this->parts();
  std::vector<std::string> names;
  for (const auto& tool : parts->config.tools)
    if (parts->tools.contains(tool.schema.name)) names.push_back(tool.schema.name);
  return names;
}

// By the rules that a client set, after a call that did not fail. `asked`: for a heartbeat.
bool Agent::goes_on(TurnRun& run, WriteSet& writes, const ToolRules& rules,
                    const std::string& called, bool asked) {
  if (rules.empty()) return asked;
  const auto after = rules.after(called);
  const bool ends = after == ToolRules::After::ends || (!after && !asked);
  if (!ends) return true;
  std::string names;
  for (const auto& name : rules.missing(run.called, offered_tools()))
    names += (names.empty() ? "" : ", ") + name;
  if (!names.empty()) {
    append_alert(writes, "Go on: the user expects these tools to be called, too: " + names + ".");
    return true;
  }
  if (asked) run.response.stop_reason = "tool_rule";
  return false;
}

// Runs the first call.
bool Agent::run_calls(TurnRun& run, WriteSet& writes, const DecodedReply& decoded_reply) {
  const Reply& reply = decoded_reply.reply;
  const ToolCall& call = reply.tool_calls.front();
  const DecodedCall& decoded = decoded_reply.call;

  auto message = new_message(writes.state, Role::assistant, "assistant_message", now_us());
  if (!run.reply_id.empty()) message.id = run.reply_id;
  message.content = reply.content;
  message.thinking = reply.thinking;
  message.tool_calls = reply.tool_calls;
  message.author = "agent";
  message.trust = Trust::model;
  const auto rules = ToolRules::read(parts()->config.tool_rules);
  const auto forbidden =
      decoded.tool ? rules.violation(run.called, call.name, offered_tools()) : std::string();
  const bool runs = decoded.tool && forbidden.empty();
  const bool speaks = runs && call.name == "send_message";
  if (speaks) {
    message.text = spoken_text(decoded);
    if (repeats_any(message.text, run.found)) message.type = kSearchEcho;
  }
  writes.append(measure(std::move(message), *parts()->counter));

  ToolResult result{true, forbidden.empty() ? decoded.problem : forbidden};
  Trust trust = Trust::kernel;
  if (runs) {
    trust = trust_of(*decoded.tool);
    result = run_tool(run, writes, call, decoded);
    if (!rules.empty()) run.called.push_back({call.name, result.text});
  }
  if (speaks && !result.failed) run.response.spoken.push_back(spoken_text(decoded));
  run.bad_replies = runs ? 0 : run.bad_replies + 1;
  const bool failed = result.failed;
  append_returns(writes, reply, result, trust);
  run.ran = call.id;
  run.result = std::move(result);
  run.trust = trust;
  if (run.bad_replies >= kMaxBadReplies) {
    run.response.stop_reason = "invalid_tool_call";
    return false;
  }
  if (failed) return true;
  return goes_on(run, writes, rules, call.name,
                 decoded.request_heartbeat || reply.tool_calls.size() > 1);
}

}  // namespace memgpt
