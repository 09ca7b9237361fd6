// Vectors that come before or after their passages: staged for a commit, or made by another
// embedder.
#include <cstring>

#include "error.h"
#include "store/journal.h"
#include "store/purge.h"

namespace memgpt {

namespace {

constexpr const char* kWithoutVector =
    "FROM passage p WHERE p.archive = ?1 AND p.id > ?3 AND NOT EXISTS (SELECT 1 FROM embedding e "
    "WHERE e.embedder = ?2 AND e.passage = p.id)";

}  // namespace

std::vector<std::vector<float>> Journal::staged_vectors(const std::string& embedder,
                                                        std::size_t dimension,
                                                        const std::vector<Digest>& texts) {
  std::vector<std::vector<float>> vectors(texts.size());
  const auto reader = this->reader();
  auto& row =
      reader.db.prepare("SELECT vector FROM staged_vector WHERE embedder = ?1 AND digest = ?2");
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Reset reset(row);
    if (!row.bind(embedder, to_hex(texts[i])).step()) continue;
    const auto bytes = row.view(0);
    if (bytes.size() != dimension * sizeof(float)) continue;
    vectors[i].resize(dimension);
    std::memcpy(vectors[i].data(), bytes.data(), bytes.size());
  }
  return vectors;
}

void Journal::stage_vectors(const std::string& embedder, const std::vector<Digest>& texts,
                            std::span<const float> vectors) {
  if (texts.empty()) return;
  const auto dimension = vectors.size() / texts.size();
  queue_.write(
      [&] {
        auto& row = writer_db_.prepare(
            "INSERT OR REPLACE INTO staged_vector(embedder, digest, vector) VALUES(?1, ?2, ?3)");
        for (std::size_t i = 0; i < texts.size(); ++i)
          row.bind(embedder, to_hex(texts[i]), vectors.subspan(i * dimension, dimension)).run();
      },
      texts.size());
}

void Journal::drop_staged(const std::string& embedder, const std::vector<Digest>& texts) {
  queue_.write(
      [&] {
        auto& row =
            writer_db_.prepare("DELETE FROM staged_vector WHERE embedder = ?1 AND digest = ?2");
        for (const auto& text : texts) row.bind(embedder, to_hex(text)).run();
      },
      texts.size());
}

std::vector<PassageRow> Journal::without_vector(const std::string& archive,
                                                const std::string& embedder, std::int64_t after,
                                                std::int64_t limit) {
  std::vector<PassageRow> rows;
  const auto reader = this->reader();
  static const std::string sql =
      std::string("SELECT p.id, p.text ") + kWithoutVector + " ORDER BY p.id LIMIT ?4";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  row.bind(archive, embedder, after, limit);
  while (row.step()) {
    rows.emplace_back().id = row.integer(0);
    rows.back().passage.text = row.text(1);
  }
  return rows;
}

std::int64_t Journal::count_without_vector(const std::string& archive,
                                           const std::string& embedder) {
  const auto reader = this->reader();
  static const std::string sql = std::string("SELECT count(*) ") + kWithoutVector;
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  row.bind(archive, embedder, 0).step();
  return row.integer(0);
}

void Journal::check_dimension(const std::string& embedder, std::size_t dimension) {
  const auto reader = this->reader();
  auto& row = reader.db.prepare("SELECT dimension FROM embedding WHERE embedder = ?1 LIMIT 1");
  const Reset reset(row);
  if (!row.bind(embedder).step() || row.integer(0) == static_cast<std::int64_t>(dimension)) return;
  throw ConfigError("this file has vectors by \"" + embedder + "\" of " + row.text(0) +
                    " dimensions, and it now makes " + std::to_string(dimension) +
                    ": give the embedder another name, e.g. \"" + embedder + "-" +
                    std::to_string(dimension) + "\"");
}

void Journal::add_vectors(const std::string& archive, const std::string& embedder,
                          const std::vector<PassageRow>& rows, std::span<const float> vectors) {
  if (rows.empty()) return;
  const auto dimension = vectors.size() / rows.size();
  queue_.write(
      [&] {
        // A purge may have taken a passage, or somebody else has done the same work.
        auto& row = writer_db_.prepare(
            "INSERT OR IGNORE INTO embedding(passage, embedder, dimension, vector) SELECT ?1, ?2, "
            "?3, ?4 WHERE EXISTS (SELECT 1 FROM passage WHERE id = ?1 AND text = ?5)");
        for (std::size_t i = 0; i < rows.size(); ++i) {
          row.bind(rows[i].id, embedder, static_cast<std::int64_t>(dimension),
                   vectors.subspan(i * dimension, dimension), rows[i].passage.text)
              .run();
          tell_stores_of(writer_db_, rows[i].id, embedder);
        }
        writer_db_
            .prepare(
                "INSERT INTO vector_epoch(archive, embedder, epoch) VALUES(?1, ?2, 1) "
                "ON CONFLICT DO UPDATE SET epoch = epoch + 1")
            .bind(archive, embedder)
            .run();
      },
      rows.size());
}

}  // namespace memgpt
