#include "agent/tool.h"

#include <algorithm>
#include <cctype>

#include "error.h"

namespace memgpt {

namespace {

constexpr std::string_view kThinking = "thinking";
constexpr std::string_view kHeartbeat = "request_heartbeat";

}  // namespace

ToolSchema inject_arguments(const ToolSchema& schema, bool thinking) {
  const bool good_name = !schema.name.empty() && schema.name.size() <= 64 &&
                         std::all_of(schema.name.begin(), schema.name.end(), [](unsigned char c) {
                           return (c < 128 && std::isalnum(c) != 0) || c == '_' || c == '-';
                         });
  if (!good_name)
    throw ToolError("\"" + schema.name +
                    "\" cannot name a tool: names are 1 to 64 letters, digits, \"_\" or \"-\"");
  json::object parameters = parse_parameters(schema);
  json::object properties;
  json::array required;
  if (thinking) {
    properties[kThinking] = {{"type", "string"}, {"description", "Your private reasoning."}};
    required.push_back(json::value(kThinking));
  }
  if (const auto* own = parameters.if_contains("properties"); own != nullptr && own->is_object()) {
    for (const auto& [name, property] : own->as_object()) {
      if (name == kThinking || name == kHeartbeat)
        throw ToolError("tool \"" + schema.name + "\": the argument name \"" + std::string(name) +
                        "\" is injected by the kernel; choose another");
      properties[name] = property;
    }
  }
  if (const auto* own = parameters.if_contains("required"); own != nullptr && own->is_array())
    for (const auto& name : own->as_array()) required.push_back(name);
  properties[kHeartbeat] = {{"type", "boolean"}, {"description", "true to go on after this call."}};
  required.push_back(json::value(kHeartbeat));
  parameters["type"] = "object";
  parameters["properties"] = std::move(properties);
  parameters["required"] = std::move(required);
  return {schema.name, schema.description, json::serialize(parameters)};
}

const ArgumentSchema& Tool::arguments() const {
  std::call_once(read_, [&] { arguments_ = std::make_unique<const ArgumentSchema>(schema()); });
  return *arguments_;
}

}  // namespace memgpt
