// What a tool takes, read once from the text of its JSON Schema.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "memory/json.h"
#include "memory/request.h"

namespace memgpt {

// Of JSON Schema's types, as bits.
enum JsonType : std::uint8_t {
  kNoType = 0,
  kStringType = 1,
  kBooleanType = 2,
  kIntegerType = 4,
  kNumberType = 8,
  kArrayType = 16,
  kObjectType = 32,
  kNullType = 64,
  kAnyType = 255,
};

class ArgumentSchema {
 public:
  struct Property {
    std::string name;
    std::uint8_t types = kAnyType;  // of JsonType
    std::string type_text;          // as the schema has it
    bool required = false;
  };

  // Throws ToolError where the schema is no object.
  explicit ArgumentSchema(const ToolSchema& schema);

  // Empty, or what is wrong with the arguments. Only "type" is checked: a tool says better itself
  // what else it minds.
  [[nodiscard]] std::string check(const json::object& arguments) const;
  [[nodiscard]] const Property* find(std::string_view name) const;
  [[nodiscard]] const std::vector<Property>& properties() const { return properties_; }
  // Arguments that it does not name are let through.
  [[nodiscard]] bool open() const { return open_; }
  // {"message": string, "request_heartbeat": boolean}, for the model.
  [[nodiscard]] const std::string& shape() const { return shape_; }

 private:
  std::vector<Property> properties_;
  std::vector<std::string> required_;  // in the schema's order
  bool open_ = false;
  std::string shape_;
};

// The schema's text as an object. Throws ToolError.
[[nodiscard]] json::object parse_parameters(const ToolSchema& schema);

}  // namespace memgpt
