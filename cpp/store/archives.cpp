// Archives that agents share: passages in a line of history of their own.
#include <algorithm>

#include "error.h"
#include "store/journal.h"

namespace memgpt {

namespace {

// Living agents whose configuration in force names the archive ?1.
constexpr const char* kAgentsWith =
    "SELECT a.name, ifnull(json_extract(j.value, '$.read_only'), 0) FROM agent a JOIN config c ON "
    "c.agent_id = a.id AND c.version = (SELECT max(version) FROM config n WHERE n.agent_id = a.id) "
    "JOIN json_each(c.json, '$.archives') j WHERE a.kind = 'agent' AND a.deleted_us IS NULL AND "
    "instr(c.json, ?1) > 0 AND json_extract(j.value, '$.id') = ?1 ORDER BY a.name";

std::vector<std::pair<std::string, bool>> agents_with(Database& db, const std::string& archive_id) {
  auto& row = db.prepare(kAgentsWith);
  const Reset reset(row);
  row.bind(archive_id);
  std::vector<std::pair<std::string, bool>> agents;
  while (row.step()) agents.emplace_back(row.text(0), row.integer(1) != 0);
  return agents;
}

}  // namespace

std::vector<std::pair<std::string, bool>> Journal::agents_with(const std::string& archive_id) {
  const auto reader = this->reader();
  return memgpt::agents_with(reader.db, archive_id);
}

void Journal::delete_archive(const std::string& archive_id, TimeUs now_us) {
  queue_.write([&] {
    std::string names;
    for (const auto& [name, read_only] : memgpt::agents_with(writer_db_, archive_id))
      names += (names.empty() ? "\"" : ", \"") + name + '"';
    if (!names.empty())
      throw InvalidInput("the archive is attached to " + names +
                         "; take it away from them first, with agent.archival.detach(archive)");
    writer_db_.prepare("UPDATE agent SET deleted_us = ?2 WHERE id = ?1 AND kind = 'archive'")
        .bind(archive_id, now_us)
        .run();
  });
}

std::string Journal::newest_config(const std::string& agent_id) {
  const auto reader = this->reader();
  auto& row = reader.db.prepare(
      "SELECT json FROM config WHERE agent_id = ?1 ORDER BY version DESC LIMIT 1");
  const Reset reset(row);
  return row.bind(agent_id).step() ? row.text(0) : "";
}

Head Journal::archive_at(Head head, Head commit) {
  const auto reader = this->reader();
  auto& row = reader.db.prepare(
      "SELECT seq FROM step WHERE branch = ?1 AND seq <= ?2 AND time_us <= (SELECT time_us FROM "
      "step WHERE branch = ?3 AND seq = ?4) ORDER BY seq DESC LIMIT 1");
  const Reset reset(row);
  const bool found = row.bind(head.branch, head.seq, commit.branch, commit.seq).step();
  return {head.branch, found ? row.integer(0) : 0};
}

std::vector<std::string> Journal::archives_written(Head head, std::int64_t after) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  auto& row = reader.db.prepare(
      "SELECT DISTINCT a.name FROM archive_commit c JOIN branch b ON b.id = c.archive_branch JOIN "
      "agent a ON a.id = b.agent_id WHERE c.branch = ?1 AND c.seq > ?2 AND c.seq <= ?3 AND "
      "a.deleted_us IS NULL ORDER BY a.name");
  const Reset reset(row);
  std::vector<std::string> names;
  for (const auto& segment : lineage(reader.db, head)) {
    row.bind(segment.branch, after, segment.last_seq);
    while (row.step()) {
      auto name = row.text(0);
      if (std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(std::move(name));
    }
  }
  return names;
}

}  // namespace memgpt
