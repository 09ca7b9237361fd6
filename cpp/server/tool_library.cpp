#include "server/tool_library.h"

#include "agent/builtin_tools.h"
#include "memory/text.h"
#include "server/api.h"
#include "server/refusal.h"
#include "server/source_tools.h"
#include "server/wire.h"

namespace memgpt {

namespace {

std::string_view kind_of(std::string_view name) {
  if (name.starts_with("core_memory_")) return "letta_memory_core";
  if (name.starts_with("memory_")) return "letta_sleeptime_core";
  for (const auto& tool : service_tools())
    if (tool->schema().name == name) return "letta_builtin";
  return "letta_core";
}

json::object wire_form(const ToolSchema& schema, const std::string& id, std::string_view type) {
  return {{"id", id},
          {"name", schema.name},
          {"tool_type", type},
          {"source_type", "python"},
          {"source_code", nullptr},
          {"description", schema.description},
          {"json_schema",
           {{"name", schema.name},
            {"description", schema.description},
            {"parameters", object_of(schema.parameters)}}},
          {"args_json_schema", nullptr},
          {"tags", type == "custom" ? json::array() : json::array{json::value(type)}},
          {"return_char_limit", 50000},
          {"pip_requirements", nullptr},
          {"npm_requirements", nullptr},
          {"default_requires_approval", nullptr},
          {"enable_parallel_execution", false},
          {"metadata_", json::object()},
          {"project_id", nullptr},
          {"created_by_id", nullptr},
          {"last_updated_by_id", nullptr}};
}

// A function of a program, and the agents that have it.
struct ProgramTool {
  ToolConfig config;
  std::vector<std::string> agents;
};

// Its id is made of its name: there is nothing of it but what agents have.
std::optional<ProgramTool> program_tool(ServerApi& api, const std::string& id) {
  const auto journal = api.home().journal();
  std::optional<ProgramTool> found;
  for (const auto& row : journal->agents())
    for (auto& tool : agent_config_from_json(journal->newest_config(row.id)).tools) {
      if (tool.origin == "builtin" || is_source_tool(tool) || base_tool_id(tool.schema.name) != id)
        continue;
      if (!found) found = ProgramTool{tool, {}};
      found->agents.push_back(row.id);
    }
  return found;
}

// As one of its agents has it. Throws Refusal (400) where none has, or it is of use to that one
// alone.
std::shared_ptr<Tool> bound_tool(ServerApi& api, const ProgramTool& own) {
  const auto& name = own.config.schema.name;
  for (const auto& id : own.agents) {
    try {
      for (auto& tool : api.home().agent_by_id(id)->bound_tools()) {
        if (tool->schema().name != name) continue;
        if (!tool->for_one_agent()) {
          api.source_bindings().keep(tool);
          return std::move(tool);
        }
        throw Refusal(400, '"' + name +
                               "\" is a function of a program that works on the agent it was given "
                               "to: the program has to give it to another one");
      }
    } catch (const AgentNotFound&) {  // deleted meanwhile
      continue;
    }
  }
  if (auto kept = api.source_bindings().kept(base_tool_id(name));
      kept && tool_config(*kept) == own.config)
    return kept;
  throw Refusal(400, '"' + name +
                         "\" is a function of a program, which has not opened the agent that has "
                         "it: only the program can give it to another one");
}

}  // namespace

std::vector<std::shared_ptr<Tool>> base_tools() {
  auto tools = builtin_tools();
  for (const auto* const type : {kAgentV1, kAgentV2})
    for (auto& tool : memory_tools(type)) tools.push_back(std::move(tool));
  for (auto& tool : service_tools()) tools.push_back(std::move(tool));
  return tools;
}

std::string base_tool_id(std::string_view name) {
  return id_of("tool", "tool " + std::string(name));
}

std::optional<Card> tool_card(ServerApi& api, const std::string& name) {
  return api.home().journal()->tool_card(name);
}

std::shared_ptr<Tool> base_tool(std::string_view name) {
  for (auto& tool : base_tools())
    if (tool->schema().name == name) return std::move(tool);
  return nullptr;
}

std::shared_ptr<Tool> base_tool_by_id(const std::string& id) {
  for (auto& tool : base_tools())
    if (base_tool_id(tool->schema().name) == id) return std::move(tool);
  return nullptr;
}

std::shared_ptr<Tool> tool_named(ServerApi& api, const std::string& name) {
  if (auto tool = base_tool(name)) return tool;
  if (const auto card = tool_card(api, name)) return source_tool(api, *card);
  if (const auto own = program_tool(api, base_tool_id(name))) return bound_tool(api, *own);
  if (auto kept = api.source_bindings().kept(base_tool_id(name))) return kept;
  throw Refusal(404, "Tool with name " + name + " not found.");
}

std::shared_ptr<Tool> tool_by_id(ServerApi& api, const std::string& id) {
  check_id(id, "tool");
  if (auto tool = base_tool_by_id(id)) return tool;
  if (const auto card = api.home().journal()->card("tool", id)) return source_tool(api, *card);
  if (const auto own = program_tool(api, id)) return bound_tool(api, *own);
  if (auto kept = api.source_bindings().kept(id)) return kept;
  throw Refusal(404, "Tool with id " + id + " not found.");
}

Card card_by_id(ServerApi& api, const std::string& id) {
  if (auto card = api.home().journal()->card("tool", id)) return *std::move(card);
  const auto name = string_or(tool_json_by_id(api, id), "name");
  if (base_tool_by_id(id))
    throw Refusal(400, '"' + name +
                           "\" is one of the tools that are there by themselves: it cannot be "
                           "changed");
  throw Refusal(400, '"' + name +
                         "\" is a function of a program: it is changed there, and detached from "
                         "an agent, but not deleted");
}

json::object tool_json(ServerApi& api, const ToolConfig& tool) {
  if (is_source_tool(tool))
    if (const auto card = tool_card(api, tool.schema.name)) return card_json(*card);
  const bool own = tool.origin != "user";
  return wire_form(tool.schema, base_tool_id(tool.schema.name),
                   own ? kind_of(tool.schema.name) : "custom");
}

json::object tool_json_by_id(ServerApi& api, const std::string& id) {
  check_id(id, "tool");
  if (const auto tool = base_tool_by_id(id)) return tool_json(api, tool_config(*tool));
  if (const auto card = api.home().journal()->card("tool", id)) return card_json(*card);
  if (const auto own = program_tool(api, id)) return tool_json(api, own->config);
  if (const auto kept = api.source_bindings().kept(id)) return tool_json(api, tool_config(*kept));
  throw Refusal(404, "Tool with id " + id + " not found.");
}

std::optional<ToolConfig> tool_of_agent(ServerApi& api, const AgentConfig& config,
                                        const std::string& id) {
  for (const auto& tool : config.tools)
    if (string_or(tool_json(api, tool), "id") == id) return tool;
  return std::nullopt;
}

json::object card_json(const Card& card) {
  const auto fields = object_of(card.json);
  auto out = wire_form({card.name, string_or(fields, "description"), "{}"}, card.id, "custom");
  for (const auto& [key, value] : fields) out[key] = value;
  return out;
}

std::vector<json::object> all_tools(ServerApi& api) {
  std::vector<json::object> tools;
  for (const auto& tool : base_tools()) tools.push_back(tool_json(api, tool_config(*tool)));
  for (const auto& card : api.home().journal()->cards("tool")) tools.push_back(card_json(card));
  return tools;
}

}  // namespace memgpt
