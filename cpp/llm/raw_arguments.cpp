#include "llm/raw_arguments.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "memory/text.h"

namespace memgpt {

namespace {

namespace ondemand = simdjson::ondemand;

// Of calls, or of one call.
constexpr std::array<std::string_view, 7> kPlaces = {"/message/tool_calls",
                                                     "/choices/0/message/tool_calls",
                                                     "/choices/0/message/function_call",
                                                     "/choices/0/delta/tool_calls",
                                                     "/choices/0/delta/function_call",
                                                     "/tool_calls",
                                                     "/function_call"};

// Seldom true, and cheap.
bool may_have_objects(std::string_view text) {
  constexpr std::string_view kKey = "\"arguments\"";
  for (auto at = text.find(kKey); at != std::string_view::npos; at = text.find(kKey, at + 1)) {
    const auto next = text.find_first_not_of(" \t\r\n:", at + kKey.size());
    if (next != std::string_view::npos && (text[next] == '{' || text[next] == '[')) return true;
  }
  return false;
}

void find_arguments(ondemand::object call, std::vector<std::string_view>& found) {
  ondemand::value function;
  if (call.find_field_unordered("function").get(function) == simdjson::SUCCESS &&
      function.type() == ondemand::json_type::object)
    return find_arguments(function.get_object(), found);
  ondemand::value arguments;
  if (call.find_field_unordered("arguments").get(arguments) != simdjson::SUCCESS) return;
  if (arguments.type() == ondemand::json_type::object) {
    ondemand::object object = arguments.get_object();
    found.push_back(object.raw_json());
  } else if (arguments.type() == ondemand::json_type::array) {
    ondemand::array array = arguments.get_array();
    found.push_back(array.raw_json());
  }
}

}  // namespace

std::string with_arguments_as_text(std::string text) {
  if (!may_have_objects(text)) return text;
  const simdjson::padded_string padded(text);
  std::vector<std::string_view> found;  // in `padded`
  ondemand::parser parser;
  for (const auto place : kPlaces) {
    try {
      ondemand::document answer = parser.iterate(padded);
      ondemand::value calls = answer.at_pointer(place);
      if (calls.type() == ondemand::json_type::object) {
        find_arguments(calls.get_object(), found);
      } else {
        for (ondemand::value call : calls.get_array()) find_arguments(call.get_object(), found);
      }
    } catch (const simdjson::simdjson_error&) {
      continue;  // nothing there, or no calls
    }
  }
  std::sort(found.begin(), found.end(),
            [](std::string_view a, std::string_view b) { return a.data() < b.data(); });
  std::string out;
  std::size_t copied = 0;
  for (const auto arguments : found) {
    const auto begin = static_cast<std::size_t>(arguments.data() - padded.data());
    out.append(text, copied, begin - copied);
    append_json_string(out, arguments.substr(0, arguments.find_last_of("}]") + 1));
    copied = begin + arguments.size();
  }
  return out + text.substr(copied);
}

}  // namespace memgpt
