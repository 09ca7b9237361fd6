#include "agent/agent_config.h"

#include "error.h"
#include "memory/json.h"

namespace memgpt {

ToolConfig tool_config(const Tool& tool) {
  static constexpr std::string_view origins[] = {"builtin", "memory", "user"};
  return {tool.schema(), std::string(origins[static_cast<std::size_t>(tool.origin())]),
          tool.effects() == Effects::none ? "none" : "outside", tool.fingerprint()};
}

std::string to_json(const AgentConfig& config) {
  json::array tools;
  for (const auto& tool : config.tools)
    tools.push_back({{"name", tool.schema.name},
                     {"description", tool.schema.description},
                     {"parameters", tool.schema.parameters},
                     {"origin", tool.origin},
                     {"effects", tool.effects},
                     {"fingerprint", tool.fingerprint}});
  json::object object = {{"agent_type", config.agent_type},
                         {"system", config.system_prompt},
                         {"model", config.model},
                         {"tokenizer", config.tokenizer},
                         {"summarizer", config.summarizer},
                         {"embedding", config.embedding},
                         {"embedding_dimension", config.embedding_dimension},
                         {"policy", config.policy},
                         {"policy_parameters", config.policy_parameters},
                         {"memory_class", config.memory_class},
                         {"context_window", config.context_window},
                         {"max_steps", config.max_steps},
                         {"tools", std::move(tools)}};
  // Configurations from before there were zones, stores and native reasoning stay as they are.
  if (config.reasoning != "argument") object["reasoning"] = config.reasoning;
  if (config.timezone != "UTC") object["timezone"] = config.timezone;
  if (!config.archival_store.empty()) object["archival_store"] = config.archival_store;
  // Nor those from before there were archives that agents share.
  if (!config.archives.empty()) {
    json::array archives;
    for (const auto& archive : config.archives)
      archives.push_back({{"id", archive.id}, {"read_only", archive.read_only}});
    object["archives"] = std::move(archives);
  }
  if (!config.tool_rules.empty()) object["tool_rules"] = config.tool_rules;
  // Nor those from before agents could be described.
  if (!config.description.empty()) object["description"] = config.description;
  if (!config.tags.empty()) object["tags"] = json::array(config.tags.begin(), config.tags.end());
  if (!config.metadata.empty()) object["metadata"] = config.metadata;
  if (!config.settings.empty()) object["settings"] = config.settings;
  return json::serialize(object);
}

AgentConfig agent_config_from_json(std::string_view text) {
  boost::system::error_code error;
  const auto value = json::parse(text, error);
  if (error || !value.is_object())
    throw StoreError("an agent's configuration in this file is not JSON; restore it from a copy");
  const auto& object = value.as_object();
  AgentConfig config;
  config.agent_type = string_or(object, "agent_type", config.agent_type);
  config.system_prompt = string_or(object, "system");
  config.model = string_or(object, "model");
  config.tokenizer = string_or(object, "tokenizer");
  config.summarizer = string_or(object, "summarizer");
  config.embedding = string_or(object, "embedding");
  config.embedding_dimension = static_cast<int>(int_or(object, "embedding_dimension", 0));
  config.archival_store = string_or(object, "archival_store");
  config.policy = string_or(object, "policy");
  config.policy_parameters = string_or(object, "policy_parameters", "{}");
  config.memory_class = string_or(object, "memory_class");
  config.context_window = static_cast<int>(int_or(object, "context_window", 0));
  config.max_steps = static_cast<int>(int_or(object, "max_steps", config.max_steps));
  if (const auto said = string_or(object, "reasoning"); said == "native" || said == "none")
    config.reasoning = said;
  config.timezone = string_or(object, "timezone", config.timezone);
  if (const auto* tools = object.if_contains("tools"); tools != nullptr && tools->is_array()) {
    for (const auto& item : tools->as_array()) {
      if (!item.is_object()) continue;
      const auto& tool = item.as_object();
      config.tools.push_back({{string_or(tool, "name"), string_or(tool, "description"),
                               string_or(tool, "parameters", "{}")},
                              string_or(tool, "origin", "user"),
                              string_or(tool, "effects", "outside"),
                              string_or(tool, "fingerprint")});
    }
  }
  if (const auto* list = object.if_contains("archives"); list != nullptr && list->is_array())
    for (const auto& item : list->as_array())
      if (item.is_object()) {
        const auto* read_only = item.as_object().if_contains("read_only");
        config.archives.push_back(
            {string_or(item.as_object(), "id"), read_only != nullptr && *read_only == true});
      }
  config.tool_rules = string_or(object, "tool_rules");
  config.description = string_or(object, "description");
  if (const auto* tags = object.if_contains("tags"); tags != nullptr && tags->is_array())
    for (const auto& tag : tags->as_array())
      if (tag.is_string()) config.tags.emplace_back(tag.as_string());
  config.metadata = string_or(object, "metadata");
  config.settings = string_or(object, "settings");
  return config;
}

}  // namespace memgpt
