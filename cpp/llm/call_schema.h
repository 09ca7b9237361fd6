// One call as JSON: for servers that keep a reply in a form by a JSON schema, and not by tools.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "llm/provider.h"
#include "memory/request.h"

namespace memgpt {

// What the fields about tools in a request of chat completions say.
struct ToolsForm {
  int string_budget = 0;  // see bounded_parameters(); 0 = the schemas as they are
  std::string tool_choice = "\"required\"";  // JSON; empty = not said
  std::string parallel = "false";            // JSON; empty = not said
  friend bool operator==(const ToolsForm&, const ToolsForm&) = default;
};
// Made anew only where tools or form have changed. Thread-safe.
class ToolsWire {
 public:
  [[nodiscard]] std::shared_ptr<const std::string> of(
      const std::shared_ptr<const CompiledTools>& tools, const ToolsForm& form);

 private:
  std::mutex mutex_;
  std::shared_ptr<const CompiledTools> tools_;
  ToolsForm form_;
  std::shared_ptr<const std::string> wire_;
};

// A tool's JSON schema with a maxLength for each string that has none, and a maxItems for each
// list: under a grammar a small model may write one string without end. `budget`: characters that
// all strings may have together.
[[nodiscard]] std::string bounded_parameters(std::string_view parameters, int budget);

// The schema of {"name": ..., "arguments": {...}} with the arguments of the tool of that name.
[[nodiscard]] std::string call_schema(const std::vector<ToolSchema>& tools, int string_budget);

// A request as a model sees it that is not given tools by its server: they stand in the system
// message, its calls are such objects, and what they returned comes from the user.
[[nodiscard]] std::vector<RequestMessage> messages_without_tools(const Context& context);

}  // namespace memgpt
