#include "agent/tool.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "error.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::string_view kThinking = "thinking";
constexpr std::string_view kHeartbeat = "request_heartbeat";

json::object parse_parameters(const ToolSchema& schema) {
  boost::system::error_code error;
  auto value = json::parse(schema.parameters, error);
  if (error || !value.is_object())
    throw ToolError("tool \"" + schema.name + "\": parameters must be a JSON Schema object");
  return value.as_object();
}

bool is_type(const json::value& value, std::string_view type) {
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_bool();
  if (type == "integer")
    return value.is_int64() || value.is_uint64() ||
           (value.is_double() && std::trunc(value.as_double()) == value.as_double());
  if (type == "number") return value.is_number();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  if (type == "null") return value.is_null();
  return true;
}

// Only "type" is checked: a tool says better itself what else it minds.
std::string check_type(std::string_view name, const json::value& value, const json::value& schema) {
  if (!schema.is_object()) return "";
  const auto* type = schema.as_object().if_contains("type");
  if (type == nullptr) return "";
  bool ok = true;
  if (type->is_string()) {
    ok = is_type(value, type->as_string());
  } else if (type->is_array()) {
    const auto& types = type->as_array();
    ok = std::any_of(types.begin(), types.end(), [&](const json::value& one) {
      return one.is_string() && is_type(value, one.as_string());
    });
  }
  if (ok) return "";
  return "argument \"" + std::string(name) + "\" must be of type " + json::serialize(*type) +
         ", not " + std::string(utf8_prefix(json::serialize(value), 60));
}

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

std::string check_arguments(const ToolSchema& schema, const json::object& arguments) {
  const json::object parameters = parse_parameters(schema);
  const auto* properties = parameters.if_contains("properties");
  const json::object none;
  const json::object& known =
      properties != nullptr && properties->is_object() ? properties->as_object() : none;
  if (const auto* required = parameters.if_contains("required");
      required != nullptr && required->is_array()) {
    for (const auto& name : required->as_array())
      if (name.is_string() && !arguments.contains(name.as_string()))
        return "argument \"" + std::string(name.as_string()) + "\" is missing";
  }
  const auto* extra = parameters.if_contains("additionalProperties");
  for (const auto& [name, value] : arguments) {
    const auto* property = known.if_contains(name);
    if (property == nullptr) {
      if (extra != nullptr && !(extra->is_bool() && !extra->as_bool())) continue;
      std::string names;
      for (const auto& [other, unused] : known)
        names += (names.empty() ? "" : ", ") + std::string(other);
      return "there is no argument \"" + std::string(name) + "\"; arguments are: " + names;
    }
    if (auto problem = check_type(name, value, *property); !problem.empty()) return problem;
  }
  return "";
}

}  // namespace memgpt
