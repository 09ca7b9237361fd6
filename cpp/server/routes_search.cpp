// What is asked over all agents: searches of messages and passages, and messages wherever they are.
#include <algorithm>
#include <set>

#include "agent/archives.h"
#include "memory/text.h"
#include "server/api.h"
#include "server/message_search.h"
#include "server/passage_bodies.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr std::string_view kList = R"({"type": "array", "items": {"type": "object"}})";
constexpr std::string_view kMessages = R"({"type": "object", "properties": {
  "query": {"type": "string"}, "agent_id": {"type": ["string", "null"]},
  "search_mode": {"type": "string", "enum": ["vector", "fts", "hybrid"]},
  "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
  "start_date": {"type": ["string", "null"]}, "end_date": {"type": ["string", "null"]}},
  "required": ["query"]})";
constexpr std::string_view kRanked = R"({"type": "object", "properties": {
  "query": {"type": ["string", "null"]},
  "search_mode": {"type": "string", "enum": ["vector", "fts", "hybrid"]},
  "roles": {"type": ["array", "null"], "items": {"type": "string",
    "enum": ["assistant", "user", "tool", "function", "system", "approval"]}},
  "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
  "start_date": {"type": ["string", "null"]}, "end_date": {"type": ["string", "null"]}}})";
constexpr std::string_view kPassages = R"({"type": "object", "properties": {
  "query": {"type": ["string", "null"]}, "agent_id": {"type": ["string", "null"]},
  "archive_id": {"type": ["string", "null"]},
  "tags": {"type": ["array", "null"], "items": {"type": "string"}},
  "tag_match_mode": {"type": "string", "enum": ["any", "all"]},
  "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
  "start_date": {"type": ["string", "null"]}, "end_date": {"type": ["string", "null"]}}})";

int limit_of(const json::object& body, int fallback) {
  const auto limit = body::integer(body, "limit").value_or(fallback);
  if (limit < 1 || limit > kLongestPage)
    throw Refusal(422,
                  "\"limit\" must be a whole number from 1 to " + std::to_string(kLongestPage));
  return static_cast<int>(limit);
}

// Those that clients know; which one answers stands in the results.
void check_mode(const json::object& body) {
  const auto mode = body::text(body, "search_mode").value_or("hybrid");
  if (mode != "hybrid" && mode != "vector" && mode != "fts")
    throw Refusal(422, "\"search_mode\" must be \"hybrid\", \"vector\" or \"fts\"");
}

void refuse_conversation(const std::optional<std::string>& id) {
  if (id) throw Refusal(404, "Conversation not found: an agent has one conversation, its own");
}

RecallQuery recall_query(const json::object& body) {
  check_mode(body);
  RecallQuery query;
  query.limit = limit_of(body, 50);
  query.start = begin_time(body::text(body, "start_date"), "start_date");
  query.end = end_time(body::text(body, "end_date"), "end_date");
  return query;
}

ServerResponse search(ServerApi& api, Call& call) {
  const auto& body = call.body();
  auto query = recall_query(body);
  query.text = body::needed_text(body, "query");
  if (is_blank(query.text)) throw Refusal(422, "\"query\" is empty");
  refuse_conversation(body::text(body, "conversation_id"));
  json::array out;
  for (const auto& found : search_messages(api, query, body::text(body, "agent_id")))
    out.push_back(found_json(found));
  return {200, json::serialize(out)};
}

std::vector<Role> roles_of(const std::vector<std::string>& names) {
  std::vector<Role> roles;
  for (const auto& name : names) {
    if (name == "approval") continue;  // there are none
    if (name != "user" && name != "assistant" && name != "system" && name != "tool" &&
        name != "function")
      throw Refusal(422, "\"roles\" must be of assistant, user, tool, function, system, approval");
    const auto role = role_from_string(name == "function" ? "tool" : name);
    if (std::find(roles.begin(), roles.end(), role) == roles.end()) roles.push_back(role);
  }
  return roles;
}

ServerResponse search_ranked(ServerApi& api, Call& call) {
  const auto& body = call.body();
  auto query = recall_query(body);
  query.text = body::text(body, "query").value_or("");
  if (const auto roles = body::texts(body, "roles"); roles && !roles->empty())
    query.roles = roles_of(*roles);
  json::array out;
  // No agent is of a project or a template.
  if (!body::text(body, "project_id") && !body::text(body, "template_id")) {
    int rank = 0;
    for (const auto& found : search_messages(api, query, std::nullopt))
      out.push_back(ranked_json(found, ++rank));
  }
  return {200, json::serialize(out)};
}

ArchivalQuery archival_query(const json::object& body) {
  ArchivalQuery query;
  query.tags = body::texts(body, "tags").value_or(std::vector<std::string>());
  query.all_tags = matches_all(body::text(body, "tag_match_mode"));
  query.limit = limit_of(body, 10);
  query.start = begin_time(body::text(body, "start_date"), "start_date");
  query.end = end_time(body::text(body, "end_date"), "end_date");
  return query;
}

// Hits with the ids of their archives on the wire, and whether vectors had a say.
struct Found {
  std::vector<std::pair<ArchivalHit, std::string>> hits;
  bool dense = false;
};

Found search_agent(Agent& agent, const std::string& text, ArchivalQuery query,
                   const std::optional<std::string>& archive_id) {
  Found found;
  found.dense = !agent.config().embedding.empty();
  const auto ids = archive_ids(agent);
  if (archive_id) {
    const auto named = std::find_if(ids.begin(), ids.end(),
                                    [&](const auto& item) { return item.second == *archive_id; });
    if (named == ids.end()) return found;
    query.archive = named->first;
  }
  for (auto& hit : agent.search_archival(text, std::move(query)).hits) {
    const auto id = ids.find(hit.archive);
    found.hits.emplace_back(std::move(hit), id == ids.end() ? "" : id->second);
  }
  return found;
}

Found search_archive(const Archive& archive, const std::string& text, ArchivalQuery query) {
  Found found;
  found.dense = !archive.embedding().empty();
  for (auto& hit : archive.search_archival(text, std::move(query)).hits)
    found.hits.emplace_back(std::move(hit), archive.id());
  return found;
}

// Everything that has passages, and the embedder of the most of them: vectors of several cannot be
// compared, so that the others' are found by words.
struct Everything {
  std::vector<ArchiveView> views;
  std::map<std::pair<std::string, int>, std::int64_t> passages;  // by embedder and dimension

  void add(const AgentRow& row, std::string id, std::int64_t count, const std::string& embedding,
           int dimension) {
    if (count == 0) return;
    views.push_back({row.archive, row.head, std::move(id)});
    passages[{embedding, dimension}] += count;
  }
  [[nodiscard]] std::shared_ptr<Embedder> embedder(ServerApi& api) const {
    const auto most =
        std::max_element(passages.begin(), passages.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == passages.end() ? nullptr
                                  : embedder_named(api, most->first.first, most->first.second);
  }
};

Everything everything(ServerApi& api) {
  Everything all;
  const auto journal = api.home().journal();
  for (const auto& row : journal->agents()) {
    const auto config = agent_config_from_json(journal->newest_config(row.id));
    all.add(row, own_archive_id(row.id), journal->passages(row), config.embedding,
            config.embedding_dimension);
  }
  for (const auto& archive : api.home().archives())
    all.add(archive->row(), archive->id(), archive->size(), archive->embedding(),
            archive->embedding_dimension());
  return all;
}

Found search_everything(ServerApi& api, const std::string& text, ArchivalQuery query) {
  const auto all = everything(api);
  Found found;
  if (all.views.empty()) return found;
  const auto embedder = is_blank(text) ? nullptr : all.embedder(api);
  found.dense = embedder != nullptr;
  query.times = asked_times_on([](TimeUs) { return 0; }, text, api.now_us());
  std::set<std::string> ids;  // what a fork shares is found once
  const auto wanted = static_cast<std::size_t>(query.limit);
  for (;;) {
    auto page = search_archives(api.home(), all.views, embedder.get(), text, query, {});
    for (auto& hit : page.hits)
      if (found.hits.size() < wanted && ids.insert(hit.passage.id).second) {
        auto id = hit.archive;
        found.hits.emplace_back(std::move(hit), std::move(id));
      }
    query.offset += query.limit;
    if (found.hits.size() == wanted || page.hits.empty()) return found;
  }
}

ServerResponse search_passages(ServerApi& api, Call& call) {
  const auto& body = call.body();
  const auto text = body::text(body, "query").value_or("");
  auto query = archival_query(body);
  const auto agent_id = body::text(body, "agent_id");
  const auto archive_id = body::text(body, "archive_id");
  const auto place = archive_id ? archive_place(api, *archive_id) : ArchivePlace();
  const auto found = agent_id       ? search_agent(*api.agent(*agent_id), text, query, archive_id)
                     : place.agent  ? search_agent(*place.agent, text, query, archive_id)
                     : place.shared ? search_archive(*place.shared, text, query)
                                    : search_everything(api, text, query);
  json::array out;
  for (const auto& [hit, id] : found.hits) {
    json::object metadata;
    if (!is_blank(text))
      metadata = {{"search_mode", found.dense ? "hybrid" : "fts"}, {"similarity", hit.similarity}};
    out.push_back({{"passage", passage_json(hit.passage, id)},
                   {"score", hit.score},
                   {"metadata", std::move(metadata)}});
  }
  return {200, json::serialize(out)};
}

}  // namespace

void add_search_routes(Router& router, ServerApi& api) {
  router.add({"POST",
              "/v1/agents/messages/search",
              "search_agent_messages",
              "Search what was said, with all agents",
              answering([&api](Call& call) { return search_ranked(api, call); }),
              {},
              kRanked,
              kList});
  router.add({"POST",
              "/v1/messages/search",
              "search_all_messages",
              "Search what was said",
              answering([&api](Call& call) { return search(api, call); }),
              {},
              kMessages,
              kList});
  router.add({"GET",
              "/v1/messages",
              "list_all_messages",
              "Messages of all agents, the newest first",
              answering([&api](Call& call) {
                refuse_conversation(call.asked("conversation_id"));
                MessageForm form;
                form.types = call.asked_all("include_return_message_types");
                return ServerResponse{200, all_messages_page(api, page_of(call, 100), form)};
              }),
              page_query({{"include_return_message_types",
                           R"({"type": "array", "items": {"type": "string"}})"}}),
              {},
              kList});
  router.add({"GET",
              "/v1/messages/{message_id}",
              "retrieve_message",
              "The parts of one message",
              answering([&api](Call& call) {
                const auto& id = call.at("message_id");
                check_id(id, "message");
                return ServerResponse{200, one_message(api, id)};
              }),
              {},
              {},
              kList});
  router.add({"POST",
              "/v1/passages/search",
              "search_passages",
              "Search the passages of an agent, an archive, or all",
              answering([&api](Call& call) { return search_passages(api, call); }),
              {},
              kPassages,
              kList});
}

}  // namespace memgpt
