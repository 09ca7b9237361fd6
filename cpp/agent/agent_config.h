// What an agent is made of, as the journal keeps it: names and schemas, never code.
#pragma once

#include <string>
#include <vector>

#include "agent/tool.h"
#include "memory/request.h"

namespace memgpt {

// Types of agents: by which tools they edit core memory.
inline constexpr const char* kAgentV1 = "memgpt_agent";  // core_memory_append, core_memory_replace
inline constexpr const char* kAgentV2 = "memgpt_v2_agent";  // memory_insert, memory_replace ...

struct ToolConfig {
  ToolSchema schema;
  std::string origin;   // builtin, memory, user
  std::string effects;  // none, outside
  std::string fingerprint;
  friend bool operator==(const ToolConfig& a, const ToolConfig& b) {
    return a.schema.name == b.schema.name && a.schema.description == b.schema.description &&
           a.schema.parameters == b.schema.parameters && a.origin == b.origin &&
           a.effects == b.effects && a.fingerprint == b.fingerprint;
  }
};

[[nodiscard]] ToolConfig tool_config(const Tool& tool);

// An archive that agents share, attached to one.
struct AttachedArchive {
  std::string id;
  bool read_only = false;
  friend bool operator==(const AttachedArchive&, const AttachedArchive&) = default;
};

struct AgentConfig {
  std::string agent_type = kAgentV1;
  std::string system_prompt;
  std::string model;
  std::string tokenizer;   // the counter's name
  std::string summarizer;  // the model that writes summaries; empty = the agent's own
  std::string embedding;
  int embedding_dimension = 0;
  std::string archival_store;  // of the program's own; empty = none
  std::string policy;
  std::string policy_parameters = "{}";
  std::string memory_class;
  int context_window = 0;
  int max_steps = 50;
  std::string reasoning = "argument";  // see Reasoning
  std::string timezone = "UTC";        // of dates in words, and of times that searches show
  std::vector<ToolConfig> tools;       // in the order in which the model sees them
  std::vector<AttachedArchive> archives;
  std::string tool_rules;  // a JSON array, see tool_rules.h; may be empty
  // What people say of the agent; the kernel makes no use of it but for model_parameters().
  std::string description;
  std::vector<std::string> tags;
  std::string metadata;  // a JSON object; may be empty
  std::string settings;  // the same: what clients of the server set, and read again
  friend bool operator==(const AgentConfig&, const AgentConfig&) = default;
};

[[nodiscard]] std::string to_json(const AgentConfig& config);
// Throws StoreError where the text is not a configuration.
[[nodiscard]] AgentConfig agent_config_from_json(std::string_view text);

}  // namespace memgpt
