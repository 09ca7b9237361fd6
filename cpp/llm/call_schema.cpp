#include "llm/call_schema.h"

#include <algorithm>

#include "memory/context.h"
#include "memory/json.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr int kShortestBound = 32;  // characters
constexpr int kMostItems = 16;
constexpr std::string_view kHowToCall =
    "\n\nAnswer with one JSON object and nothing else: {\"name\": ..., \"arguments\": {...}}, a "
    "call of one of these functions:";

bool wants_string(const json::object& schema) {
  const auto* type = schema.if_contains("type");
  if (type == nullptr) return false;
  if (type->is_string()) return type->get_string() == "string";
  const auto* types = type->if_array();
  return types != nullptr && std::any_of(types->begin(), types->end(), [](const json::value& one) {
           return one.is_string() && one.get_string() == "string";
         });
}

bool is_bounded(const json::object& schema) {
  return schema.contains("maxLength") || schema.contains("enum") || schema.contains("const") ||
         schema.contains("pattern") || schema.contains("format");
}

// How many strings share the budget.
int count_strings(const json::value& schema) {
  int strings = 0;
  if (const auto* list = schema.if_array()) {
    for (const auto& item : *list) strings += count_strings(item);
  } else if (const auto* object = schema.if_object()) {
    if (wants_string(*object) && !is_bounded(*object)) ++strings;
    for (const auto& [key, value] : *object) strings += count_strings(value);
  }
  return strings;
}

void bound_strings(json::value& schema, int most) {
  if (auto* list = schema.if_array()) {
    for (auto& item : *list) bound_strings(item, most);
    return;
  }
  auto* object = schema.if_object();
  if (object == nullptr) return;
  for (auto& [key, value] : *object) bound_strings(value, most);
  if (wants_string(*object) && !is_bounded(*object)) (*object)["maxLength"] = most;
  const auto* type = object->if_contains("type");
  if (type != nullptr && *type == "array" && !object->contains("maxItems"))
    (*object)["maxItems"] = kMostItems;
}

std::string call_text(const ToolCall& call) {
  std::string out = "{\"name\": ";
  append_json_string(out, call.name);
  return out + ", \"arguments\": " + call.arguments + '}';
}

}  // namespace

std::string bounded_parameters(std::string_view parameters, int budget) {
  if (budget <= 0) return std::string(parameters);
  boost::system::error_code failed;
  auto value = parse_deep(parameters, failed);
  if (failed) return std::string(parameters);
  const int strings = std::max(1, count_strings(value));
  bound_strings(value, std::max(kShortestBound, budget / strings));
  return json::serialize(value);
}

std::shared_ptr<const std::string> ToolsWire::of(const std::shared_ptr<const CompiledTools>& tools,
                                                 const ToolsForm& form) {
  {
    const std::scoped_lock lock(mutex_);
    if (wire_ && tools_ == tools && form_ == form) return wire_;
  }
  std::string wire;
  for (const auto& schema : tools->schemas) {
    wire += wire.empty() ? ", \"tools\": [" : ", ";
    wire += tool_text({schema.name, schema.description,
                       bounded_parameters(schema.parameters, form.string_budget)});
  }
  if (!wire.empty()) {
    wire += ']';
    if (!form.tool_choice.empty()) wire += ", \"tool_choice\": " + form.tool_choice;
    if (!form.parallel.empty()) wire += ", \"parallel_tool_calls\": " + form.parallel;
  }
  auto made = std::make_shared<const std::string>(std::move(wire));
  const std::scoped_lock lock(mutex_);
  tools_ = tools;
  form_ = form;
  wire_ = made;
  return made;
}

std::string call_schema(const std::vector<ToolSchema>& tools, int string_budget) {
  std::string any;
  for (const auto& tool : tools) {
    if (!any.empty()) any += ", ";
    any += R"({"type": "object", "properties": {"name": {"const": )";
    append_json_string(any, tool.name);
    any += "}, \"arguments\": " + bounded_parameters(tool.parameters, string_budget) +
           R"(}, "required": ["name", "arguments"], "additionalProperties": false})";
  }
  return tools.size() == 1 ? any : "{\"anyOf\": [" + any + "]}";
}

std::vector<RequestMessage> messages_without_tools(const Context& context) {
  const auto request = context.request();
  std::vector<RequestMessage> messages;
  messages.reserve(request.messages.size());
  for (const auto& message : request.messages) {
    RequestMessage plain{message.role, message.content, {}, ""};
    if (!message.tool_calls.empty()) plain.content = call_text(message.tool_calls.front());
    if (message.role == Role::tool) plain.role = Role::user;
    messages.push_back(std::move(plain));
  }
  if (!request.tools.empty()) {
    auto& system = messages.front().content;
    system += kHowToCall;
    for (const auto& tool : request.tools) system += '\n' + tool_text(tool);
  }
  return messages;
}

}  // namespace memgpt
