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
  for (auto& card : api.home().journal()->cards("tool"))
    if (card.name == name) return std::move(card);
  return std::nullopt;
}

std::shared_ptr<Tool> base_tool(std::string_view name) {
  for (auto& tool : base_tools())
    if (tool->schema().name == name) return std::move(tool);
  return nullptr;
}

std::shared_ptr<Tool> tool_named(ServerApi& api, const std::string& name) {
  if (auto tool = base_tool(name)) return tool;
  if (const auto card = tool_card(api, name)) return source_tool(api, *card);
  throw Refusal(404, "Tool with name " + name + " not found.");
}

std::shared_ptr<Tool> tool_by_id(ServerApi& api, const std::string& id) {
  check_id(id, "tool");
  for (auto& tool : base_tools())
    if (base_tool_id(tool->schema().name) == id) return std::move(tool);
  if (const auto card = api.home().journal()->card("tool", id)) return source_tool(api, *card);
  throw Refusal(404, "Tool with id " + id + " not found.");
}

Card card_by_id(ServerApi& api, const std::string& id) {
  const auto tool = tool_by_id(api, id);
  if (auto card = api.home().journal()->card("tool", id)) return *std::move(card);
  throw Refusal(400, "\"" + tool->schema().name +
                         "\" is one of the tools that are there by themselves: it cannot be "
                         "changed or deleted");
}

json::object tool_json(ServerApi& api, const ToolConfig& tool) {
  if (is_source_tool(tool))
    if (const auto card = tool_card(api, tool.schema.name)) return card_json(*card);
  const bool own = tool.origin != "user";
  return wire_form(tool.schema, base_tool_id(tool.schema.name),
                   own ? kind_of(tool.schema.name) : "custom");
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
