// Messages: sent, streamed, listed, reset.
#include <algorithm>

#include "server/api.h"
#include "server/message_answers.h"
#include "server/message_bodies.h"
#include "server/message_list.h"
#include "server/refusal.h"
#include "server/sent_words.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr const char* kText = R"({"type": "string"})";
constexpr std::string_view kBody = R"({"type": "object", "properties": {
  "messages": {"type": ["array", "null"], "items": {"type": "object", "properties": {
    "role": {"type": "string", "enum": ["user", "system", "assistant"]}, "content": {}},
    "required": ["role", "content"]}},
  "input": {}, "max_steps": {"type": "integer", "minimum": 1}, "streaming": {"type": "boolean"},
  "stream_tokens": {"type": "boolean"}, "use_assistant_message": {"type": "boolean"},
  "include_pings": {"type": "boolean"},
  "include_return_message_types": {"type": ["array", "null"], "items": {"type": "string"}}}})";

// A text, or parts of one.
std::string content_text(const json::value& content) {
  if (content.is_string()) return std::string(content.get_string());
  if (!content.is_array()) throw Refusal(422, "\"content\" must be a text or a list of parts");
  std::string text;
  for (const auto& part : content.get_array()) {
    if (!part.is_object()) throw Refusal(422, "a part of \"content\" must be an object");
    const auto type = body::text(part.get_object(), "type").value_or("text");
    if (type != "text")
      throw Refusal(422, "parts of the type \"" + type + "\" are not taken: text alone is");
    if (!text.empty()) text += '\n';
    text += body::needed_text(part.get_object(), "text");
  }
  return text;
}

Input input_of(const json::value& item) {
  if (!item.is_object()) throw Refusal(422, "\"messages\" must be a list of objects");
  const auto& message = item.get_object();
  const auto type = body::text(message, "type").value_or("message");
  if (type == "approval") throw Refusal(501, "approvals of tool calls are not served yet");
  if (type == "tool_return")
    throw Refusal(501, "tools that run at the client are not served: send no returns of them");
  if (type != "message") throw Refusal(422, "\"type\" of a message must be \"message\"");
  Input input;
  const auto role = body::text(message, "role").value_or("user");
  if (role != "user" && role != "system" && role != "assistant")
    throw Refusal(422, "\"role\" must be \"user\", \"system\" or \"assistant\"");
  input.role = role_from_string(role);
  const auto* content = body::find(message, "content");
  if (content == nullptr) throw Refusal(422, "\"content\" is missing");
  input.text = content_text(*content);
  input.name = body::text(message, "name").value_or("");
  return input;
}

Input checked(Input input) {
  try {
    check_input(input);
  } catch (const InvalidInput& error) {
    throw Refusal(422, error.what());
  }
  return input;
}

}  // namespace

std::vector<Input> inputs_in(const json::object& body, std::string_view name) {
  std::vector<Input> inputs;
  const auto* messages = body::array(body, name);
  if (messages == nullptr) return inputs;
  for (const auto& item : *messages) inputs.push_back(checked(input_of(item)));
  return inputs;
}

std::vector<Input> inputs_of(const json::object& body) {
  auto inputs = inputs_in(body, "messages");
  if (const auto* input = body::find(body, "input"); input != nullptr && inputs.empty())
    inputs.push_back(checked({content_text(*input), Role::user, "", "", std::nullopt}));
  if (inputs.empty()) throw Refusal(422, "Messages must not be empty");
  return inputs;
}

namespace {

bool asks_for_something(const json::value& value) {
  return value != false && value != "false" && !(value.is_array() && value.get_array().empty());
}

}  // namespace

void refuse_unserved(const json::object& body) {
  if (body::flag(body, "background").value_or(false))
    throw Refusal(501, "runs in the background are not served yet: leave out \"background\"");
  for (const char* name :
       {"client_tools", "client_skills", "override_model", "override_system", "return_logprobs",
        "top_logprobs", "return_token_ids", "include_compaction_messages"})
    if (const auto* value = body::find(body, name); value != nullptr && asks_for_something(*value))
      throw Refusal(501, "\"" + std::string(name) + "\" is not served yet: leave it out");
}

namespace {

void send(ServerApi& api, const std::shared_ptr<Call>& call, bool streamed) {
  const auto& body = call->body();
  const auto agent = api.agent(call->at("agent_id"));
  auto inputs = inputs_of(body);
  refuse_unserved(body);
  AnswerForm form;
  form.messages = message_form(body);
  form.streaming = streamed || body::flag(body, "streaming").value_or(false);
  form.tokens = body::flag(body, "stream_tokens").value_or(false);
  form.pings = body::flag(body, "include_pings").value_or(true);
  const auto max_steps = body::integer(body, "max_steps").value_or(0);
  if (body::find(body, "max_steps") != nullptr && (max_steps < 1 || max_steps > 10'000))
    throw Refusal(422, "\"max_steps\" must be a number from 1 to 10000");
  auto order = answered(api, agent, call->exchange(), std::move(form));
  keep_sent_words(api, body, inputs);
  order.inputs = std::move(inputs);
  order.max_steps = static_cast<int>(max_steps);
  api.turns().begin(std::move(order));
}

ServerResponse list_messages(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  if (const auto id = call.asked("conversation_id"); id && id != "default")
    throw Refusal(404, "Conversation " + *id +
                           " not found: an agent has one conversation, its own, with the id "
                           "\"default\"");
  const auto page = page_of(call, 100);
  if (call.asked("group_id")) return {200, "[]"};  // there are no groups
  MessageForm form;
  form.use_assistant_message = call.asked_flag("use_assistant_message", true);
  form.tool_name = call.asked("assistant_message_tool_name").value_or(form.tool_name);
  form.tool_argument = call.asked("assistant_message_tool_kwarg").value_or(form.tool_argument);
  form.types = call.asked_all("include_return_message_types");
  return {200, messages_page(api, *agent, page, form)};
}

ServerResponse reset_messages(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  static_cast<void>(call.body());
  agent->reset_messages();
  Binding binding;
  binding.change = [first = agent->state().next_position](AgentConfig& config) {
    auto settings = object_of(config.settings);
    settings["listed_from"] = first;
    config.settings = json::serialize(settings);
  };
  agent->bind(binding);
  return {200, json::serialize(agent_json(api, *agent))};
}

ServerResponse cancel(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  std::vector<Head> inputs;
  for (const auto& id : body::texts(call.body(), "run_ids").value_or(std::vector<std::string>())) {
    const auto place = place_of_id(id, "run");
    if (!place) throw Refusal(422, "\"" + id + "\" is no id of a run");
    inputs.push_back(*place);
  }
  json::object out;
  for (const auto& input : api.turns().cancel(agent->id(), inputs))
    out[run_id(input)] = "cancelled";
  for (const auto& input : inputs)
    if (out.if_contains(run_id(input)) == nullptr) out[run_id(input)] = "failed";
  return {200, json::serialize(out)};
}

}  // namespace

void add_message_routes(Router& router, ServerApi& api) {
  constexpr const char* kMessages = "/v1/agents/{agent_id}/messages";
  router.add({"POST",
              kMessages,
              "send_message",
              "Send messages to an agent",
              [&api](const std::shared_ptr<Call>& call) { send(api, call, false); },
              {},
              kBody});
  router.add({"POST",
              "/v1/agents/{agent_id}/messages/stream",
              "create_agent_message_stream",
              "Send messages to an agent, and see its answer as it comes",
              [&api](const std::shared_ptr<Call>& call) { send(api, call, true); },
              {},
              kBody});
  router.add({"POST",
              "/v1/agents/{agent_id}/messages/cancel",
              "cancel_agent_run",
              "End turns that are under way",
              answering([&api](Call& call) { return cancel(api, call); }),
              {},
              R"({"type": "object", "properties": {"run_ids": {"type": ["array", "null"],
                 "items": {"type": "string"}}}})"});
  router.add({"GET",
              kMessages,
              "list_messages",
              "Messages of an agent, the newest first",
              answering([&api](Call& call) { return list_messages(api, call); }),
              page_query({{"conversation_id", kText},
                          {"group_id", kText},
                          {"use_assistant_message", R"({"type": "boolean"})"},
                          {"assistant_message_tool_name", kText},
                          {"assistant_message_tool_kwarg", kText},
                          {"include_return_message_types",
                           R"({"type": "array", "items": {"type": "string"}})"}}),
              {},
              R"({"type": "array", "items": {"type": "object"}})"});
  router.add({"PATCH", "/v1/agents/{agent_id}/reset-messages", "reset_messages",
              "Begin a new conversation: what was said stays in the journal",
              api.in_line([&api](Call& call) { return reset_messages(api, call); })});
}

}  // namespace memgpt
