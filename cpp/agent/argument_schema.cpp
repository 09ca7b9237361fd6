#include "agent/argument_schema.h"

#include <algorithm>
#include <utility>

#include "agent/strict_json.h"
#include "error.h"

namespace memgpt {

namespace {

constexpr std::size_t kLongestShown = 40;

}  // namespace

// As arguments are read: a number that a schema allows must be the one that is given.
json::object parse_parameters(const ToolSchema& schema) {
  if (auto read = parse_object(schema.parameters)) return std::move(read->values);
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
      Property property{std::string(name), kAnyType, ValueSchema(value), false};
      property.types = property.schema.types();
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
  for (const auto& property : properties_) {
    const auto& type = property.schema.type_text();
    shape_ += json::serialize(json::string(property.name)) + ": " + (type.empty() ? "any" : type) +
              (property.required ? ", " : " (optional), ");
  }
  shape_ = '{' + shape_ + "\"request_heartbeat\": \"boolean\"}";
}

const ArgumentSchema::Property* ArgumentSchema::find(std::string_view name) const {
  const auto found = std::find_if(properties_.begin(), properties_.end(),
                                  [&](const Property& property) { return property.name == name; });
  return found == properties_.end() ? nullptr : &*found;
}

std::string ArgumentSchema::fit(json::object& arguments) const {
  for (const auto& name : required_)
    if (!arguments.contains(name)) return "argument \"" + name + "\" is missing";
  for (auto& [name, value] : arguments) {
    const auto* property = find(name);
    if (property == nullptr) {
      if (open_) continue;
      std::string names;
      for (const auto& other : properties_) names += (names.empty() ? "" : ", ") + other.name;
      return "there is no argument " + shown_name(name) +
             "; arguments are: " + (names.empty() ? "none" : names);
    }
    if (auto problem = property->schema.fit(value, property->name); !problem.empty())
      return problem;
  }
  return "";
}

std::string shown_name(std::string_view name) {
  const bool plain =
      name.size() <= kLongestShown && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '.' || c == '-';
      });
  if (plain) return '"' + std::string(name) + '"';
  return "whose name has " + std::to_string(characters(name)) + " characters";
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0U) != 0x80U; }));
}

}  // namespace memgpt
