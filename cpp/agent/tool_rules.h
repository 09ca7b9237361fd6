// Rules that a client set for the order in which an agent calls its tools.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/agent_config.h"
#include "memory/json.h"

namespace memgpt {

// A call of a turn that was run.
struct CalledTool {
  std::string name;
  std::string result;
};

class ToolRules {
 public:
  // A JSON array of objects with a "type" and a "tool_name", as the Letta API has them; empty =
  // none. Throws InvalidInput for what is no rule, or one that is not known.
  explicit ToolRules(std::string_view json) : ToolRules(json, true) {}
  // Those of a configuration, without what is no rule: it may be of a newer version, or of a file
  // that somebody else wrote, and the agent can still talk.
  [[nodiscard]] static ToolRules read(std::string_view json);

  [[nodiscard]] bool empty() const { return rules_.empty(); }
  // What the model is told of a tool before it calls any: a line for each rule, or "".
  [[nodiscard]] std::string told(const std::string& name) const;
  // What the model is told where it may not call a tool now; empty: it may. `called`: in this turn,
  // in order; `offered`: the names of all tools.
  [[nodiscard]] std::string violation(const std::vector<CalledTool>& called,
                                      const std::string& name,
                                      const std::vector<std::string>& offered) const;
  // Tools that have to be called before the turn may end, and were not.
  [[nodiscard]] std::vector<std::string> missing(const std::vector<CalledTool>& called,
                                                 const std::vector<std::string>& offered) const;
  // What a call that did not fail says of the turn; none: nothing, the model decides.
  enum class After { ends, goes_on };
  [[nodiscard]] std::optional<After> after(const std::string& name) const;

 private:
  enum class Kind {
    run_first,
    exit_loop,
    continue_loop,
    required_before_exit,
    constrain_child_tools,
    parent_last_tool,
    max_count_per_step,
    conditional
  };
  struct Rule {
    Kind kind;
    std::string tool;
    std::vector<std::string> children;
    std::int64_t limit = 0;
    std::map<std::string, std::string> by_output;
    std::string default_child;
    bool needs_output = false;
  };
  ToolRules(std::string_view json, bool strict);
  [[nodiscard]] static Rule rule_of(const json::value& item);
  [[nodiscard]] static Kind kind_of(std::string_view type);
  [[nodiscard]] bool allows(const std::vector<CalledTool>& called, const std::string& name) const;
  [[nodiscard]] static bool allows(const Rule& rule, const std::vector<CalledTool>& called,
                                   const std::string& name);

  [[nodiscard]] static std::string line(const Rule& rule, const std::string& name);

  std::vector<Rule> rules_;
};

// As the model sees it: with the injected arguments, and what the rules say behind its description.
[[nodiscard]] ToolSchema shown_schema(const ToolSchema& schema, const AgentConfig& config,
                                      const ToolRules& rules);

}  // namespace memgpt
