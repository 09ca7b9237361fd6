// Tools that a user runs, outside of any turn.
#include "agent/agent.h"
#include "agent/turn_run.h"
#include "error.h"

namespace memgpt {

namespace {

bool did_something(const Commit& commit) {
  return !commit.blocks.empty() || !commit.passages.empty() || !commit.retired.empty() ||
         !commit.archives.empty();
}

}  // namespace

const std::string& ToolScope::agent_id() const { return agent_.id(); }

ToolResult Agent::run_tool_now(const std::string& name, const std::string& arguments) {
  check_not_past();
  const auto parts = this->parts();
  if (!parts->tools.contains(name))
    throw ToolNotFound("agent \"" + this->name() + "\" has no tool \"" +
                       std::string(utf8_prefix(name, 100)) + "\" that can be run");
  const auto decoded = decode_call({"", name, arguments}, parts->tools);
  if (!decoded.tool) return {true, decoded.problem};
  if (decoded.tool->origin() == ToolOrigin::user) {
    // It may take long, and the agent can talk meanwhile.
    WriteSet dropped;
    dropped.state = state();
    std::vector<std::string> found;
    const auto key = decoded.tool->idempotent() ? home_->environment().new_uuid() : "";
    ToolScope scope(*this, dropped, dropped.state.next_position, found, key, decoded.exact);
    try {
      return decoded.tool->run(scope, decoded.arguments);
    } catch (const Error& error) {
      return {true, error.what()};
    }
  }
  const auto hold = take_turn();
  for (int tries = 0;; ++tries) {
    refresh();
    WriteSet writes = begin("edit", "user");
    TurnRun run;
    run.begin_position = writes.state.next_position;
    auto result = run_on(run, writes, decoded, "");
    if (result.failed || !did_something(writes.commit)) return result;
    try {
      commit(writes);
      return result;
    } catch (const Conflict&) {
      if (tries == kMaxOvertaken) throw;
    }
  }
}

}  // namespace memgpt
