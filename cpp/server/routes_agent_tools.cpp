// Tools of an agent: listed, attached, detached, run.
#include <algorithm>

#include "server/api.h"
#include "server/refusal.h"
#include "server/tool_library.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr std::string_view kAgent =
    R"({"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]})";

ServerResponse agent_response(ServerApi& api, Agent& agent) {
  return {200, json::serialize(agent_json(api, agent))};
}

ServerResponse list_agent_tools(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  std::vector<json::object> tools;
  for (const auto& tool : agent->config().tools) tools.push_back(tool_json(api, tool));
  json::array out;
  for (auto& tool : paged(std::move(tools), page_of(call, 100), [](const json::object& one) {
         return std::string_view(one.at("id").get_string());
       }))
    out.push_back(std::move(tool));
  return {200, json::serialize(out)};
}

ServerResponse attach(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  const auto& id = call.at("tool_id");
  if (!tool_of_agent(api, agent->config(), id)) agent->add_tool(tool_by_id(api, id));
  return agent_response(api, *agent);
}

// A function of a program stays known where the last agent that has it loses it.
void keep_function(ServerApi& api, Agent& agent, const ToolConfig& tool) {
  if (tool.origin != "user" || is_source_tool(tool)) return;
  for (const auto& bound : agent.bound_tools())
    if (bound->schema().name == tool.schema.name && !bound->for_one_agent())
      api.source_bindings().keep(bound);
}

// One that it does not have is not there afterwards either.
ServerResponse detach(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  const auto& id = call.at("tool_id");
  if (const auto tool = tool_of_agent(api, agent->config(), id)) {
    keep_function(api, *agent, *tool);
    agent->remove_tool(tool->schema.name);
  } else {
    static_cast<void>(tool_json_by_id(api, id));  // 404 where there is none
  }
  return agent_response(api, *agent);
}

const ToolConfig& tool_of(const AgentConfig& config, const std::string& name) {
  for (const auto& tool : config.tools)
    if (tool.schema.name == name) return tool;
  throw Refusal(404, "Tool with name " + name + " not found for this agent.");
}

// The value itself where JSON has it.
json::value returned(const ToolResult& result) {
  if (result.failed) return nullptr;
  boost::system::error_code failed;
  auto value = result.json.empty() ? json::value() : json::parse(result.json, failed);
  return result.json.empty() || failed ? json::value(valid_utf8(result.text)) : value;
}

// Of a call that failed: what it wrote, and then why.
std::string told_errors(const json::value& lines, const std::string& why) {
  std::string text;
  if (lines.is_array())
    for (const auto& line : lines.get_array())
      if (line.is_string()) text += std::string(line.get_string());
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text + why;
}

ServerResponse run(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  const auto& name = call.at("tool_name");
  const auto arguments = call.body_object("args");
  const auto config = agent->config();
  if (is_source_tool(tool_of(config, name)) && !api.sources()->allowed())
    throw Refusal(403, not_allowed_text());
  const auto result = agent->run_tool_now(name, arguments);
  const auto printed = object_of(result.printed);
  const auto list = [&](const char* stream) {
    const auto* lines = printed.if_contains(stream);
    return lines == nullptr ? json::value() : *lines;
  };
  auto errors = list("stderr");
  if (result.failed) errors = json::array{told_errors(errors, valid_utf8(result.text))};
  return {200, json::serialize(json::object{{"status", result.failed ? "error" : "success"},
                                            {"func_return", returned(result)},
                                            {"stdout", list("stdout")},
                                            {"stderr", std::move(errors)},
                                            {"sandbox_config_fingerprint", nullptr},
                                            {"agent_state", agent_json(api, *agent)}})};
}

}  // namespace

void add_agent_tool_routes(Router& router, ServerApi& api) {
  router.add({"GET",
              "/v1/agents/{agent_id}/tools",
              "list_agent_tools",
              "Tools of an agent",
              answering([&api](Call& call) { return list_agent_tools(api, call); }),
              page_query(),
              {},
              R"({"type": "array", "items": {"type": "object"}})"});
  router.add({"PATCH",
              "/v1/agents/{agent_id}/tools/attach/{tool_id}",
              "attach_tool",
              "Give a tool to an agent",
              api.in_line([&api](Call& call) { return attach(api, call); }),
              {},
              {},
              kAgent});
  router.add({"PATCH",
              "/v1/agents/{agent_id}/tools/detach/{tool_id}",
              "detach_tool",
              "Take a tool from an agent",
              api.in_line([&api](Call& call) { return detach(api, call); }),
              {},
              {},
              kAgent});
  router.add({"PATCH",
              "/v1/agents/{agent_id}/tools/approval/{tool_name}",
              "modify_approval",
              "Not served: have a tool wait for an approval",
              answering([](Call&) -> ServerResponse {
                throw Refusal(501, "approvals of tool calls are not served yet");
              }),
              {{"requires_approval", R"({"type": "boolean"})"}}});
  router.add({"POST",
              "/v1/agents/{agent_id}/tools/{tool_name}/run",
              "run_tool_for_agent",
              "Run a tool of an agent, outside of a conversation",
              api.aside([&api](Call& call) { return run(api, call); }),
              {},
              R"({"type": "object", "properties": {"args": {"type": "object"}}})",
              R"({"type": "object", "properties": {"status": {"type": "string"}},
                 "required": ["status"]})"});
}

}  // namespace memgpt
