#include "agent/archives.h"
#include "server/api.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr std::string_view kAgentPrefix = "agent-";

// What clients say of it stands in its card.
json::object archive_form(ServerApi& api, const std::string& id, std::string_view name,
                          TimeUs created_us) {
  const auto card = api.home().journal()->card("archive", id);
  json::object out = {{"id", id},
                      {"name", name},
                      {"description", nullptr},
                      {"metadata", nullptr},
                      {"embedding_config", nullptr},
                      {"vector_db_provider", "native"},
                      {"created_at", wire_time(created_us)},
                      {"updated_at", wire_time(card ? card->updated_us : created_us)},
                      {"created_by_id", nullptr},
                      {"last_updated_by_id", nullptr}};
  if (card)
    for (const auto& [key, value] : object_of(card->json)) out[key] = value;
  return out;
}

}  // namespace

json::object passage_json(const Passage& passage, std::string_view archive_id) {
  return {{"id", passage.id},
          {"text", passage.text},
          {"tags", array_of(passage.tags)},
          {"metadata", object_of(passage.metadata)},
          {"archive_id", archive_id},
          {"created_at", wire_time(passage.time_us)},
          {"updated_at", wire_time(passage.time_us)},
          {"embedding", nullptr},
          {"embedding_config", nullptr},
          {"source_id", nullptr},
          {"file_id", nullptr},
          {"file_name", nullptr},
          {"is_deleted", false},
          {"created_by_id", nullptr},
          {"last_updated_by_id", nullptr}};
}

json::object archive_json(ServerApi& api, const Archive& archive) {
  const auto row = archive.row();
  auto out = archive_form(api, row.id, row.name, row.created_us);
  out["description"] = text_or_null(archive.description());
  out["embedding_config"] =
      embedding_config_json(archive.embedding(), archive.embedding_dimension());
  return out;
}

std::string own_archive_id(std::string_view agent_id) {
  return "archive-" + std::string(agent_id.substr(kAgentPrefix.size()));
}

json::object own_archive_json(ServerApi& api, Agent& agent) {
  const auto config = agent.config();
  const auto name = string_or(object_of(config.settings), "name", agent.name());
  auto out = archive_form(api, own_archive_id(agent.id()), name + "'s archive",
                          agent.state().agent.created_us);
  out["embedding_config"] = embedding_config_json(config.embedding, config.embedding_dimension);
  return out;
}

}  // namespace memgpt
