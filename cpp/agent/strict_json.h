// The straight path: an object's text as it should be.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "memory/json.h"

namespace memgpt {

struct StrictObject {
  json::object values;
  // An integer of more than 64 bits is in it: a double there, and exact in the text alone.
  bool wide = false;
};

// Numbers are the doubles and integers that are nearest, or the same. Nothing where the text is no
// JSON object, one that is nested more deeply than 32, one with a number that no reader keeps
// (1e999), or one in which a name stands twice with different values. `problem` says why.
[[nodiscard]] std::optional<StrictObject> parse_object(std::string_view text,
                                                       std::string* problem = nullptr);

}  // namespace memgpt
