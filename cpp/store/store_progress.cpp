// What stores of vectors that programs bring have been told of: all of it can be told again.
#include <cstring>

#include "error.h"
#include "store/journal.h"
#include "store/purge.h"

namespace memgpt {

namespace {

void add_row(VectorRows& rows, const Statement& row, std::int64_t dimension) {
  const auto bytes = row.view(3);
  const auto width = static_cast<std::size_t>(dimension);
  if (bytes.size() != width * sizeof(float))
    throw StoreError("the embedding of a passage has the wrong size in this file");
  rows.ids.push_back(row.integer(0));
  rows.branches.push_back(row.integer(1));
  rows.seqs.push_back(row.integer(2));
  const auto begin = rows.vectors.size();
  rows.vectors.resize(begin + width);
  std::memcpy(rows.vectors.data() + begin, bytes.data(), bytes.size());
}

std::optional<std::int64_t> last_told(Database& db, const std::string& store,
                                      const VectorSet& set) {
  auto& row = db.prepare(
      "SELECT passage FROM store_progress WHERE store = ?1 AND archive = ?2 AND embedder = ?3 AND "
      "dimension = ?4");
  const Reset reset(row);
  if (!row.bind(store, set.archive, set.embedder, set.dimension).step()) return std::nullopt;
  return row.integer(0);
}

void tell_again(Database& db, const std::string& store, const VectorSet& set,
                const std::vector<std::int64_t>& ids) {
  for (const auto id : ids)
    db.prepare("INSERT OR IGNORE INTO store_changed VALUES(?1, ?2, ?3, ?4, ?5)")
        .bind(store, set.archive, set.embedder, set.dimension, id)
        .run();
}

}  // namespace

// The row is there before the first vector leaves: a purge sees by it who may have them.
void Journal::begin_telling(const std::string& store, const VectorSet& set) {
  {
    const auto reader = this->reader();
    if (last_told(reader.db, store, set)) return;
  }
  queue_.write([&] {
    writer_db_.prepare("INSERT OR IGNORE INTO store_progress VALUES(?1, ?2, ?3, ?4, 0)")
        .bind(store, set.archive, set.embedder, set.dimension)
        .run();
  });
}

Untold Journal::untold(const std::string& store, const VectorSet& set, std::int64_t limit) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  Untold batch;
  batch.purge = memgpt::newest_purge(reader.db);
  batch.last = last_told(reader.db, store, set).value_or(0);
  auto& row = reader.db.prepare(
      "SELECT p.id, p.branch, p.seq, e.vector FROM passage p JOIN embedding e ON e.passage = p.id "
      "AND e.embedder = ?2 AND e.dimension = ?3 WHERE p.archive = ?1 AND p.id > ?4 ORDER BY p.id "
      "LIMIT ?5");
  const Reset reset(row);
  row.bind(set.archive, set.embedder, set.dimension, batch.last, limit);
  while (row.step()) {
    add_row(batch.rows, row, set.dimension);
    batch.last = row.integer(0);
  }
  return batch;
}

// What was purged while the rows were on their way may have come to the store before them.
void Journal::acknowledge(const std::string& store, const VectorSet& set, const Untold& batch) {
  queue_.write([&] {
    if (memgpt::newest_purge(writer_db_) != batch.purge) {
      tell_again(writer_db_, store, set, batch.rows.ids);
      return;
    }
    writer_db_
        .prepare(
            "UPDATE store_progress SET passage = max(passage, ?5) WHERE store = ?1 AND archive = "
            "?2 AND embedder = ?3 AND dimension = ?4")
        .bind(store, set.archive, set.embedder, set.dimension, batch.last)
        .run();
  });
}

std::optional<ChangedRows> Journal::changed(const std::string& store, std::int64_t limit) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  ChangedRows batch;
  batch.purge = memgpt::newest_purge(reader.db);
  {
    auto& row = reader.db.prepare(
        "SELECT archive, embedder, dimension FROM store_changed WHERE store = ?1 LIMIT 1");
    const Reset reset(row);
    if (!row.bind(store).step()) return std::nullopt;
    batch.set = {row.text(0), row.text(1), row.integer(2)};
  }
  const auto& set = batch.set;
  auto& ids = reader.db.prepare(
      "SELECT passage FROM store_changed WHERE store = ?1 AND archive = ?2 AND embedder = ?3 AND "
      "dimension = ?4 LIMIT ?5");
  const Reset reset_ids(ids);
  ids.bind(store, set.archive, set.embedder, set.dimension, limit);
  while (ids.step()) batch.ids.push_back(ids.integer(0));
  auto& row = reader.db.prepare(
      "SELECT p.id, p.branch, p.seq, e.vector FROM passage p JOIN embedding e ON e.passage = p.id "
      "AND e.embedder = ?2 AND e.dimension = ?3 WHERE p.archive = ?1 AND p.id = ?4");
  const Reset reset(row);
  for (const auto id : batch.ids) {
    row.bind(set.archive, set.embedder, set.dimension, id);
    if (row.step()) add_row(batch.rows, row, set.dimension);
  }
  return batch;
}

void Journal::acknowledge(const std::string& store, const ChangedRows& batch) {
  queue_.write([&] {
    if (memgpt::newest_purge(writer_db_) != batch.purge) return;  // and it is told again
    for (const auto id : batch.ids)
      writer_db_
          .prepare(
              "DELETE FROM store_changed WHERE store = ?1 AND archive = ?2 AND embedder = ?3 AND "
              "dimension = ?4 AND passage = ?5")
          .bind(store, batch.set.archive, batch.set.embedder, batch.set.dimension, id)
          .run();
  });
}

void Journal::tell_all_again() {
  {
    const auto reader = this->reader();
    auto& row = reader.db.prepare("SELECT 1 FROM store_progress LIMIT 1");
    const Reset reset(row);
    if (!row.step()) return;
  }
  queue_.write([&] { writer_db_.prepare("UPDATE store_progress SET passage = 0").run(); });
}

void tell_stores_of(Database& db, const std::string& which) {
  db.execute(("INSERT OR IGNORE INTO store_changed SELECT s.store, s.archive, s.embedder, "
              "s.dimension, t.id FROM passage t JOIN store_progress s ON s.archive = t.archive " +
              which)
                 .c_str());
}

void tell_stores_of(Database& db, std::int64_t passage, const std::string& embedder) {
  db.prepare(
        "INSERT OR IGNORE INTO store_changed SELECT s.store, s.archive, s.embedder, s.dimension, "
        "t.id FROM passage t JOIN store_progress s ON s.archive = t.archive WHERE t.id = ?1 AND "
        "s.embedder = ?2")
      .bind(passage, embedder)
      .run();
}

// The file gives the ids behind the last one again.
void follow_last_passage(Database& db) {
  db.execute(
      "UPDATE store_progress SET passage = min(passage, (SELECT ifnull(max(id), 0) FROM passage))");
}

}  // namespace memgpt
