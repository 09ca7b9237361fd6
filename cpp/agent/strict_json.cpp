#include "agent/strict_json.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "agent/mend_json.h"
#include "agent/value_schema.h"

namespace memgpt {

namespace {

constexpr int kDepth = 32;
constexpr std::size_t kWideDigits = 19;  // from here on an integer may need more than 64 bits

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

bool read(std::string_view text, json::object& object) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::object read;
  return parser.parse(text.data(), text.size()).get(root) == simdjson::SUCCESS &&
         root.get(read) == simdjson::SUCCESS && convert(read, object, 1);
}

bool is_wide(std::string_view digits) {
  const auto does_not_fit = [&](auto number) {
    const auto* end = digits.data() + digits.size();
    return std::from_chars(digits.data(), end, number).ec == std::errc::result_out_of_range;
  };
  return digits.front() == '-' ? does_not_fit(std::int64_t{}) : does_not_fit(std::uint64_t{});
}

// Integers of more than 64 bits, which simdjson does not read, as doubles; "" where there are none.
std::string with_wide_integers(std::string_view text) {
  std::string out;
  bool any = false;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto begin = at;
    const char c = text[at++];
    if (in_string) {
      if (c == '\\') ++at;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '-' || (c >= '0' && c <= '9')) {
      at = std::min(text.find_first_not_of("0123456789+-.eE", at), text.size());
      const auto number = text.substr(begin, at - begin);
      if (number.size() >= kWideDigits && number.find_first_of("+.eE") == std::string_view::npos &&
          is_wide(number)) {
        out += number;
        out += ".0";
        any = true;
        continue;
      }
    }
    out += text.substr(begin, std::min(at, text.size()) - begin);
  }
  return any ? out : "";
}

}  // namespace

std::optional<StrictObject> parse_object(std::string_view text, std::string* problem) {
  StrictObject object;
  if (read(text, object.values)) return object;
  object = {{}, true};
  if (const auto wide = with_wide_integers(text); !wide.empty() && read(wide, object.values))
    return object;
  boost::system::error_code error;
  const auto value = json::parse(text, error);
  std::string why;
  if (error)
    why = "the arguments are not valid JSON (" + error.message() + ")";
  else if (!value.is_object())
    why = "the arguments must be a JSON object";
  else if (has_infinity(value))
    why = "a number in the arguments is too large";
  else
    why = mend_json(text).problem;  // a name stands twice in one object
  if (problem != nullptr) *problem = why.empty() ? "the arguments cannot be read" : std::move(why);
  return std::nullopt;
}

}  // namespace memgpt
