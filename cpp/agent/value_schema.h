// What one value may be, by its JSON Schema: "type", "enum", "const", and of what is inside of it
// "items", "properties" and "required". The rest is for the tool itself to say.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "memory/json.h"

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

class ValueSchema {
 public:
  ValueSchema() = default;  // takes all
  explicit ValueSchema(const json::value& schema, int depth = 0);

  // Empty, or what is wrong: "argument \"tags[2]\" must be of type ...". A value itself is never in
  // it. A whole number that is written 5.0 becomes 5 where an integer is wanted. `name`: of the
  // value.
  [[nodiscard]] std::string fit(json::value& value, std::string_view name) const;
  [[nodiscard]] std::uint8_t types() const { return types_; }
  [[nodiscard]] const std::string& type_text() const { return type_text_; }  // as the schema has it

 private:
  [[nodiscard]] std::string fit_inside(json::value& value, std::string_view name) const;

  std::uint8_t types_ = kAnyType;
  std::string type_text_;
  json::array allowed_;
  std::string allowed_text_;  // for the model; empty: any
  std::shared_ptr<const ValueSchema> items_;
  std::vector<std::pair<std::string, ValueSchema>> properties_;
  std::vector<std::string> required_;
  bool whole_ = false;  // nothing but types and values is to be looked at
};

// A number too large for a double, which a reader makes infinite.
[[nodiscard]] bool has_infinity(const json::value& value);

}  // namespace memgpt
