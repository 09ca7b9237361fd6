#include "store/import_known.h"

#include "memory/json.h"

namespace memgpt {

namespace {

// What its versions say, one after the other.
std::string versions_of(Database& db, const std::string& id) {
  auto& row = db.prepare(
      "SELECT version, label, value, char_limit, description, read_only, author, trust, time_us "
      "FROM shared_block WHERE id = ?1 ORDER BY version");
  const Reset reset(row);
  row.bind(id);
  std::string versions;
  while (row.step())
    for (int i = 0; i < row.columns(); ++i)
      (versions += std::to_string(row.view(i).size()) + ':') += row.view(i);
  return versions;
}

bool goes_on(Database& from, std::int64_t there, Database& home, std::int64_t here) {
  constexpr const char* kContents = "SELECT seq, content FROM step WHERE branch = ?1 ORDER BY seq";
  Statement theirs(from.get(), kContents);
  Statement ours(home.get(), kContents);
  theirs.bind(there);
  ours.bind(here);
  while (theirs.step())
    if (!ours.step() || ours.integer(0) != theirs.integer(0) || theirs.view(1).empty() ||
        ours.view(1) != theirs.view(1))
      return false;
  return true;
}

void forget(Database& from, const KnownArchive& archive) {
  Statement(from.get(),
            "DELETE FROM embedding WHERE passage IN (SELECT id FROM passage WHERE branch = ?1)")
      .bind(archive.branch_there)
      .run();
  for (const char* table : {"passage", "retirement", "config", "step"})
    Statement(from.get(), std::string("DELETE FROM ") + table + " WHERE branch = ?1")
        .bind(archive.branch_there)
        .run();
  Statement(from.get(), "DELETE FROM branch WHERE id = ?1").bind(archive.branch_there).run();
  Statement(from.get(), "DELETE FROM agent WHERE id = ?1").bind(archive.id).run();
}

}  // namespace

std::map<std::string, Known> shared_blocks_of(Database& from, Database& home) {
  std::map<std::string, Known> blocks;
  Statement row(from.get(), "SELECT DISTINCT id FROM shared_block");
  while (row.step()) {
    const auto id = row.text(0);
    const auto here = versions_of(home, id);
    blocks[id] = here.empty()                    ? Known::no
                 : here == versions_of(from, id) ? Known::same
                                                 : Known::otherwise;
  }
  return blocks;
}

std::vector<KnownArchive> leave_known_archives(Database& from, Database& home) {
  std::vector<KnownArchive> known;
  {
    constexpr const char* kArchives =
        "SELECT id, head_branch FROM agent WHERE kind = 'archive' AND deleted_us IS NULL";
    Statement there(from.get(), kArchives);
    Statement here(home.get(), std::string(kArchives) + " AND id = ?1");
    while (there.step())
      if (here.bind(there.view(0)).step() && goes_on(from, there.integer(1), home, here.integer(1)))
        known.push_back({there.text(0), there.integer(1), here.integer(1)});
  }
  for (const auto& archive : known) forget(from, archive);
  return known;
}

std::optional<std::string> with_archives(
    std::string_view config, const std::function<std::string(const std::string& there)>& here) {
  boost::system::error_code error;
  auto value = json::parse(config, error);
  auto* const object = error ? nullptr : value.if_object();
  auto* const list = object == nullptr ? nullptr : object->if_contains("archives");
  if (list == nullptr || !list->is_array()) return std::nullopt;
  bool differs = false;
  for (auto& entry : list->get_array()) {
    if (!entry.is_object()) continue;
    const auto there = string_or(entry.get_object(), "id");
    const auto name = here(there);
    differs = differs || name != there;
    entry.get_object()["id"] = name;
  }
  if (!differs) return std::nullopt;
  return json::serialize(value);
}

}  // namespace memgpt
