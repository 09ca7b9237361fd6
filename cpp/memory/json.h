// boost::json, and the few helpers that every room needs of it.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

namespace memgpt {

namespace json = boost::json;

// The string or number under a key; `fallback` where it is missing or of another type.
[[nodiscard]] inline std::string string_or(const json::object& object, std::string_view key,
                                           std::string_view fallback = "") {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return std::string(fallback);
  return std::string(value->get_string());
}

[[nodiscard]] inline std::int64_t int_or(const json::object& object, std::string_view key,
                                         std::int64_t fallback) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_int64() ? value->get_int64() : fallback;
}

// JSON that a program gave may be nested deeper than the parser takes by itself, up to what Python
// writes.
[[nodiscard]] inline json::value parse_deep(std::string_view text,
                                            boost::system::error_code& error) {
  json::parse_options options;
  options.max_depth = 1024;
  return json::parse(text, error, {}, options);
}

}  // namespace memgpt
