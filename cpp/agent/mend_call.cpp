#include "agent/mend_call.h"

#include <algorithm>
#include <array>

#include "agent/fit_arguments.h"
#include "agent/near_name.h"
#include "agent/reply_text.h"
#include "agent/strict_json.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::size_t kMostObjects = 8;  // in one text of arguments
constexpr std::string_view kArguments = "the arguments are";
constexpr int kMostStrings = 2;  // JSON in a string in a string

// Names that servers and models put before a tool's own.
constexpr std::array<std::string_view, 9> kNamespaces = {
    "functions", "function", "default_api", "tools", "tool", "tool_use", "api", "memgpt", "self"};

template <std::size_t Size>
bool is_one_of(std::string_view text, const std::array<std::string_view, Size>& list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// What could be the arguments, in order.
struct Objects {
  struct Item {
    std::vector<JsonMember> members;
    std::string text;
    Repairs repairs;
  };
  std::vector<Item> items;
  Repairs repairs;
  std::string problem;
};

// True where nothing follows an object that might belong to it.
bool may_stand_behind(std::string_view text) {
  return text.empty() || std::string_view(",:\"'").find(text.front()) == std::string_view::npos;
}

void note_around(std::string_view text, Objects& found) {
  std::string left;
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with("```")) {
      found.repairs.add(repair::kCodeFence, "around the arguments");
      at += 3;
      while (at < text.size() && text[at] >= 'a' && text[at] <= 'z') ++at;
      continue;
    }
    left += text[at++];
  }
  if (!is_blank(left))
    found.repairs.add(repair::kSurroundingText,
                      std::to_string(trimmed_view(left).size()) + " bytes around the arguments");
}

bool take_object(std::string_view text, std::size_t at, bool was_cut, Objects& found,
                 std::size_t& end) {
  auto json = mend_json(text, at);
  if (json.problem.empty() &&
      (!json.unclosed.empty() || (was_cut && json.repairs.has(repair::kMissingClose)))) {
    json.cut = true;
    json.problem_at = json.end;
    json.problem = json.unclosed.empty()
                       ? "it is cut off"
                       : "it is cut off inside of the argument " + shown_name(json.unclosed.back());
  }
  if (json.problem.empty() && json.open_at_end && may_nest_otherwise(json.members)) {
    json.problem_at = json.end;
    json.problem = "a closing brace is missing, and it is not clear where";
  }
  if (!json.problem.empty()) {
    found.problem = broken_text(kArguments, text, json);
    return false;
  }
  end = json.end;
  found.items.push_back({std::move(json.members), std::move(json.text), std::move(json.repairs)});
  return true;
}

void fail_at(std::string problem, std::string_view text, std::size_t at, Objects& found) {
  MendedJson json;
  json.problem = std::move(problem);
  json.problem_at = at;
  found.problem = broken_text(kArguments, text, json);
  found.items.clear();
}

// All objects of a text, which must be the same one: of two that differ one may correct the other.
void read_objects(std::string_view view, bool was_cut, Objects& found) {
  constexpr std::string_view kTwo =
      "a second object follows that differs from the first, and it is not clear which is meant";
  std::string around;
  std::size_t at = 0;
  while (at < view.size() && found.items.size() < kMostObjects) {
    const auto brace = view.find('{', at);
    const bool none = brace == std::string_view::npos;
    around += view.substr(at, none ? brace : brace - at);
    at = none ? view.size() : brace;
    if (none) break;
    if (!begins_object(view, brace)) {
      around += view[brace];
      at = brace + 1;
      continue;
    }
    const bool first = found.items.empty();
    if (!take_object(view, brace, was_cut, found, at)) {
      if (!first) fail_at(std::string(kTwo), view, brace, found);
      return;
    }
    if (!first && found.items.back().text != found.items.front().text)
      return fail_at(std::string(kTwo), view, brace, found);
    if (!may_stand_behind(trimmed_view(view.substr(at))))
      return fail_at("behind the object there is more that may belong to it", view, at, found);
  }
  if (at < view.size()) return fail_at(std::string(kTwo), view, at, found);
  if (!found.items.empty()) note_around(around, found);
}

Objects objects_in(std::string text, bool was_cut, int strings = 0) {
  Objects found;
  strip_special_tokens(text, found.repairs);
  const auto view = trimmed_view(text);
  if (view.empty()) {
    found.items.emplace_back();
    return found;
  }
  // In a string, or as it would stand in one.
  const bool escaped = view.starts_with("{\\\"");
  if (view.front() == '"' || escaped) {
    boost::system::error_code error;
    const auto value =
        json::parse(escaped ? '"' + std::string(view) + '"' : std::string(view), error);
    if (!error && value.is_string() && strings < kMostStrings) {
      auto inner = objects_in(std::string(value.get_string()), was_cut, strings + 1);
      inner.repairs.add(repair::kNestedString, "the arguments");
      return inner;
    }
  }
  read_objects(view, was_cut, found);
  if (!found.items.empty() || !found.problem.empty()) return found;
  boost::system::error_code error;
  const auto value = json::parse(view, error);
  found.problem = error ? broken_text(kArguments, view, mend_json(view))
                        : "the arguments must be a JSON object";
  return found;
}

// send_message:0, functions.send_message.0: servers number the calls.
bool drop_counter(std::string_view& name) {
  auto end = name.size();
  while (end > 0 && name[end - 1] >= '0' && name[end - 1] <= '9') --end;
  if (end == name.size() || end < 2 || (name[end - 1] != ':' && name[end - 1] != '.')) return false;
  name = name.substr(0, end - 1);
  return true;
}

// Of the name as it is, without its counter and without what stands before it: the tool that one of
// them names, where no other one names another.
std::string tool_of_form(std::string_view name, const ToolMap& tools) {
  std::vector<std::string_view> known;
  for (const auto& [tool_name, tool] : tools) known.push_back(tool_name);
  std::vector<std::string_view> forms = {name};
  if (drop_counter(name)) forms.push_back(name);
  const auto stands_before = [&](std::string_view space) {
    return name.size() > space.size() + 1 && name.starts_with(space) &&
           std::string_view(".:/").find(name[space.size()]) != std::string_view::npos;
  };
  for (;;) {
    const auto* const space = std::find_if(kNamespaces.begin(), kNamespaces.end(), stands_before);
    if (space == kNamespaces.end()) break;
    name.remove_prefix(space->size() + 1);
    forms.push_back(name);
  }
  std::string_view meant;
  for (const auto form : forms) {
    const auto found = tools.find(form);
    const auto tool =
        found != tools.end() ? std::string_view(found->first) : same_name(form, known);
    if (tool.empty()) continue;
    if (!meant.empty() && tool != meant) return "";
    meant = tool;
  }
  return std::string(meant);
}

std::string no_such_tool(std::string_view name, const ToolMap& tools) {
  std::vector<std::string_view> known;
  std::string names;
  for (const auto& [tool_name, tool] : tools) {
    known.push_back(tool_name);
    names += (names.empty() ? "" : ", ") + tool_name;
  }
  const auto nearest = nearest_name(name, known);
  return "there is no tool " + shown_name(name) +
         (nearest.empty() ? "" : " (did you mean \"" + std::string(nearest) + "\"?)") +
         "; tools are: " + (names.empty() ? "none" : names);
}

}  // namespace

std::string broken_text(std::string_view what, std::string_view text, const MendedJson& json) {
  const auto at = characters(text.substr(0, json.problem_at));
  const std::string where = " (after " + std::to_string(at) + " characters)";
  if (json.cut)
    return std::string(what) + " not valid JSON: " + json.problem + where +
           ", so nothing was run. Your answer was cut off: send a shorter one";
  return std::string(what) +
         " not valid JSON: " + (json.problem.empty() ? "no object begins in it" : json.problem) +
         where + "; send one complete JSON object";
}

bool may_nest_otherwise(const std::vector<JsonMember>& members) {
  if (members.empty()) return false;
  const auto& last = members.back().value;
  if (!last.starts_with('{') && !last.starts_with('[')) return false;
  const auto inner = mend_json(last);
  if (inner.object && inner.members.size() > 1) return true;
  return std::any_of(inner.members.begin(), inner.members.end(),
                     [](const JsonMember& member) { return may_nest_otherwise({member}); });
}

bool is_arguments_key(std::string_view key) {
  constexpr std::array<std::string_view, 10> kKeys = {
      "arguments", "parameters",         "params", "args", "kwargs", "action_input", "tool_input",
      "tool_args", "function_arguments", "input"};
  return is_one_of(key, kKeys);
}

bool is_name_key(std::string_view key) {
  constexpr std::array<std::string_view, 7> kKeys = {
      "name", "function", "tool", "tool_name", "function_name", "action", "call"};
  return is_one_of(key, kKeys);
}

std::string string_in(std::string_view json_text) {
  boost::system::error_code error;
  const auto value = json::parse(json_text, error);
  return error || !value.is_string() ? "" : std::string(value.get_string());
}

std::string meant_tool(std::string_view name, const ToolMap& tools, Repairs& repairs) {
  if (tools.contains(name)) return std::string(name);
  std::string text(name);
  if (const auto token = text.find("<|"); token != std::string::npos && token > 0) {
    text.resize(token);
    repairs.add(repair::kSpecialToken, "behind the tool's name");
  }
  strip_special_tokens(text, repairs);
  std::string_view left = trimmed_view(text);
  while (left.size() > 2 && (left.front() == '"' || left.front() == '\'' || left.front() == '`') &&
         left.back() == left.front())
    left = trimmed_view(left.substr(1, left.size() - 2));
  if (left.ends_with("()")) left.remove_suffix(2);
  const auto meant = tool_of_form(left, tools);
  if (!meant.empty() && text != meant)
    repairs.add(repair::kToolName, shown_name(name) + " for \"" + meant + '"');
  return meant;
}

MendedCall mend_call(const WrittenCall& call, const ToolMap& tools, bool was_cut) {
  MendedCall mended;
  mended.repairs = call.repairs;
  const auto meant = meant_tool(call.name, tools, mended.repairs);
  if (meant.empty()) {
    mended.decoded.problem = no_such_tool(call.name, tools);
    return mended;
  }
  const auto& tool = tools.find(meant)->second;
  const auto refuse = [&](const std::string& problem) {
    mended.decoded.problem = meant + ": " + problem + ". It takes " + tool->arguments().shape();
    return std::move(mended);
  };
  if (!call.problem.empty()) return refuse(call.problem);
  const auto text = trimmed_view(call.arguments);
  const bool nothing = tool->arguments().properties().empty() && (text == "null" || text == "\"\"");
  auto objects = objects_in(nothing ? "" : call.arguments, was_cut);
  if (objects.items.empty()) return refuse(objects.problem);
  auto& item = objects.items.front();
  Fitted fitted = fit_arguments(std::move(item.members), call.beside, call.flat, *tool);
  if (!fitted.problem.empty()) return refuse(fitted.problem);
  mended.repairs.add(objects.repairs);
  mended.repairs.add(item.repairs);
  mended.repairs.add(fitted.repairs);
  if (nothing) mended.repairs.add(repair::kArgumentType, "no object of arguments");
  if (objects.items.size() > 1)
    mended.repairs.add(repair::kExtraCall,
                       "one of " + std::to_string(objects.items.size()) + " objects");
  mended.name = meant;
  mended.arguments = std::move(fitted.text);
  mended.thoughts = std::move(fitted.thoughts);
  mended.decoded = {tool, std::move(fitted.arguments), fitted.wide ? mended.arguments : "",
                    fitted.request_heartbeat, ""};
  return mended;
}

}  // namespace memgpt
