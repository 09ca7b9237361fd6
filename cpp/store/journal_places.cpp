// Where in the history things were written.
#include "store/journal.h"
#include "store/rows.h"

namespace memgpt {

std::vector<Head> Journal::places(Head head, std::int64_t from_position, std::int64_t limit) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  auto& row = reader.db.prepare(
      "SELECT seq FROM message WHERE branch = ?1 AND seq <= ?2 AND position >= ?3 ORDER BY "
      "position");
  const Reset reset(row);
  std::vector<Head> places;
  for (const auto& segment : lineage(reader.db, head)) {
    row.bind(segment.branch, segment.last_seq, from_position);
    while (std::ssize(places) < limit && row.step())
      places.push_back({segment.branch, row.integer(0)});
  }
  return places;
}

std::optional<std::int64_t> Journal::position_of(Head head, const std::string& message_id) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  auto& row = reader.db.prepare("SELECT branch, seq, position FROM message WHERE uid = ?1");
  const Reset reset(row);
  if (!row.bind(message_id).step()) return std::nullopt;
  for (const auto& segment : lineage(reader.db, head))
    if (segment.branch == row.integer(0) && row.integer(1) <= segment.last_seq)
      return row.integer(2);
  return std::nullopt;
}

std::optional<std::pair<StepRow, std::string>> Journal::step(Head place) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  static const std::string sql =
      std::string("SELECT ") + kStepColumns + " FROM step WHERE branch = ?1 AND seq = ?2";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(place.branch, place.seq).step()) return std::nullopt;
  auto step = read_step(row);
  auto& owner = reader.db.prepare("SELECT agent_id FROM branch WHERE id = ?1");
  const Reset reset_owner(owner);
  if (!owner.bind(place.branch).step()) return std::nullopt;
  return std::pair(std::move(step), owner.text(0));
}

}  // namespace memgpt
