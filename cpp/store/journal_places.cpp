// Where in the history things were written.
#include <algorithm>

#include "store/journal.h"
#include "store/rows.h"

namespace memgpt {

namespace {

// The pieces of a line that an agent wrote itself.
std::vector<Lineage::Segment> own_segments(Database& db, const Lineage& line,
                                           const std::string& agent_id) {
  auto& owner = db.prepare("SELECT 1 FROM branch WHERE id = ?1 AND agent_id = ?2");
  const Reset reset(owner);
  std::vector<Lineage::Segment> own;
  for (const auto& segment : line)
    if (owner.bind(segment.branch, agent_id).step()) own.push_back(segment);
  return own;
}

std::string which(bool calls) {
  return std::string(" FROM step WHERE branch = ?1 AND seq > ?2 AND seq < ?3 AND ") +
         (calls ? "model <> ''" : "kind = 'input'") + " ORDER BY seq";
}

}  // namespace

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

std::vector<PlacedStep> Journal::steps_in(const std::string& agent_id, Head head,
                                          const StepRange& range) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  auto& row = reader.db.prepare(std::string("SELECT ") + kStepColumns + which(range.calls) +
                                (range.newest_first ? " DESC" : ""));
  const Reset reset(row);
  auto segments = own_segments(reader.db, lineage(reader.db, head), agent_id);
  if (range.newest_first) std::reverse(segments.begin(), segments.end());
  std::vector<PlacedStep> steps;
  for (const auto& segment : segments) {
    const auto end = segment.last_seq < range.before ? segment.last_seq + 1 : range.before;
    row.bind(segment.branch, std::max(range.after, segment.first_seq - 1), end);
    while (std::ssize(steps) < range.limit && row.step()) {
      auto step = read_step(row);
      const Head place{segment.branch, step.seq};
      steps.push_back({place, std::move(step)});
    }
  }
  return steps;
}

std::vector<std::pair<TimeUs, Head>> Journal::times_of_steps(const std::string& agent_id, Head head,
                                                             bool calls) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  auto& row = reader.db.prepare("SELECT seq, time_us" + which(calls));
  const Reset reset(row);
  std::vector<std::pair<TimeUs, Head>> times;
  for (const auto& segment : own_segments(reader.db, lineage(reader.db, head), agent_id)) {
    row.bind(segment.branch, segment.first_seq - 1, segment.last_seq + 1);
    while (row.step()) times.emplace_back(row.integer(1), Head{segment.branch, row.integer(0)});
  }
  return times;
}

std::vector<std::pair<Message, Head>> Journal::messages_between(Head head, std::int64_t after,
                                                                std::int64_t before) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  auto& last = reader.db.prepare(
      "SELECT position, seq FROM message WHERE branch = ?1 AND position <= ?2 "
      "ORDER BY position DESC LIMIT 1");
  static const std::string sql = std::string("SELECT ") + kMessageColumns +
                                 ", m.seq FROM message m WHERE m.branch = ?1 AND m.position > ?2 "
                                 "ORDER BY m.position";
  std::vector<std::pair<Message, Head>> messages;
  for (const auto& segment : lineage(reader.db, head)) {
    const auto end = segment.last_seq < before ? segment.last_seq + 1 : before;
    if (segment.last_seq <= after || segment.first_seq >= before) continue;
    const auto begin =
        last_key(last, after, [&](std::int64_t key) { last.bind(segment.branch, key); });
    auto& row = reader.db.prepare(sql);
    const Reset reset(row);
    row.bind(segment.branch, begin);
    while (row.step()) {
      const Head place{segment.branch, row.integer(kMessageColumnCount)};
      if (place.seq >= end) break;
      messages.emplace_back(read_message(row), place);
    }
  }
  return messages;
}

std::string Journal::config(const std::string& agent_id, std::int64_t version) {
  const auto reader = this->reader();
  auto& row = reader.db.prepare("SELECT json FROM config WHERE agent_id = ?1 AND version = ?2");
  const Reset reset(row);
  return row.bind(agent_id, version).step() ? row.text(0) : "";
}

}  // namespace memgpt
