#include "server/rule_bodies.h"

#include <algorithm>

#include "agent/tool_rules.h"
#include "error.h"
#include "server/call.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

// Null and absent are the same.
json::object said(const json::value& rule) {
  json::object kept;
  if (rule.is_object())
    for (const auto& [name, value] : rule.get_object())
      if (!value.is_null()) kept[name] = value;
  return kept;
}

void add_rule(json::array& rules, const json::value& rule) {
  if (std::none_of(rules.begin(), rules.end(),
                   [&](const json::value& other) { return said(other) == said(rule); }))
    rules.push_back(rule);
}

}  // namespace

std::string rules_text(const json::object& body) {
  const auto* list = body::array(body, "tool_rules");
  if (list == nullptr) return "";
  json::array once;
  for (const auto& item : *list) {
    if (!item.is_object()) throw Refusal(422, "a tool rule must be an object");
    const auto& rule = item.get_object();
    if (string_or(rule, "type") == "requires_approval")
      throw Refusal(501, "approvals of tool calls are not served yet: leave out requires_approval");
    for (const char* name : {"args", "child_arg_nodes"})
      if (body::find(rule, name) != nullptr)
        throw Refusal(501, "arguments that a tool rule fills in are not served yet: leave out \"" +
                               std::string(name) + '"');
    add_rule(once, item);
  }
  auto text = json::serialize(once);
  try {
    static_cast<void>(ToolRules(text));
  } catch (const InvalidInput& error) {
    throw Refusal(422, error.what());
  }
  return text;
}

std::string first_rules(const json::object& body, const AgentConfig& config) {
  auto own = rules_text(body);
  const bool has_own = own.size() > 2;  // more than "[]"
  const auto base = body::flag(body, "include_base_tool_rules");
  if (!has_own) return base.value_or(true) ? "" : "[]";
  if (!base.value_or(false)) return own;
  auto rules = json::parse(own).get_array();
  for (const auto& rule : default_rules(config)) add_rule(rules, rule);
  return json::serialize(rules);
}

}  // namespace memgpt
