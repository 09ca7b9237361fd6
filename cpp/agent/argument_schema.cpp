#include "agent/argument_schema.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "error.h"
#include "memory/text.h"

namespace memgpt {

namespace {

std::uint8_t type_named(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::uint8_t>, 7> kTypes = {
      {{"string", kStringType},
       {"boolean", kBooleanType},
       {"integer", kIntegerType},
       {"number", kNumberType},
       {"array", kArrayType},
       {"object", kObjectType},
       {"null", kNullType}}};
  for (const auto& [known, type] : kTypes)
    if (known == name) return type;
  return kAnyType;
}

std::uint8_t types_of(const json::value& type) {
  if (type.is_string()) return type_named(type.get_string());
  if (!type.is_array()) return kAnyType;
  std::uint8_t types = kNoType;
  for (const auto& one : type.get_array())
    if (one.is_string()) types |= type_named(one.get_string());
  return types;
}

bool is_of(const json::value& value, std::uint8_t types) {
  if (types == kAnyType) return true;
  switch (value.kind()) {
    case json::kind::string: return (types & kStringType) != 0;
    case json::kind::bool_: return (types & kBooleanType) != 0;
    case json::kind::int64:
    case json::kind::uint64: return (types & (kIntegerType | kNumberType)) != 0;
    case json::kind::double_:
      return (types & kNumberType) != 0 ||
             ((types & kIntegerType) != 0 && std::trunc(value.get_double()) == value.get_double());
    case json::kind::array: return (types & kArrayType) != 0;
    case json::kind::object: return (types & kObjectType) != 0;
    case json::kind::null: return (types & kNullType) != 0;
  }
  return false;
}

}  // namespace

json::object parse_parameters(const ToolSchema& schema) {
  boost::system::error_code error;
  auto value = json::parse(schema.parameters, error);
  if (error || !value.is_object())
    throw ToolError("tool \"" + schema.name + "\": parameters must be a JSON Schema object");
  return std::move(value.get_object());
}

ArgumentSchema::ArgumentSchema(const ToolSchema& schema) {
  const json::object parameters = parse_parameters(schema);
  if (const auto* own = parameters.if_contains("properties"); own != nullptr && own->is_object()) {
    for (const auto& [name, value] : own->get_object()) {
      Property property{std::string(name), kAnyType, "", false};
      const auto* type = value.is_object() ? value.get_object().if_contains("type") : nullptr;
      if (type != nullptr) {
        property.types = types_of(*type);
        property.type_text = json::serialize(*type);
      }
      properties_.push_back(std::move(property));
    }
  }
  if (const auto* names = parameters.if_contains("required");
      names != nullptr && names->is_array()) {
    for (const auto& name : names->get_array()) {
      if (!name.is_string()) continue;
      required_.emplace_back(name.get_string());
      for (auto& property : properties_)
        if (property.name == required_.back()) property.required = true;
    }
  }
  const auto* extra = parameters.if_contains("additionalProperties");
  open_ = extra != nullptr && !(extra->is_bool() && !extra->get_bool());
  for (const auto& property : properties_)
    shape_ += json::serialize(json::string(property.name)) + ": " +
              (property.type_text.empty() ? "any" : property.type_text) +
              (property.required ? ", " : " (optional), ");
  shape_ = '{' + shape_ + "\"request_heartbeat\": \"boolean\"}";
}

const ArgumentSchema::Property* ArgumentSchema::find(std::string_view name) const {
  const auto found = std::find_if(properties_.begin(), properties_.end(),
                                  [&](const Property& property) { return property.name == name; });
  return found == properties_.end() ? nullptr : &*found;
}

std::string ArgumentSchema::check(const json::object& arguments) const {
  for (const auto& name : required_)
    if (!arguments.contains(name)) return "argument \"" + name + "\" is missing";
  for (const auto& [name, value] : arguments) {
    const auto* property = find(name);
    if (property == nullptr) {
      if (open_) continue;
      std::string names;
      for (const auto& other : properties_) names += (names.empty() ? "" : ", ") + other.name;
      return "there is no argument \"" + std::string(utf8_prefix(name, 60)) +
             "\"; arguments are: " + names;
    }
    if (!is_of(value, property->types))
      return "argument \"" + property->name + "\" must be of type " + property->type_text +
             ", not " + std::string(utf8_prefix(json::serialize(value), 60));
  }
  return "";
}

}  // namespace memgpt
