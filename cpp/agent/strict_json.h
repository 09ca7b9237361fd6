// The straight path: an object's text as it should be.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "memory/json.h"

namespace memgpt {

// Nothing where the text is no JSON object, one that is nested more deeply than 32, one with a
// number that no reader keeps (1e999), or one in which a name stands twice with different values.
// `problem` says why.
[[nodiscard]] std::optional<json::object> parse_object(std::string_view text,
                                                       std::string* problem = nullptr);

}  // namespace memgpt
