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

}  // namespace

std::vector<std::shared_ptr<Tool>> base_tools() {
  auto tools = builtin_tools();
  for (const auto* const type : {kAgentV1, kAgentV2})
    for (auto& tool : memory_tools(type)) tools.push_back(std::move(tool));
  for (auto& tool : service_tools()) tools.push_back(std::move(tool));
  return tools;
}

std::string base_tool_id(std::string_view name) {
  const auto hex = to_hex(sha256("tool " + std::string(name)));
  return "tool-" + hex.substr(0, 8) + '-' + hex.substr(8, 4) + "-4" + hex.substr(13, 3) + "-8" +
         hex.substr(17, 3) + '-' + hex.substr(20, 12);
}

std::optional<Card> tool_card(ServerApi& api, const std::string& name) {
  for (auto& card : api.home().journal()->cards("tool"))
    if (card.name == name) return std::move(card);
  return std::nullopt;
}

std::shared_ptr<Tool> tool_named(ServerApi& api, const std::string& name) {
  for (auto& tool : base_tools())
    if (tool->schema().name == name) return std::move(tool);
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

json::object tool_json(ServerApi& api, const ToolConfig& tool) {
  const auto& name = tool.schema.name;
  const bool own = tool.origin != "user";
  const std::string type(own ? kind_of(name) : "custom");
  json::object out = {
      {"id", base_tool_id(name)},
      {"name", name},
      {"tool_type", type},
      {"source_type", "python"},
      {"source_code", nullptr},
      {"description", tool.schema.description},
      {"json_schema",
       {{"name", name},
        {"description", tool.schema.description},
        {"parameters", object_of(tool.schema.parameters)}}},
      {"args_json_schema", nullptr},
      {"tags", own ? json::array{json::value(type)} : json::array()},
      {"return_char_limit", 50000},
      {"pip_requirements", nullptr},
      {"npm_requirements", nullptr},
      {"default_requires_approval", nullptr},
      {"enable_parallel_execution", false},
      {"metadata_", json::object()},
      {"project_id", nullptr},
      {"created_by_id", nullptr},
      {"last_updated_by_id", nullptr}};
  if (own) return out;
  if (const auto card = tool_card(api, name)) {
    out["id"] = card->id;
    for (const auto& [key, value] : object_of(card->json)) out[key] = value;
  }
  return out;
}

}  // namespace memgpt
