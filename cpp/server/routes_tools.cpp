// Tools: the server's own, and those that clients send as source.
#include <algorithm>
#include <set>

#include "memory/text.h"
#include "memory/words.h"
#include "server/api.h"
#include "server/block_bodies.h"
#include "server/refusal.h"
#include "server/tool_bodies.h"
#include "server/tool_library.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr std::string_view kTool = R"({"type": "object", "properties": {
  "id": {"type": "string"}, "name": {"type": "string"}, "tool_type": {"type": "string"},
  "json_schema": {"type": ["object", "null"]}}, "required": ["id", "name"]})";
constexpr std::string_view kTools = R"({"type": "array", "items": {"type": "object"}})";
constexpr std::string_view kRequirements =
    R"({"type": ["array", "null"], "items": {"type": "object", "properties": {
    "name": {"type": "string"}, "version": {"type": ["string", "null"]}}, "required": ["name"]}})";
constexpr const char* kText = R"({"type": "string"})";
constexpr const char* kTexts = R"({"type": "array", "items": {"type": "string"}})";
constexpr const char* kFlag = R"({"type": "boolean"})";

std::string body_schema(const char* required) {
  const std::string requirements(kRequirements);
  return std::string(R"({"type": "object", "properties": {"source_code": {"type": "string"},
  "source_type": {"type": "string", "enum": ["python", "json", "typescript"]},
  "description": {"type": ["string", "null"]},
  "tags": {"type": ["array", "null"], "items": {"type": "string"}},
  "json_schema": {"type": ["object", "null"]}, "args_json_schema": {"type": ["object", "null"]},
  "return_char_limit": {"type": ["integer", "null"], "minimum": 1},
  "pip_requirements": )") +
         requirements + R"(, "npm_requirements": )" + requirements +
         R"(, "default_requires_approval": {"type": ["boolean", "null"]},
  "enable_parallel_execution": {"type": ["boolean", "null"]}},
  "required": [)" +
         required + "]}";
}

std::string_view create_schema() {
  static const std::string schema = body_schema("\"source_code\"");
  return schema;
}

std::string_view update_schema() {
  static const std::string schema = body_schema("");
  return schema;
}

std::string small(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool is_one_of(std::string_view text, const std::vector<std::string>& texts) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

// What a list, and a count, is asked for.
std::vector<json::object> asked_tools(ServerApi& api, const Call& call) {
  auto tools = all_tools(api);
  const auto name = call.asked("name");
  const auto names = call.asked_all("names");
  const auto ids = call.asked_all("tool_ids");
  const auto search = call.asked("search");
  const auto types = call.asked_all("tool_types");
  const auto without = call.asked_all("exclude_tool_types");
  const bool own = call.asked_flag("return_only_letta_tools", false);
  std::erase_if(tools, [&](const json::object& tool) {
    const auto called = string_or(tool, "name");
    const auto type = string_or(tool, "tool_type");
    return (name && called != *name) || (!names.empty() && !is_one_of(called, names)) ||
           (!ids.empty() && !is_one_of(string_or(tool, "id"), ids)) ||
           (search && small(called).find(small(*search)) == std::string::npos) ||
           (!types.empty() && !is_one_of(type, types)) || is_one_of(type, without) ||
           (own && !type.starts_with("letta_"));
  });
  return tools;
}

std::vector<Parameter> list_query(bool paged) {
  std::vector<Parameter> query = {{"name", kText},
                                  {"names", kTexts},
                                  {"tool_ids", kTexts},
                                  {"search", kText},
                                  {"tool_types", kTexts},
                                  {"exclude_tool_types", kTexts},
                                  {"return_only_letta_tools", kFlag}};
  return paged ? page_query(std::move(query)) : query;
}

ServerResponse tools_response(std::vector<json::object> tools) {
  json::array out;
  for (auto& tool : tools) out.push_back(std::move(tool));
  return {200, json::serialize(out)};
}

ServerResponse list_tools(ServerApi& api, Call& call) {
  return tools_response(
      paged(asked_tools(api, call), page_of(call, 100),
            [](const json::object& tool) { return std::string_view(tool.at("id").get_string()); }));
}

// The server's own are made anew with each list of tools, so they are there again, as in Letta.
ServerResponse remove_tool(ServerApi& api, const std::string& id) {
  if (!base_tool_by_id(id)) delete_tool(api, card_by_id(api, id));
  return {200, "null"};
}

ServerResponse create_tool(ServerApi& api, Call& call) {
  const auto card = new_tool(api, call.body());
  keep_tool(api, card, "");
  return {200, json::serialize(card_json(card))};
}

ServerResponse upsert_tool(ServerApi& api, Call& call) {
  auto card = new_tool(api, call.body());
  std::string before;
  if (const auto known = tool_card(api, card.name)) {
    before = card.name;
    card.id = known->id;
    card.created_us = known->created_us;
    // What was not sent stays.
    auto fields = object_of(known->json);
    for (const auto& [name, value] : object_of(card.json)) fields[name] = value;
    card.json = json::serialize(fields);
  }
  keep_tool(api, card, before);
  return {200, json::serialize(card_json(card))};
}

ServerResponse change_tool(ServerApi& api, Call& call) {
  const auto known = card_by_id(api, call.at("tool_id"));
  const auto card = changed_tool(api, known, call.body());
  keep_tool(api, card, known.name);
  return {200, json::serialize(card_json(card))};
}

// By words: how many of the query's a tool has, in its name and description.
ServerResponse search_tools(ServerApi& api, Call& call) {
  const auto& body = call.body();
  const auto query = body::text(body, "query").value_or("");
  const auto limit = body::integer(body, "limit").value_or(50);
  if (limit < 1 || limit > 1000) throw Refusal(422, "\"limit\" must be a number from 1 to 1000");
  const auto types = body::texts(body, "tool_types").value_or(std::vector<std::string>());
  const auto tags = body::texts(body, "tags").value_or(std::vector<std::string>());
  const auto asked = words(query);
  struct Hit {
    json::object tool;
    std::string text;
    double score;
  };
  std::vector<Hit> hits;
  for (auto& tool : all_tools(api)) {
    if (!types.empty() && !is_one_of(string_or(tool, "tool_type"), types)) continue;
    if (!tags.empty() && !has_tags(tool, tags, false)) continue;
    const auto name = string_or(tool, "name");
    const auto text = name + '\n' + string_or(tool, "description");
    const auto found = words(text);
    const std::set<std::string> known(found.begin(), found.end());
    double score = small(query) == small(name) ? 1 : 0;
    for (const auto& word : asked)
      if (known.contains(word)) score += 1.0 / static_cast<double>(asked.size());
    if (score > 0 || is_blank(query)) hits.push_back({std::move(tool), text, score});
  }
  std::stable_sort(hits.begin(), hits.end(),
                   [](const Hit& a, const Hit& b) { return a.score > b.score; });
  if (std::ssize(hits) > limit) hits.resize(static_cast<std::size_t>(limit));
  json::array out;
  for (auto& hit : hits)
    out.push_back({{"tool", std::move(hit.tool)},
                   {"combined_score", hit.score},
                   {"embedded_text", hit.text},
                   {"fts_rank", std::ssize(out) + 1},
                   {"vector_rank", nullptr}});
  return {200, json::serialize(out)};
}

// A source that is nobody's tool yet.
ServerResponse run_source(ServerApi& api, Call& call) {
  const auto& body = call.body();
  static_cast<void>(body::needed_text(body, "source_code"));
  if (!api.sources()->allowed()) throw Refusal(403, not_allowed_text());
  const auto arguments = call.body_object("args");
  const auto* environment = body::object(body, "env_vars");
  if (environment != nullptr) check_environment(*environment, "env_vars");
  auto name = body::text(body, "name").value_or("");
  const auto card = new_tool(api, body);
  if (name.empty() || name == "null") name = card.name;
  const auto result = api.sources()->run(object_of(card.json), name, arguments,
                                         environment == nullptr ? json::object() : *environment);
  const char* const status = result.failed ? "error" : "success";
  const auto call_id = api.new_id("call");
  const auto id = api.new_id("message");
  const auto printed = [](const std::vector<std::string>& texts) {
    return texts.empty() ? json::value() : json::value(array_of(texts));
  };
  json::object returned = {{"type", "tool"},
                           {"tool_call_id", call_id},
                           {"status", status},
                           {"tool_return", result.value},
                           {"stdout", printed(result.out)},
                           {"stderr", printed(result.err)}};
  json::object out = {{"id", id},
                      {"date", wire_time(api.now_us())},
                      {"message_type", "tool_return_message"},
                      {"name", name},
                      {"otid", id},
                      {"sender_id", nullptr},
                      {"step_id", nullptr},
                      {"run_id", nullptr},
                      {"is_err", result.failed},
                      {"seq_id", nullptr}};
  for (const auto& [key, value] : returned)
    if (key != "type") out[key] = value;
  out["tool_returns"] = json::array{std::move(returned)};
  return {200, json::serialize(out)};
}

void add_changes(Router& router, ServerApi& api) {
  router.add({"POST",
              "/v1/tools",
              "create_tool",
              "Make a tool from source",
              api.aside([&api](Call& call) { return create_tool(api, call); }),
              {},
              create_schema(),
              kTool});
  router.add({"PUT",
              "/v1/tools",
              "upsert_tool",
              "Make a tool, or change the one of its name",
              api.aside([&api](Call& call) { return upsert_tool(api, call); }),
              {},
              create_schema(),
              kTool});
  router.add({"PATCH",
              "/v1/tools/{tool_id}",
              "modify_tool",
              "Change a tool, for the agents that have it, too",
              api.aside([&api](Call& call) { return change_tool(api, call); }),
              {},
              update_schema(),
              kTool});
  router.add({"DELETE", "/v1/tools/{tool_id}", "delete_tool",
              "Delete a tool, and take it from the agents that have it",
              api.aside([&api](Call& call) { return remove_tool(api, call.at("tool_id")); })});
}

}  // namespace

void add_tool_routes(Router& router, ServerApi& api) {
  router.add({"GET",
              "/v1/tools/count",
              "count_tools",
              "How many tools there are",
              answering([&api](Call& call) {
                return ServerResponse{200, std::to_string(asked_tools(api, call).size())};
              }),
              list_query(false),
              {},
              R"({"type": "integer"})"});
  router.add({"GET",
              "/v1/tools",
              "list_tools",
              "Tools, the newest first",
              answering([&api](Call& call) { return list_tools(api, call); }),
              list_query(true),
              {},
              kTools});
  router.add({"POST",
              "/v1/tools/search",
              "search_tools",
              "Tools by words",
              answering([&api](Call& call) { return search_tools(api, call); }),
              {},
              R"({"type": "object", "properties": {"query": {"type": ["string", "null"]},
                 "search_mode": {"type": "string", "enum": ["vector", "fts", "hybrid"]},
                 "tool_types": {"type": ["array", "null"], "items": {"type": "string"}},
                 "tags": {"type": ["array", "null"], "items": {"type": "string"}},
                 "limit": {"type": "integer", "minimum": 1, "maximum": 1000}}})",
              kTools});
  router.add({"POST",
              "/v1/tools/add-base-tools",
              "add_base_tools",
              "The server's own tools: they are always there",
              answering([&api](Call&) {
                std::vector<json::object> tools;
                for (const auto& tool : base_tools())
                  tools.push_back(tool_json(api, tool_config(*tool)));
                return tools_response(std::move(tools));
              }),
              {},
              {},
              kTools});
  router.add({"POST",
              "/v1/tools/run",
              "run_tool_from_source",
              "Run a source, in a sandbox",
              api.aside([&api](Call& call) { return run_source(api, call); }),
              {},
              R"({"type": "object", "properties": {"source_code": {"type": "string"},
                 "args": {"type": "object"}, "name": {"type": ["string", "null"]},
                 "env_vars": {"type": ["object", "null"],
                   "additionalProperties": {"type": "string"}},
                 "source_type": {"type": ["string", "null"],
                   "enum": ["python", "json", "typescript", null]},
                 "args_json_schema": {"type": ["object", "null"]},
                 "json_schema": {"type": ["object", "null"]}},
                 "required": ["source_code"]})"});
  router.add({"GET",
              "/v1/tools/{tool_id}",
              "retrieve_tool",
              "One tool",
              api.aside([&api](Call& call) {
                return ServerResponse{200,
                                      json::serialize(tool_json_by_id(api, call.at("tool_id")))};
              }),
              {},
              {},
              kTool});
  add_changes(router, api);
  add_agent_tool_routes(router, api);
}

}  // namespace memgpt
