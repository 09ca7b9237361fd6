#include "agent/call_objects.h"

#include <algorithm>
#include <array>

#include "memory/text.h"

namespace memgpt {

namespace {

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

const JsonMember* member_of(const std::vector<JsonMember>& members, bool (*is)(std::string_view),
                            char first) {
  for (const auto& member : members)
    if (is(member.key) && member.value.starts_with(first)) return &member;
  return nullptr;
}

void set_arguments(WrittenCall& call, const std::string& value) {
  call.arguments = value == "null" ? "{}" : value;
  if (!value.starts_with('"')) return;
  call.arguments = string_in(value);
  call.repairs.add(repair::kNestedString, "the arguments");
}

// What is wrong where a call has two names or two objects of arguments.
std::string two_of(const std::vector<JsonMember>& members, const JsonMember& name,
                   const JsonMember* arguments, const ToolMap& tools) {
  for (const auto& member : members) {
    const bool given = member.value.starts_with('{') || member.value.starts_with('"');
    if (&member != &name && is_name_key(member.key) && member.value != name.value &&
        tools.contains(string_in(member.value)))
      return "the call has the names of two tools";
    if (arguments != nullptr && &member != arguments && given && is_arguments_key(member.key) &&
        member.value != arguments->value)
      return "the call has arguments in two places";
  }
  return "";
}

}  // namespace

bool holds_calls(std::string_view key) {
  constexpr std::array<std::string_view, 9> kKeys = {"tool_calls",     "tool_call", "function_call",
                                                     "function_calls", "function",  "calls",
                                                     "functionCall",   "toolCalls", "toolCall"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

std::vector<WrittenCall> calls_in(const std::vector<JsonMember>& members, const ToolMap& tools,
                                  int depth) {
  for (const auto& member : members) {
    const bool list = member.value.starts_with('[');
    if (!holds_calls(member.key) || depth > 2 || !(list || member.value.starts_with('{'))) continue;
    auto inner = mend_json(member.value).members;
    if (!list) return calls_in(inner, tools, depth + 1);
    std::vector<WrittenCall> calls;
    for (const auto& item : inner)
      if (item.value.starts_with('{'))
        for (auto& call : calls_in(mend_json(item.value).members, tools, depth + 1))
          calls.push_back(std::move(call));
    return calls;
  }
  WrittenCall call;
  const auto* name = member_of(members, is_name_key, '"');
  const JsonMember* arguments = nullptr;
  for (const char first : {'{', '"', 'n'})
    if (arguments == nullptr) arguments = member_of(members, is_arguments_key, first);
  if (name != nullptr) {
    call.name = string_in(name->value);
    call.problem = two_of(members, *name, arguments, tools);
    for (const auto& member : members)
      if (&member != name && &member != arguments) call.beside.push_back(member);
    if (arguments != nullptr) {
      set_arguments(call, arguments->value);
      return {std::move(call)};
    }
    // {"name": "send_message", "message": "hi"}
    if (!tools.contains(call.name)) return {};
    call.arguments = "{}";
    return {std::move(call)};
  }
  // {"send_message": {"message": "hi"}}
  for (const auto& member : members) {
    if (!tools.contains(member.key) || !member.value.starts_with('{') || !call.name.empty()) {
      call.beside.push_back(member);
      continue;
    }
    call.name = member.key;
    call.arguments = member.value;
  }
  if (call.name.empty()) return {};
  return {std::move(call)};
}

bool read_python_call(std::string_view text, std::size_t& at, WrittenCall& call) {
  if (call.name.empty()) {
    const auto end = name_end(text, at);
    call.name = std::string(text.substr(at, end - at));
    at = end;
  }
  if (call.name.empty() || !skip_text(text, at, "(")) return false;
  std::string arguments;
  at = skip_blanks(text, at);
  while (at < text.size() && text[at] != ')') {
    const auto begin = at;
    at = name_end(text, at);
    const auto name = text.substr(begin, at - begin);
    at = skip_blanks(text, at);
    if (name.empty() || !skip_text(text, at, "=")) return false;
    const auto json = mend_json(text, skip_blanks(text, at));
    if (!json.problem.empty() || json.repairs.has(repair::kMissingClose)) return false;
    call.repairs.add(json.repairs);
    arguments += arguments.empty() ? '{' : ',';
    append_json_string(arguments, name);
    arguments += ':' + json.text;
    at = skip_blanks(text, json.end);
    if (at < text.size() && text[at] != ',' && text[at] != ')') return false;
    if (skip_text(text, at, ",")) at = skip_blanks(text, at);
  }
  call.arguments = arguments.empty() ? "{}" : arguments + '}';
  return skip_text(text, at, ")");
}

std::size_t name_end(std::string_view text, std::size_t at) {
  while (at < text.size() && is_name_char(text[at])) ++at;
  return at;
}

bool skip_text(std::string_view text, std::size_t& at, std::string_view expected) {
  if (!text.substr(std::min(at, text.size())).starts_with(expected)) return false;
  at += expected.size();
  return true;
}

}  // namespace memgpt
