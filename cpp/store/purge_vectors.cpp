// Vectors of passages that a purge changes.
#include "store/purge.h"
#include "store/purge_text.h"

namespace memgpt {

std::vector<std::string> embedders_of(Database& db) {
  std::vector<std::string> names;
  Statement row(db.get(), "SELECT DISTINCT embedder FROM embedding");
  while (row.step()) names.push_back(row.text(0));
  return names;
}

bool has_vector(Database& db, const std::string& embedder, std::int64_t passage) {
  auto& row = db.prepare("SELECT 1 FROM embedding WHERE embedder = ?1 AND passage = ?2");
  const Reset reset(row);
  return row.bind(embedder, passage).step();
}

std::vector<NewVector> changed_passages(Database& db, const std::string& text) {
  const Eraser eraser(text);
  const auto embedders = embedders_of(db);
  std::vector<NewVector> changed;
  Statement row(db.get(), "SELECT id, text FROM passage");
  while (row.step()) {
    if (!eraser.may_be_in(row.view(1))) continue;
    auto after = row.text(1);
    if (!eraser.erase(after)) continue;
    for (const auto& embedder : embedders)
      if (has_vector(db, embedder, row.integer(0)))
        changed.push_back({row.integer(0), embedder, after, {}});
  }
  return changed;
}

}  // namespace memgpt
