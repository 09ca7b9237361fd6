#include "agent/call_objects.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::string_view kTwoTools = "the call has the names of two tools";

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

template <std::size_t Size>
bool is_one_of(std::string_view text, const std::array<std::string_view, Size>& list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// Of an object around calls: those, what stands beside a call, and what was said and thought.
bool is_part_of_reply(const JsonMember& member) {
  constexpr std::array<std::string_view, 7> kKeys = {
      "content", "refusal", "reasoning", "reasoning_content", "thinking", "thought", "thoughts"};
  return is_part_of_call(member) || (is_one_of(member.key, kKeys) && member.value.starts_with('"'));
}

// What is wrong where a call has two names or two objects of arguments, or tells of a tool.
std::string two_of(const std::vector<JsonMember>& members, const JsonMember& name,
                   const JsonMember* arguments, const ToolMap& tools) {
  for (const auto& member : members) {
    const bool given = member.value.starts_with('{') || member.value.starts_with('"');
    if (&member != &name && is_name_key(member.key) && member.value != name.value &&
        tools.contains(string_in(member.value)))
      return std::string(kTwoTools);
    if (arguments != nullptr && &member != arguments && given && is_arguments_key(member.key) &&
        member.value != arguments->value)
      return "the call has arguments in two places";
    const auto tool = tools.find(string_in(name.value));
    if (arguments != nullptr && member.key == "description" && tool != tools.end() &&
        tool->second->arguments().find("description") == nullptr)
      return "it describes the tool, and does not call it";
  }
  return "";
}

}  // namespace

bool holds_calls(std::string_view key) {
  constexpr std::array<std::string_view, 9> kKeys = {"tool_calls",     "tool_call", "function_call",
                                                     "function_calls", "function",  "calls",
                                                     "functionCall",   "toolCalls", "toolCall"};
  return is_one_of(key, kKeys);
}

bool is_part_of_call(const JsonMember& member) {
  constexpr std::array<std::string_view, 6> kKeys = {"id",         "call_id",      "callId",
                                                     "toolCallId", "tool_call_id", "index"};
  constexpr std::array<std::string_view, 4> kTypes = {"\"function\"", "\"function_call\"",
                                                      "\"tool_call\"", "\"tool_use\""};
  const auto& [key, value] = member;
  if (value == "null" || is_one_of(key, kKeys)) return true;
  return (key == "type" && is_one_of(value, kTypes)) || (key == "role" && value == "\"assistant\"");
}

std::string no_part_of_call(std::string_view key) {
  return "beside the call there is the member " + shown_name(key) +
         ", which no call has, so it is not clear whether it is meant to be run; make it as a tool "
         "call";
}

std::vector<WrittenCall> calls_in_list(const std::vector<JsonMember>& items, const ToolMap& tools,
                                       int depth) {
  std::vector<WrittenCall> calls;
  for (const auto& item : items) {
    auto more = item.value.starts_with('{') ? calls_in(mend_json(item.value).members, tools, depth)
                                            : std::vector<WrittenCall>();
    if (more.empty()) return {};
    std::move(more.begin(), more.end(), std::back_inserter(calls));
  }
  return calls;
}

std::vector<WrittenCall> calls_in(const std::vector<JsonMember>& members, const ToolMap& tools,
                                  int depth) {
  for (const auto& member : members) {
    if (!holds_calls(member.key) || depth > 2 ||
        !(member.value.starts_with('[') || member.value.starts_with('{')))
      continue;
    const auto inner = mend_json(member.value);
    auto calls = inner.object ? calls_in(inner.members, tools, depth + 1)
                              : calls_in_list(inner.members, tools, depth + 1);
    for (const auto& other : members)
      if (&other != &member && !is_part_of_reply(other))
        for (auto& call : calls)
          if (call.problem.empty()) call.problem = no_part_of_call(other.key);
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
    for (const auto& member : members) {
      const bool again = is_name_key(member.key) && member.value == name->value;
      if (!again && &member != arguments) call.beside.push_back(member);
    }
    if (arguments != nullptr) {
      set_arguments(call, arguments->value);
      return {std::move(call)};
    }
    // {"name": "send_message", "message": "hi"}
    if (!tools.contains(call.name)) return {};
    call.arguments = "{}";
    call.flat = true;
    return {std::move(call)};
  }
  // {"send_message": {"message": "hi"}}
  for (const auto& member : members) {
    if (!tools.contains(member.key) || !member.value.starts_with('{')) {
      call.beside.push_back(member);
      continue;
    }
    if (!call.name.empty()) call.problem = std::string(kTwoTools);
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
