#include "agent/tool_rules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "error.h"
#include "memory/json.h"
#include "memory/text.h"

namespace memgpt {

namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> names_of(const json::object& rule, std::string_view field) {
  std::vector<std::string> names;
  if (const auto* list = rule.if_contains(field); list != nullptr && list->is_array())
    for (const auto& name : list->get_array())
      if (name.is_string()) names.emplace_back(name.get_string());
  return names;
}

// Rules without them would let nothing be called, or anything.
void check_children(const json::object& rule) {
  const auto* list = rule.if_contains("children");
  const auto is_text = [](const json::value& name) { return name.is_string(); };
  if (list == nullptr || !list->is_array() ||
      !std::all_of(list->get_array().begin(), list->get_array().end(), is_text))
    throw InvalidInput("a rule " + string_or(rule, "type") +
                       " needs \"children\", a list of tools' names");
}

// Those that are kept already go without: past contexts were made with them.
void check_mapping(const json::value& item) {
  const auto& rule = item.get_object();
  const auto* map = rule.if_contains("child_output_mapping");
  if (string_or(rule, "type") == "conditional" && (map == nullptr || !map->is_object()))
    throw InvalidInput(
        "a rule conditional needs \"child_output_mapping\", an object of tools' names by results");
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

}  // namespace

ToolRules::Kind ToolRules::kind_of(std::string_view type) {
  static constexpr std::array<std::pair<std::string_view, Kind>, 8> kKinds = {
      {{"run_first", Kind::run_first},
       {"exit_loop", Kind::exit_loop},
       {"continue_loop", Kind::continue_loop},
       {"required_before_exit", Kind::required_before_exit},
       {"constrain_child_tools", Kind::constrain_child_tools},
       {"parent_last_tool", Kind::parent_last_tool},
       {"max_count_per_step", Kind::max_count_per_step},
       {"conditional", Kind::conditional}}};
  std::string names;
  for (const auto& [name, kind] : kKinds) {
    if (name == type) return kind;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  throw InvalidInput("a tool rule's \"type\" must be one of " + names + ", not \"" +
                     std::string(utf8_prefix(type, 100)) + '"');
}

ToolRules::Rule ToolRules::rule_of(const json::value& item) {
  if (!item.is_object()) throw InvalidInput("a tool rule must be an object");
  const auto& object = item.get_object();
  Rule rule;
  rule.kind = kind_of(string_or(object, "type"));
  rule.tool = string_or(object, "tool_name");
  if (rule.tool.empty()) throw InvalidInput("a tool rule needs a \"tool_name\"");
  if (rule.kind == Kind::constrain_child_tools || rule.kind == Kind::parent_last_tool)
    check_children(object);
  rule.children = names_of(object, "children");
  rule.limit = int_or(object, "max_count_limit", 0);
  if (rule.kind == Kind::max_count_per_step && rule.limit < 1)
    throw InvalidInput("a rule max_count_per_step needs a \"max_count_limit\" of 1 or more");
  if (const auto* map = object.if_contains("child_output_mapping");
      map != nullptr && map->is_object())
    for (const auto& [output, child] : map->get_object())
      rule.by_output[std::string(output)] = text_of(child);
  rule.default_child = string_or(object, "default_child");
  const auto* needs = object.if_contains("require_output_mapping");
  rule.needs_output = needs != nullptr && *needs == true;
  return rule;
}

ToolRules::ToolRules(std::string_view json, bool strict) {
  if (json.empty()) return;
  boost::system::error_code failed;
  const auto value = json::parse(json, failed);
  if (failed || !value.is_array()) {
    if (strict) throw InvalidInput("tool rules must be a list");
    return;
  }
  for (const auto& item : value.get_array()) {
    try {
      auto rule = rule_of(item);
      if (strict) check_mapping(item);
      rules_.push_back(std::move(rule));
    } catch (const InvalidInput&) {
      if (strict) throw;
    }
  }
}

ToolRules ToolRules::read(std::string_view json) { return {json, false}; }

bool ToolRules::allows(const Rule& rule, const std::vector<CalledTool>& called,
                       const std::string& name) {
  const bool was_last = !called.empty() && called.back().name == rule.tool;
  switch (rule.kind) {
    case Kind::constrain_child_tools: return !was_last || contains(rule.children, name);
    case Kind::parent_last_tool: return contains(rule.children, name) == was_last;
    case Kind::max_count_per_step:
      return name != rule.tool ||
             std::count_if(called.begin(), called.end(),
                           [&](const auto& call) { return call.name == name; }) < rule.limit;
    case Kind::conditional: {
      if (!was_last) return true;
      const auto found = rule.by_output.find(called.back().result);
      if (found != rule.by_output.end()) return name == found->second;
      if (!rule.default_child.empty()) return name == rule.default_child;
      return !rule.needs_output;
    }
    default: return true;
  }
}

bool ToolRules::allows(const std::vector<CalledTool>& called, const std::string& name) const {
  bool any_first = false;
  bool is_first = false;
  for (const auto& rule : rules_) {
    if (!allows(rule, called, name)) return false;
    any_first = any_first || rule.kind == Kind::run_first;
    is_first = is_first || (rule.kind == Kind::run_first && rule.tool == name);
  }
  return !called.empty() || !any_first || is_first;
}

std::string ToolRules::line(const Rule& rule, const std::string& name) {
  const bool own = rule.tool == name;
  const bool child = contains(rule.children, name);
  switch (rule.kind) {
    case Kind::run_first: return own ? "Call this tool first." : "";
    case Kind::exit_loop: return own ? "This tool ends the turn." : "";
    case Kind::continue_loop: return own ? "The turn goes on after this tool." : "";
    case Kind::required_before_exit: return own ? "Call this tool before the turn ends." : "";
    case Kind::constrain_child_tools:
      return own ? "After this tool, call one of: " + joined(rule.children) + "." : "";
    case Kind::parent_last_tool:
      if (own) return "After this tool, call one of: " + joined(rule.children) + ".";
      return child ? "Call this tool only right after " + rule.tool + "." : "";
    case Kind::max_count_per_step:
      return own ? "Call this tool at most " + std::to_string(rule.limit) + " times in a turn."
                 : "";
    case Kind::conditional: {
      if (!own) return "";
      std::string text = "What to call after this tool depends on its result:";
      for (const auto& [output, tool] : rule.by_output)
        text += " \"" + output + "\": " + tool + ";";
      return text + " else " +
             (!rule.default_child.empty() ? rule.default_child
              : rule.needs_output         ? "none"
                                          : "any") +
             ".";
    }
  }
  return "";
}

std::string ToolRules::told(const std::string& name) const {
  std::string lines;
  for (const auto& rule : rules_)
    if (const auto one = line(rule, name); !one.empty()) lines += '\n' + one;
  return lines;
}

std::string ToolRules::violation(const std::vector<CalledTool>& called, const std::string& name,
                                 const std::vector<std::string>& offered) const {
  if (rules_.empty() || allows(called, name)) return "";
  std::string names;
  for (const auto& other : offered)
    if (allows(called, other)) names += (names.empty() ? "'" : ", '") + other + '\'';
  return "[ToolConstraintError] Cannot call " + name + ", valid tools include: [" + names + "].";
}

std::vector<std::string> ToolRules::missing(const std::vector<CalledTool>& called,
                                            const std::vector<std::string>& offered) const {
  std::vector<std::string> names;
  for (const auto& rule : rules_) {
    if (rule.kind != Kind::required_before_exit || !contains(offered, rule.tool)) continue;
    if (std::none_of(called.begin(), called.end(),
                     [&](const CalledTool& call) { return call.name == rule.tool; }))
      names.push_back(rule.tool);
  }
  return names;
}

std::optional<ToolRules::After> ToolRules::after(const std::string& name) const {
  std::optional<After> after;
  for (const auto& rule : rules_) {
    if (rule.tool != name) continue;
    if (rule.kind == Kind::exit_loop) return After::ends;
    if (rule.kind == Kind::continue_loop || rule.kind == Kind::constrain_child_tools ||
        rule.kind == Kind::conditional)
      after = After::goes_on;
  }
  return after;
}

ToolSchema shown_schema(const ToolSchema& schema, const AgentConfig& config,
                        const ToolRules& rules) {
  auto shown = inject_arguments(schema, config.reasoning == "argument");
  shown.description += rules.told(schema.name);
  return shown;
}

}  // namespace memgpt
