// Agents: made, listed, read, changed, deleted.
#include <algorithm>
#include <limits>
#include <set>

#include "memory/unicode.h"
#include "server/agent_bodies.h"
#include "server/api.h"
#include "server/block_bodies.h"
#include "server/refusal.h"
#include "server/run_records.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr std::string_view kAgent =
    R"({"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
  "required": ["id", "name"]})";
constexpr std::string_view kAgents = R"({"type": "array", "items": {"type": "object"}})";
constexpr std::string_view kBody = R"({"type": "object", "properties": {
  "name": {"type": "string"}, "agent_type": {"type": "string"}, "model": {"type": "string"},
  "embedding": {"type": "string"}, "system": {"type": "string"},
  "memory_blocks": {"type": "array", "items": {"type": "object", "properties": {
    "label": {"type": "string"}, "value": {"type": "string"}, "limit": {"type": "integer"}},
    "required": ["label", "value"]}},
  "block_ids": {"type": "array", "items": {"type": "string"}},
  "tools": {"type": "array", "items": {"type": "string"}},
  "tool_ids": {"type": "array", "items": {"type": "string"}},
  "tags": {"type": "array", "items": {"type": "string"}},
  "description": {"type": ["string", "null"]}, "metadata": {"type": ["object", "null"]},
  "timezone": {"type": "string"}, "context_window_limit": {"type": "integer"},
  "include_base_tools": {"type": "boolean"},
  "initial_message_sequence": {"type": ["array", "null"], "items": {"type": "object",
    "properties": {"role": {"type": "string", "enum": ["user", "system", "assistant"]},
      "content": {}}, "required": ["role", "content"]}}}})";
constexpr const char* kText = R"({"type": "string"})";
constexpr const char* kFlag = R"({"type": "boolean"})";
constexpr const char* kTexts = R"({"type": "array", "items": {"type": "string"}})";

// What a list is filtered and sorted by, without loading the agent.
struct Listed {
  AgentRow row;
  AgentConfig config;
  std::string name;
  TimeUs time_us = 0;  // that it is ordered by
};

bool has_word(const std::string& text, const std::string& word) {
  return lower_cased(text).find(lower_cased(word)) != std::string::npos;
}

bool passes(ServerApi& api, const Listed& listed, const Call& call,
            const std::vector<std::string>& tags, bool all_tags) {
  if (const auto name = call.asked("name"); name && listed.name != *name) return false;
  if (const auto text = call.asked("query_text"); text && !has_word(listed.name, *text))
    return false;
  for (const char* none :
       {"identity_id", "identifier_keys", "template_id", "base_template_id", "created_by_id"})
    if (call.asked(none)) return false;  // no agent has one
  if (const auto project = call.asked("project_id");
      project && string_or(object_of(listed.config.settings), "project_id") != *project)
    return false;
  if (!has_tags(json::object{{"tags", array_of(listed.config.tags)}}, tags, all_tags)) return false;
  const auto reason = call.asked("last_stop_reason");
  if (!reason) return true;
  const auto run = RunReader(api).last_ended(listed.row.id, listed.row.head);
  return run && run->stop_reason == *reason;
}

// None: it has no such time.
std::optional<TimeUs> time_of(ServerApi& api, const AgentRow& row, std::string_view order_by) {
  if (order_by == "updated_at") {
    const auto head = api.home().journal()->step(row.head);
    return head ? head->first.time_us : row.created_us;
  }
  const auto run = RunReader(api).last_ended(row.id, row.head);
  return run ? std::optional(run->ended_us) : std::nullopt;
}

// Oldest first, as they are paged. Those without the time come last in either direction.
void put_in_order(ServerApi& api, std::vector<Listed>& agents, const Page& page) {
  if (page.order_by == "created_at") return;
  constexpr auto kNewest = std::numeric_limits<TimeUs>::max();
  constexpr auto kOldest = std::numeric_limits<TimeUs>::min();
  for (auto& listed : agents)
    listed.time_us =
        time_of(api, listed.row, page.order_by).value_or(page.ascending ? kNewest : kOldest);
  std::stable_sort(agents.begin(), agents.end(),
                   [](const Listed& a, const Listed& b) { return a.time_us < b.time_us; });
}

std::vector<Listed> listed_agents(ServerApi& api) {
  std::vector<Listed> all;
  const auto journal = api.home().journal();
  for (auto& row : journal->agents()) {
    Listed listed;
    listed.config = agent_config_from_json(journal->newest_config(row.id));
    listed.name = string_or(object_of(listed.config.settings), "name", row.name);
    listed.row = std::move(row);
    all.push_back(std::move(listed));
  }
  return all;
}

ServerResponse list_agents(ServerApi& api, Call& call) {
  const auto page = page_of(call, 50, false, {"created_at", "updated_at", "last_run_completion"});
  const auto tags = call.asked_all("tags");
  const bool all_tags = call.asked_flag("match_all_tags", false);
  auto agents = listed_agents(api);
  std::erase_if(agents,
                [&](const Listed& listed) { return !passes(api, listed, call, tags, all_tags); });
  put_in_order(api, agents, page);
  json::array out;
  for (const auto& listed : paged(std::move(agents), page, [](const Listed& listed) {
         return std::string_view(listed.row.id);
       }))
    out.push_back(agent_json(api, *api.agent(listed.row.id)));
  return {200, json::serialize(out)};
}

void delete_agent(ServerApi& api, const std::shared_ptr<Call>& call) {
  const auto id = api.agent(call->at("agent_id"))->id();
  static_cast<void>(api.turns().cancel(id, {}));
  api.answer_in_line(id, call, [&api, id](Call&) {
    api.home().delete_agent(api.agent(id)->name());
    api.home().journal()->delete_card("secrets", id, api.now_us());
    api.forget(id);
    return ServerResponse{
        200,
        json::serialize(json::object{{"message", "Agent id=" + id + " successfully deleted"}})};
  });
}

ServerResponse list_tags(ServerApi& api, Call& call) {
  std::set<std::string> tags;
  for (const auto& listed : listed_agents(api))
    tags.insert(listed.config.tags.begin(), listed.config.tags.end());
  if (const auto text = call.asked("query_text"))
    std::erase_if(tags, [&](const std::string& tag) { return !has_word(tag, *text); });
  if (const auto text = call.asked("name"))
    std::erase_if(tags, [&](const std::string& tag) { return tag != *text; });
  const auto page = page_of(call, 100, true, {"name"});
  return {200, json::serialize(
                   array_of(paged(std::vector<std::string>(tags.begin(), tags.end()), page,
                                  [](const std::string& tag) { return std::string_view(tag); })))};
}

}  // namespace

void add_agent_routes(Router& router, ServerApi& api) {
  router.add({"GET",
              "/v1/agents/count",
              "count_agents",
              "How many agents there are",
              answering([&api](Call&) {
                return ServerResponse{200, std::to_string(api.home().agents().size())};
              }),
              {},
              {},
              R"({"type": "integer"})"});
  router.add({"GET",
              "/v1/agents",
              "list_agents",
              "Agents, the newest first",
              answering([&api](Call& call) { return list_agents(api, call); }),
              page_query({{"name", kText},
                          {"tags", kTexts},
                          {"match_all_tags", kFlag},
                          {"query_text", kText},
                          {"last_stop_reason", kText},
                          {"project_id", kText}}),
              {},
              kAgents});
  router.add({"POST",
              "/v1/agents",
              "create_agent",
              "Make an agent",
              api.among_turns([&api](Call& call) {
                const auto agent = create_agent(api, call.body());
                return ServerResponse{200, json::serialize(agent_json(api, *agent))};
              }),
              {},
              kBody,
              kAgent});
  router.add({"GET",
              "/v1/agents/{agent_id}",
              "retrieve_agent",
              "One agent",
              answering([&api](Call& call) {
                return ServerResponse{
                    200, json::serialize(agent_json(api, *api.agent(call.at("agent_id"))))};
              }),
              {},
              {},
              kAgent});
  router.add({"PATCH",
              "/v1/agents/{agent_id}",
              "modify_agent",
              "Change an agent",
              api.in_line([&api](Call& call) {
                const auto agent = api.agent(call.at("agent_id"));
                change_agent(api, *agent, call.body());
                return ServerResponse{200, json::serialize(agent_json(api, *agent))};
              }),
              {},
              kBody,
              kAgent});
  router.add({"DELETE", "/v1/agents/{agent_id}", "delete_agent", "Delete an agent",
              [&api](const std::shared_ptr<Call>& call) { delete_agent(api, call); }});
  router.add({"GET",
              "/v1/tags",
              "list_tags",
              "Tags of all agents",
              answering([&api](Call& call) { return list_tags(api, call); }),
              page_query({{"query_text", kText}, {"name", kText}}),
              {},
              R"({"type": "array", "items": {"type": "string"}})"});
}

}  // namespace memgpt
