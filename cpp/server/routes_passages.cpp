// Passages of an agent's archival memory.
#include <cstdio>
#include <cstdlib>

#include "error.h"
#include "memory/unicode.h"
#include "server/api.h"
#include "server/passage_bodies.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr const char* kText = R"({"type": "string"})";
constexpr const char* kNumber = R"({"type": "integer"})";
constexpr const char* kTexts = R"({"type": "array", "items": {"type": "string"}})";
constexpr const char* kTime = R"({"type": "string", "format": "date-time"})";
constexpr const char* kMode = R"({"type": "string", "enum": ["any", "all"]})";
constexpr std::string_view kPassages = R"({"type": "array", "items": {"type": "object",
  "properties": {"id": {"type": "string"}, "text": {"type": "string"},
  "archive_id": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
  "required": ["id", "text", "archive_id"]}})";
constexpr std::string_view kNew = R"({"type": "object", "properties": {
  "text": {"type": "string"}, "tags": {"type": ["array", "null"], "items": {"type": "string"}},
  "created_at": {"type": ["string", "null"], "format": "date-time"}}, "required": ["text"]})";
constexpr std::string_view kChange = R"({"type": "object", "properties": {
  "text": {"type": ["string", "null"]}, "metadata": {"type": ["object", "null"]},
  "tags": {"type": ["array", "null"], "items": {"type": "string"}}}})";
constexpr std::string_view kFound = R"({"type": "object", "properties": {
  "results": {"type": "array", "items": {"type": "object"}}, "count": {"type": "integer"}},
  "required": ["results", "count"]})";

std::string holder_archive(const std::string& holder) {
  return holder.starts_with("agent-") ? own_archive_id(holder) : holder;
}

// The one that holds a passage which the agent sees.
std::string archive_with(ServerApi& api, Agent& agent, const std::string& passage_id) {
  for (const auto& attached : agent.attached_archives())
    if (Archive(api.shared_home(), attached.archive.id).find(passage_id))
      return attached.archive.id;
  return own_archive_id(agent.id());
}

ServerResponse list_passages(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  const auto page = page_of(call, 100, true);
  PassageRange range{{page.after, page.before, page.limit, page.ascending}};
  if (const auto search = call.asked("search"))
    range.wanted = [wanted = lower_cased(*search)](const Passage& passage) {
      return lower_cased(passage.text).find(wanted) != std::string::npos;
    };
  json::array out;
  for (const auto& listed : agent->list_passages(range))
    out.push_back(passage_json(listed.passage, holder_archive(listed.holder)));
  return {200, json::serialize(out)};
}

// On the agent's clocks; UTC where this machine does not know them.
std::string shown_time(const Agent& agent, TimeUs time_us) {
  auto offset = agent.clocks();
  int seconds = 0;
  try {
    seconds = offset(time_us);
  } catch (const ConfigError&) {
    return wire_time(time_us);
  }
  auto text = wire_time(time_us + TimeUs{seconds} * 1'000'000);
  if (seconds == 0) return text;
  const int minutes = std::abs(seconds) / 60;
  char shown[16];
  std::snprintf(shown, sizeof shown, "%c%02d:%02d", seconds < 0 ? '-' : '+', minutes / 60 % 100,
                minutes % 60);
  return text.substr(0, text.rfind('+')) + shown;
}

ServerResponse search_passages(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  const auto text = call.asked("query");
  if (!text) throw Refusal(422, "\"query\" is missing: it must be a text");
  ArchivalQuery query;
  query.tags = call.asked_all("tags");
  query.all_tags = matches_all(call.asked("tag_match_mode"));
  query.limit = static_cast<int>(call.asked_int("top_k", 5, 1, kLongestPage));
  query.start = begin_time(call.asked("start_datetime"), "start_datetime");
  query.end = end_time(call.asked("end_datetime"), "end_datetime");
  json::array results;
  for (const auto& hit : agent->search_archival(*text, std::move(query)).hits)
    results.push_back({{"id", hit.passage.id},
                       {"timestamp", shown_time(*agent, hit.passage.time_us)},
                       {"content", hit.passage.text},
                       {"tags", array_of(hit.passage.tags)}});
  const auto count = results.size();
  return {200, json::serialize(json::object{{"results", std::move(results)}, {"count", count}})};
}

ServerResponse change_passage(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  const auto& id = call.at("memory_id");
  check_id(id, "passage");
  const auto change = passage_change(call.body());
  // One generation of clients has no fields to send.
  const bool any = change.text || change.tags || change.metadata;
  if (any) static_cast<void>(agent->update_passage(id, change));
  const auto passage = agent->passage(id);
  return {200, json::serialize(json::array{passage_json(passage, archive_with(api, *agent, id))})};
}

}  // namespace

void add_passage_routes(Router& router, ServerApi& api) {
  constexpr const char* kPath = "/v1/agents/{agent_id}/archival-memory";
  constexpr const char* kOne = "/v1/agents/{agent_id}/archival-memory/{memory_id}";
  router.add({"GET",
              kPath,
              "list_passages",
              "Passages that an agent sees, the oldest first",
              answering([&api](Call& call) { return list_passages(api, call); }),
              page_query({{"search", kText}}),
              {},
              kPassages});
  router.add({"POST",
              kPath,
              "create_passage",
              "File a passage",
              answering([&api](Call& call) {
                const auto agent = api.agent(call.at("agent_id"));
                const auto passage = agent->insert_passage(new_passage(call.body()));
                return ServerResponse{200, json::serialize(json::array{passage_json(
                                               passage, own_archive_id(agent->id()))})};
              }),
              {},
              kNew,
              kPassages});
  router.add({"GET",
              "/v1/agents/{agent_id}/archival-memory/search",
              "search_archival_memory",
              "The passages that fit a text best",
              answering([&api](Call& call) { return search_passages(api, call); }),
              {{"query", kText},
               {"tags", kTexts},
               {"tag_match_mode", kMode},
               {"top_k", kNumber},
               {"start_datetime", kTime},
               {"end_datetime", kTime}},
              {},
              kFound});
  router.add({"PATCH",
              kOne,
              "modify_passage",
              "Change a passage",
              answering([&api](Call& call) { return change_passage(api, call); }),
              {},
              kChange,
              kPassages});
  router.add({"DELETE", kOne, "delete_passage", "Delete a passage", answering([&api](Call& call) {
                const auto agent = api.agent(call.at("agent_id"));
                const auto& id = call.at("memory_id");
                check_id(id, "passage");
                agent->delete_passage(id);
                return ServerResponse{
                    200, json::serialize(json::object{
                             {"message", "Memory id=" + id + " successfully deleted"}})};
              })});
}

}  // namespace memgpt
