// The tools that edit core memory, as memgpt.memory.ChatMemory has them.
#include <array>

#include "agent/agent.h"
#include "agent/builtin_tools.h"
#include "error.h"
#include "memory/block.h"

namespace memgpt {

namespace {

// The text after the edit, from the text before it.
using Edit = std::string (*)(const std::string& value, const json::object& arguments);

struct MemoryTool {
  const char* agent_type;
  const char* name;
  const char* description;
  const char* parameters;
  const char* label;  // the argument that names the block
  Edit edit;          // null: there is nothing to edit
};

std::string append(const std::string& value, const json::object& arguments) {
  return append_text(value, string_or(arguments, "content"));
}

std::string replace_content(const std::string& value, const json::object& arguments) {
  return replace_text(value, string_or(arguments, "old_content"),
                      string_or(arguments, "new_content"));
}

std::string insert(const std::string& value, const json::object& arguments) {
  const auto line = std::clamp<std::int64_t>(int_or(arguments, "insert_line", -1), -2, 1 << 30);
  return insert_text(value, string_or(arguments, "new_string"), static_cast<int>(line));
}

std::string replace(const std::string& value, const json::object& arguments) {
  return replace_text(value, string_or(arguments, "old_string"),
                      string_or(arguments, "new_string"));
}

std::string rethink(const std::string& /*value*/, const json::object& arguments) {
  return string_or(arguments, "new_memory");
}

constexpr std::array<MemoryTool, 6> kTools = {{
    {kAgentV1, "core_memory_append", "Add a line to a block of core memory.",
     R"({"type": "object", "properties": {"name": {"type": "string", "description": "the block's label."}, "content": {"type": "string", "description": "what to add."}}, "required": ["name", "content"]})",
     "name", append},
    {kAgentV1, "core_memory_replace", "Replace text in a block of core memory.",
     R"({"type": "object", "properties": {"name": {"type": "string", "description": "the block's label."}, "old_content": {"type": "string", "description": "exact text that is there now."}, "new_content": {"type": "string", "description": "what to put in its place; empty to delete."}}, "required": ["name", "old_content", "new_content"]})",
     "name", replace_content},
    {kAgentV2, "memory_insert", "Insert a text into a block of core memory.",
     R"({"type": "object", "properties": {"label": {"type": "string", "description": "the block's label."}, "new_string": {"type": "string", "description": "what to insert."}, "insert_line": {"type": "integer", "description": "the line after which to insert: 0 for the beginning, -1 for the end.", "default": -1}}, "required": ["label", "new_string"]})",
     "label", insert},
    {kAgentV2, "memory_replace", "Replace text in a block of core memory.",
     R"({"type": "object", "properties": {"label": {"type": "string", "description": "the block's label."}, "old_string": {"type": "string", "description": "exact text that is there now."}, "new_string": {"type": "string", "description": "what to put in its place; empty to delete."}}, "required": ["label", "old_string", "new_string"]})",
     "label", replace},
    {kAgentV2, "memory_rethink", "Rewrite a whole block of core memory.",
     R"({"type": "object", "properties": {"label": {"type": "string", "description": "the block's label."}, "new_memory": {"type": "string", "description": "the block's new text."}}, "required": ["label", "new_memory"]})",
     "label", rethink},
    {kAgentV2, "memory_finish_edits", "Say that the memory edits are done.",
     R"({"type": "object", "properties": {}, "required": []})", "", nullptr},
}};

class CoreMemoryTool final : public Tool {
 public:
  CoreMemoryTool(const MemoryTool& tool, std::string fingerprint)
      : tool_(tool),
        schema_{tool.name, tool.description, tool.parameters},
        fingerprint_(std::move(fingerprint)) {}
  [[nodiscard]] const ToolSchema& schema() const override { return schema_; }
  [[nodiscard]] ToolOrigin origin() const override { return ToolOrigin::memory; }
  [[nodiscard]] std::string fingerprint() const override { return fingerprint_; }
  // As the other memory tools call it, and Letta's.
  [[nodiscard]] std::string_view argument_meant(std::string_view written) const override {
    return written == "label" ? tool_.label : "";
  }
  [[nodiscard]] ToolResult run(ToolScope& scope, const json::object& arguments) override {
    if (tool_.edit == nullptr) return {false, "Memory edits finished."};
    const bool changed =
        scope.edit_block(string_or(arguments, tool_.label),
                         [&](const std::string& value) { return tool_.edit(value, arguments); });
    return {false, changed ? "Memory updated." : "No memory was changed."};
  }

 private:
  const MemoryTool& tool_;
  ToolSchema schema_;
  std::string fingerprint_;
};

}  // namespace

std::vector<std::shared_ptr<Tool>> memory_tools(std::string_view agent_type) {
  std::vector<std::shared_ptr<Tool>> tools;
  const std::string_view known = agent_type == kAgentV1 ? kAgentV1 : kAgentV2;
  for (const auto& tool : kTools)
    if (known == tool.agent_type)
      tools.push_back(std::make_shared<CoreMemoryTool>(tool, "builtin"));
  return tools;
}

void bind_own_tools(const AgentConfig& config, ToolMap& tools) {
  for (const auto& offered : {builtin_tools(), service_tools()})
    for (const auto& tool : offered)
      for (const auto& wanted : config.tools)
        if (wanted.origin == "builtin" && wanted.schema.name == tool->schema().name)
          tools.try_emplace(wanted.schema.name, tool);
  if (config.memory_class != kStockMemory) return;
  for (const auto& tool : kTools)
    for (const auto& wanted : config.tools)
      if (wanted.origin == "memory" && wanted.schema.name == tool.name &&
          wanted.schema.parameters == tool.parameters)
        tools.try_emplace(wanted.schema.name,
                          std::make_shared<CoreMemoryTool>(tool, wanted.fingerprint));
}

// True where it is another text then.
bool ToolScope::edit_block(const std::string& label,
                           const std::function<std::string(const std::string& value)>& change) {
  const std::string before = writes_.edit_block(label).block.value;
  const std::string after = change(before);
  writes_.set_value(label, after, "agent", Trust::model, false);
  agent_.refresh_prefix(writes_);
  return after != before;
}

}  // namespace memgpt
