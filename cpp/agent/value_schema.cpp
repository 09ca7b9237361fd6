#include "agent/value_schema.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace memgpt {

namespace {

constexpr int kMostDepth = 16;
constexpr std::size_t kMostAllowed = 600;    // bytes of the list that the model is told
constexpr double kExact = 9007199254740992;  // below it a double is one integer only

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

bool is_whole(double value) { return std::trunc(value) == value && std::abs(value) < kExact; }

bool is_of(const json::value& value, std::uint8_t types) {
  if (types == kAnyType) return true;
  switch (value.kind()) {
    case json::kind::string: return (types & kStringType) != 0;
    case json::kind::bool_: return (types & kBooleanType) != 0;
    case json::kind::int64:
    case json::kind::uint64: return (types & (kIntegerType | kNumberType)) != 0;
    case json::kind::double_:
      return (types & kNumberType) != 0 ||
             ((types & kIntegerType) != 0 && is_whole(value.get_double()));
    case json::kind::array: return (types & kArrayType) != 0;
    case json::kind::object: return (types & kObjectType) != 0;
    case json::kind::null: return (types & kNullType) != 0;
  }
  return false;
}

std::string_view kind_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::string: return "a string";
    case json::kind::bool_: return "a boolean";
    case json::kind::int64:
    case json::kind::uint64: return "an integer";
    case json::kind::double_: return "a number with a fraction or too large to be exact";
    case json::kind::array: return "an array";
    case json::kind::object: return "an object";
    case json::kind::null: return "null";
  }
  return "";
}

std::string argument(std::string_view name) { return "argument \"" + std::string(name) + '"'; }

}  // namespace

ValueSchema::ValueSchema(const json::value& schema, int depth) {
  const auto* object = schema.if_object();
  if (object == nullptr || depth > kMostDepth) return;
  if (const auto* type = object->if_contains("type")) {
    types_ = types_of(*type);
    type_text_ = json::serialize(*type);
  }
  if (const auto* only = object->if_contains("const")) allowed_.push_back(*only);
  if (const auto* list = object->if_contains("enum"); list != nullptr && list->is_array())
    allowed_ = list->get_array();
  for (const auto& value : allowed_)
    if (allowed_text_.size() < kMostAllowed)
      allowed_text_ += (allowed_text_.empty() ? "" : ", ") + json::serialize(value);
  if (const auto* items = object->if_contains("items"); items != nullptr && items->is_object())
    items_ = std::make_shared<const ValueSchema>(*items, depth + 1);
  if (const auto* own = object->if_contains("properties"); own != nullptr && own->is_object())
    for (const auto& [name, inner] : own->get_object())
      properties_.emplace_back(name, ValueSchema(inner, depth + 1));
  if (const auto* names = object->if_contains("required"); names != nullptr && names->is_array())
    for (const auto& name : names->get_array())
      if (name.is_string()) required_.emplace_back(name.get_string());
  whole_ = allowed_.empty() && !items_ && properties_.empty() && required_.empty();
}

std::string ValueSchema::fit(json::value& value, std::string_view name) const {
  if (!is_of(value, types_))
    return argument(name) + " must be of type " + type_text_ + ", not " +
           std::string(kind_of(value));
  if (value.is_double() && types_ != kAnyType && (types_ & kNumberType) == 0)
    value = static_cast<std::int64_t>(value.get_double());
  if (whole_) return "";
  if (!allowed_.empty() && std::find(allowed_.begin(), allowed_.end(), value) == allowed_.end())
    return argument(name) + " must be one of " + allowed_text_;
  return fit_inside(value, name);
}

std::string ValueSchema::fit_inside(json::value& value, std::string_view name) const {
  if (auto* list = value.if_array(); list != nullptr && items_) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      // The name is made where it is needed: lists are long.
      if (items_->fit((*list)[i], "").empty()) continue;
      return items_->fit((*list)[i], std::string(name) + '[' + std::to_string(i) + ']');
    }
  }
  auto* object = value.if_object();
  if (object == nullptr) return "";
  for (const auto& wanted : required_)
    if (!object->contains(wanted))
      return argument(std::string(name) + '.' + wanted) + " is missing";
  for (const auto& [key, inner] : properties_)
    if (auto* found = object->if_contains(key))
      if (auto problem = inner.fit(*found, std::string(name) + '.' + key); !problem.empty())
        return problem;
  return "";
}

bool has_infinity(const json::value& value) {
  if (const auto* list = value.if_array())
    return std::any_of(list->begin(), list->end(), has_infinity);
  if (const auto* object = value.if_object())
    return std::any_of(object->begin(), object->end(),
                       [](const auto& member) { return has_infinity(member.value()); });
  return value.is_double() && !std::isfinite(value.get_double());
}

}  // namespace memgpt
