// A function that the model may call.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "agent/argument_schema.h"
#include "memory/json.h"
#include "memory/request.h"

namespace memgpt {

class ToolScope;

// What a call does outside of the journal. A call with outside effects is journalled before it
// runs.
enum class Effects { none, outside };

// Where a tool comes from: it decides who binds it when an agent is opened again.
enum class ToolOrigin { builtin, memory, user };

struct ToolResult {
  bool failed = false;
  std::string text;
  // What it wrote beside its result, which no model sees: a JSON object of lists, "stdout" and
  // "stderr"; empty = nothing. It is kept of calls with outside effects.
  std::string printed = {};
  // The result as JSON, for a user who runs the tool; empty = the text says it all.
  std::string json = {};
};

class Tool {
 public:
  virtual ~Tool() = default;
  // Without the injected arguments.
  [[nodiscard]] virtual const ToolSchema& schema() const = 0;
  [[nodiscard]] virtual Effects effects() const { return Effects::none; }
  // A call that was broken off may be run again, with the same key: it does not act twice.
  [[nodiscard]] virtual bool idempotent() const { return false; }
  [[nodiscard]] virtual ToolOrigin origin() const { return ToolOrigin::builtin; }
  // It does its work on one agent, and cannot be given to another one.
  [[nodiscard]] virtual bool for_one_agent() const { return false; }
  // The argument that models mean where they write this name, which it does not have; empty: none.
  [[nodiscard]] virtual std::string_view argument_meant(std::string_view /*written*/) const {
    return {};
  }
  // Changes whenever the code does; names the code in the journal.
  [[nodiscard]] virtual std::string fingerprint() const { return ""; }
  // `arguments` were checked against the schema; the injected ones are taken out. An Error that
  // it throws is fed back to the model as a failure.
  [[nodiscard]] virtual ToolResult run(ToolScope& scope, const json::object& arguments) = 0;

  // The schema, read when it is first asked for. Throws ToolError where it is none.
  [[nodiscard]] const ArgumentSchema& arguments() const;

 private:
  mutable std::once_flag read_;
  mutable std::unique_ptr<const ArgumentSchema> arguments_;
};

// The schema that the model sees: `thinking` first, unless it thinks elsewhere, `request_heartbeat`
// last. Throws ToolError where the schema is not an object or uses one of the two names itself.
[[nodiscard]] ToolSchema inject_arguments(const ToolSchema& schema, bool thinking = true);

}  // namespace memgpt
