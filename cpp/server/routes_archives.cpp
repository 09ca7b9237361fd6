// Archives that agents share, and what each agent has of its own.
#include <algorithm>

#include "error.h"
#include "server/api.h"
#include "server/archive_bodies.h"
#include "server/passage_bodies.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr const char* kText = R"({"type": "string"})";
constexpr std::string_view kArchive = R"({"type": "object", "properties": {
  "id": {"type": "string"}, "name": {"type": "string"}, "created_at": {"type": "string"}},
  "required": ["id", "name", "created_at"]})";
constexpr std::string_view kList = R"({"type": "array", "items": {"type": "object"}})";
constexpr std::string_view kNew = R"({"type": "object", "properties": {
  "name": {"type": "string"}, "description": {"type": ["string", "null"]},
  "embedding": {"type": ["string", "null"]}, "embedding_config": {"type": ["object", "null"]},
  "metadata": {"type": ["object", "null"]}}, "required": ["name"]})";
constexpr std::string_view kChange = R"({"type": "object", "properties": {
  "name": {"type": ["string", "null"]}, "description": {"type": ["string", "null"]},
  "metadata": {"type": ["object", "null"]}}})";
constexpr std::string_view kPassage = R"({"type": "object", "properties": {
  "text": {"type": "string"}, "tags": {"type": ["array", "null"], "items": {"type": "string"}},
  "metadata": {"type": ["object", "null"]},
  "created_at": {"type": ["string", "null"], "format": "date-time"}}, "required": ["text"]})";
constexpr std::string_view kBatch = R"({"type": "object", "properties": {"passages": {
  "type": "array", "items": {"type": "object", "properties": {"text": {"type": "string"}},
  "required": ["text"]}}}, "required": ["passages"]})";
constexpr int kTries = 3;

json::object form(ServerApi& api, const ArchivePlace& place) {
  return place.shared ? archive_json(api, *place.shared) : own_archive_json(api, *place.agent);
}

// Those that agents have are taken away from them.
ServerResponse delete_archive(ServerApi& api, Call& call) {
  const auto& id = call.at("archive_id");
  const auto place = archive_place(api, id);
  if (place.agent)
    throw Refusal(409, "this archive is the agent's own: it goes when the agent is deleted");
  for (int tries = 1;; ++tries) {
    for (const auto& [name, read_only] : place.shared->agents())
      api.agent(api.home().agent(name)->id())->detach_archive(id);
    try {
      api.home().delete_archive(place.shared->row().name);
      break;
    } catch (const InvalidInput&) {  // somebody has attached it meanwhile
      if (tries == kTries) throw;
    }
  }
  api.home().journal()->delete_card("archive", id, api.now_us());
  return {204, ""};
}

// What agents have of their own is an archive once there is something in it.
std::vector<json::object> listed_archives(ServerApi& api, const Call& call) {
  std::vector<json::object> items;
  const auto journal = api.home().journal();
  if (const auto id = call.asked("agent_id")) {
    const auto agent = api.agent(*id);
    if (journal->passages(agent->state().agent) > 0) items.push_back(own_archive_json(api, *agent));
    for (const auto& attached : agent->attached_archives())
      items.push_back(archive_json(api, Archive(api.shared_home(), attached.archive.id)));
  } else {
    for (const auto& archive : api.home().archives()) items.push_back(archive_json(api, *archive));
    for (const auto& row : journal->agents())
      if (journal->passages(row) > 0) items.push_back(own_archive_json(api, *api.agent(row.id)));
  }
  if (const auto name = call.asked("name"))
    std::erase_if(items,
                  [&](const json::object& item) { return item.at("name") != json::value(*name); });
  return items;
}

ServerResponse list_archives(ServerApi& api, Call& call) {
  const auto page = page_of(call, 50);
  auto items = listed_archives(api, call);
  std::sort(items.begin(), items.end(), [](const json::object& a, const json::object& b) {
    const auto key = [](const json::object& item) {
      return std::pair<std::string_view, std::string_view>(item.at("created_at").as_string(),
                                                           item.at("id").as_string());
    };
    return key(a) < key(b);
  });
  json::array out;
  for (auto& item : paged(std::move(items), page, [](const json::object& item) {
         return std::string_view(item.at("id").as_string());
       }))
    out.push_back(std::move(item));
  return {200, json::serialize(out)};
}

ServerResponse file_passages(ServerApi& api, Call& call, bool many) {
  const auto& id = call.at("archive_id");
  const auto place = archive_place(api, id);
  std::vector<NewPassage> items;
  if (!many) {
    items.push_back(new_passage(call.body()));
  } else {
    const auto* list = body::array(call.body(), "passages");
    if (list == nullptr) throw Refusal(422, "\"passages\" is missing: it must be a list");
    for (const auto& item : *list) {
      if (!item.is_object()) throw Refusal(422, "\"passages\" must be a list of objects");
      items.push_back(new_passage(item.get_object()));
    }
  }
  const auto filed = place.shared ? place.shared->insert_passages(items, {})
                                  : place.agent->insert_passages(items, "", {});
  json::array out;
  for (const auto& passage : filed) out.push_back(passage_json(passage, id));
  return {200, many ? json::serialize(out) : json::serialize(out.at(0))};
}

ServerResponse delete_passage(ServerApi& api, Call& call) {
  const auto place = archive_place(api, call.at("archive_id"));
  const auto& id = call.at("passage_id");
  check_id(id, "passage");
  if (place.shared) {
    place.shared->delete_passage(id);
  } else {
    // Not what the agent sees of other archives.
    if (!api.home().journal()->find_passage(place.agent->state().agent, id, ""))
      throw Refusal(404, "the archive has no passage " + id);
    place.agent->delete_passage(id);
  }
  return {204, ""};
}

ServerResponse attach(ServerApi& api, Call& call, bool attached) {
  const auto agent = api.agent(call.at("agent_id"));
  const auto& id = call.at("archive_id");
  const auto place = archive_place(api, id);
  if (place.agent) {
    if (place.agent->id() != agent->id())
      throw Refusal(409,
                    "this archive is another agent's own; make one with POST /v1/archives to "
                    "share it");
    if (!attached)
      throw Refusal(409, "this archive is the agent's own, and cannot be taken from it");
    return {200, "null"};
  }
  const auto has = agent->attached_archives();
  const bool is_there = std::any_of(
      has.begin(), has.end(), [&](const Agent::Attached& other) { return other.archive.id == id; });
  if (!attached && !is_there)
    throw Refusal(404, "Archive with id " + id + " is not attached to this agent");
  if (!attached)
    agent->detach_archive(id);
  else if (!is_there)  // one that is there may be attached to be read only, and stays so
    agent->attach_archive(id, false);
  return {200, "null"};
}

}  // namespace

void add_archive_routes(Router& router, ServerApi& api) {
  router.add({"GET",
              "/v1/archives",
              "list_archives",
              "Archives, the newest first",
              answering([&api](Call& call) { return list_archives(api, call); }),
              page_query({{"agent_id", kText}, {"name", kText}}),
              {},
              kList});
  router.add({"POST",
              "/v1/archives",
              "create_archive",
              "Make an archive that agents can share",
              answering([&api](Call& call) {
                const auto archive = create_archive(api, call.body());
                return ServerResponse{200, json::serialize(archive_json(api, *archive))};
              }),
              {},
              kNew,
              kArchive});
  constexpr const char* kOne = "/v1/archives/{archive_id}";
  router.add({"GET",
              kOne,
              "retrieve_archive",
              "One archive",
              answering([&api](Call& call) {
                return ServerResponse{
                    200, json::serialize(form(api, archive_place(api, call.at("archive_id"))))};
              }),
              {},
              {},
              kArchive});
  router.add({"PATCH",
              kOne,
              "modify_archive",
              "Change an archive",
              answering([&api](Call& call) {
                const auto& id = call.at("archive_id");
                const auto place = archive_place(api, id);
                change_archive(api, id, place, call.body());
                return ServerResponse{200, json::serialize(form(api, place))};
              }),
              {},
              kChange,
              kArchive});
  router.add({"DELETE",
              kOne,
              "delete_archive",
              "Take an archive from all agents, and delete it",
              answering([&api](Call& call) { return delete_archive(api, call); }),
              {},
              {},
              {},
              204});
  router.add({"POST",
              "/v1/archives/{archive_id}/passages",
              "create_passage_in_archive",
              "File a passage in an archive",
              answering([&api](Call& call) { return file_passages(api, call, false); }),
              {},
              kPassage});
  router.add({"POST",
              "/v1/archives/{archive_id}/passages/batch",
              "create_passages_in_archive",
              "File many passages in an archive: all of them, or none",
              answering([&api](Call& call) { return file_passages(api, call, true); }),
              {},
              kBatch,
              kList});
  router.add({"DELETE",
              "/v1/archives/{archive_id}/passages/{passage_id}",
              "delete_passage_from_archive",
              "Delete a passage of an archive",
              answering([&api](Call& call) { return delete_passage(api, call); }),
              {},
              {},
              {},
              204});
  router.add({"PATCH", "/v1/agents/{agent_id}/archives/attach/{archive_id}",
              "attach_archive_to_agent", "Let an agent see an archive",
              api.in_line([&api](Call& call) { return attach(api, call, true); })});
  router.add({"PATCH", "/v1/agents/{agent_id}/archives/detach/{archive_id}",
              "detach_archive_from_agent", "Take an archive from an agent",
              api.in_line([&api](Call& call) { return attach(api, call, false); })});
}

}  // namespace memgpt
