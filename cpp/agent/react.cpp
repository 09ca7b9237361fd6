#include "agent/react.h"

#include "agent/call_objects.h"
#include "agent/marked_calls.h"
#include "memory/text.h"

namespace memgpt {

namespace {

// The line that begins with `key`: where it begins, or npos.
std::size_t line_with(std::string_view text, std::string_view key, std::size_t from) {
  for (auto at = text.find(key, from); at != std::string_view::npos; at = text.find(key, at + 1))
    if (at == 0 || text[at - 1] == '\n') return at;
  return std::string_view::npos;
}

}  // namespace

std::optional<WrittenCalls> read_react(std::string_view text, const ToolMap& tools, bool was_cut) {
  constexpr std::string_view kAction = "Action:";
  constexpr std::string_view kInput = "Action Input:";
  text = trimmed_view(text);
  const auto action = line_with(text, kAction, 0);
  if (action == std::string_view::npos) return std::nullopt;
  const auto input = line_with(text, kInput, action);
  if (input == std::string_view::npos) return std::nullopt;
  WrittenCalls found;
  const auto before = trimmed_view(text.substr(0, action));
  WrittenCall call;
  call.name = std::string(
      trimmed_view(text.substr(action + kAction.size(), input - action - kAction.size())));
  auto at = skip_blanks(text, input + kInput.size());
  const bool alone = before.empty() || before.starts_with("Thought:");
  const bool clear =
      alone && name_end(call.name, 0) == call.name.size() && at < text.size() && text[at] == '{';
  auto json = clear ? read_call_json(text, at, tools, was_cut, found.problem) : std::nullopt;
  if (json && trimmed_view(text.substr(json->end)).empty()) {
    call.arguments = std::move(json->text);
    call.repairs.add(repair::kCallInText, "Action");
    call.repairs.add(json->repairs);
    found.thoughts = std::string(before);
    found.calls.push_back(std::move(call));
  } else if (found.problem.empty()) {
    found.problem =
        "\"Action:\" and \"Action Input:\" are no call that can be read: make a tool call, with "
        "arguments as a JSON object, and nothing behind it";
  }
  return found;
}

}  // namespace memgpt
