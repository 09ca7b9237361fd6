// What a tool takes, read once from the text of its JSON Schema.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/value_schema.h"
#include "memory/json.h"
#include "memory/request.h"

namespace memgpt {

class ArgumentSchema {
 public:
  struct Property {
    std::string name;
    std::uint8_t types = kAnyType;  // of JsonType
    ValueSchema schema;
    bool required = false;
  };

  // Throws ToolError where the schema is no object.
  explicit ArgumentSchema(const ToolSchema& schema);

  // Empty, or what is wrong with the arguments; see value_schema.h.
  [[nodiscard]] std::string fit(json::object& arguments) const;
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

// A name that a model wrote, for a message: in quotation marks where it is short and could be a
// name, else how long it is. What the kernel itself writes must not hold pieces of values: a purge
// finds a text where it stands whole.
[[nodiscard]] std::string shown_name(std::string_view name);
[[nodiscard]] std::size_t characters(std::string_view text);

}  // namespace memgpt
