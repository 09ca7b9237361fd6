#include "agent/strict_json.h"

#include <simdjson.h>

#include "agent/mend_json.h"
#include "agent/value_schema.h"

namespace memgpt {

namespace {

// Less than boost::json takes by itself: what is nested more deeply goes to it.
constexpr int kDepth = 30;

bool convert(const simdjson::dom::element& from, json::value& to, int depth);

bool convert(const simdjson::dom::object& from, json::object& to, int depth) {
  if (depth > kDepth) return false;
  for (const auto& [key, item] : from) {
    const auto before = to.size();
    auto& value = to[key];
    if (to.size() > before) {
      if (!convert(item, value, depth)) return false;
      continue;
    }
    // Twice the same is once; two values are for the mending reader to refuse.
    json::value again;
    if (!convert(item, again, depth) || again != value) return false;
  }
  return true;
}

bool convert(const simdjson::dom::element& from, json::value& to, int depth) {
  using simdjson::dom::element_type;
  switch (from.type()) {
    case element_type::OBJECT: {
      const simdjson::dom::object object = from.get_object().value_unsafe();
      return convert(object, to.emplace_object(), depth + 1);
    }
    case element_type::ARRAY: {
      if (depth >= kDepth) return false;
      const simdjson::dom::array items = from.get_array().value_unsafe();
      auto& list = to.emplace_array();
      for (const auto item : items)
        if (!convert(item, list.emplace_back(nullptr), depth + 1)) return false;
      return true;
    }
    case element_type::STRING: to.emplace_string() = from.get_string().value_unsafe(); return true;
    case element_type::INT64: to = from.get_int64().value_unsafe(); return true;
    case element_type::UINT64: to = from.get_uint64().value_unsafe(); return true;
    case element_type::DOUBLE: to = from.get_double().value_unsafe(); return true;
    case element_type::BOOL: to = from.get_bool().value_unsafe(); return true;
    case element_type::NULL_VALUE: to = nullptr; return true;
  }
  return false;
}

}  // namespace

std::optional<json::object> parse_object(std::string_view text, std::string* problem) {
  {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    simdjson::dom::object object;
    json::object read;
    if (parser.parse(text.data(), text.size()).get(root) == simdjson::SUCCESS &&
        root.get(object) == simdjson::SUCCESS && convert(object, read, 1))
      return read;
  }
  // What simdjson does not take may still be JSON: an integer of 30 digits.
  boost::system::error_code error;
  auto value = json::parse(text, error);
  std::string why;
  if (error)
    why = "the arguments are not valid JSON (" + error.message() + ")";
  else if (!value.is_object())
    why = "the arguments must be a JSON object";
  else if (has_infinity(value))
    why = "a number in the arguments is too large";
  else
    why = mend_json(text).problem;  // a name stands twice in one object
  if (why.empty()) return std::move(value.get_object());
  if (problem != nullptr) *problem = std::move(why);
  return std::nullopt;
}

}  // namespace memgpt
