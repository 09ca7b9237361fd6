#include "store/lineage.h"

#include <algorithm>
#include <limits>

#include "error.h"

namespace memgpt {

namespace {

constexpr const char* kPointer = "memgpt::Lineage";

void seen(sqlite3_context* context, int /*count*/, sqlite3_value** values) {
  const auto* lineage = static_cast<const Lineage*>(sqlite3_value_pointer(values[0], kPointer));
  const Head head{sqlite3_value_int64(values[1]), sqlite3_value_int64(values[2])};
  sqlite3_result_int(context, lineage != nullptr && lineage->sees(head) ? 1 : 0);
}

}  // namespace

Lineage::Lineage(Database& db, std::int64_t branch) {
  auto& row = db.prepare(
      "SELECT ifnull(parent, 0), ifnull(parent_seq, 0), first_position FROM branch "
      "WHERE id = ?1");
  const Reset reset(row);
  std::int64_t last_seq = std::numeric_limits<std::int64_t>::max();
  while (branch != 0) {
    if (!row.bind(branch).step())
      throw StoreError("branch " + std::to_string(branch) + " is gone from the file");
    const auto parent_seq = row.integer(1);
    // A parent is older than what was begun from it: so a damaged file cannot make a circle.
    const auto parent = row.integer(0);
    if (parent >= branch)
      throw StoreError("branch " + std::to_string(branch) + " cannot begin from branch " +
                       std::to_string(parent));
    segments_.push_back({branch, parent_seq + 1, last_seq, row.integer(2)});
    branch = parent;
    last_seq = parent_seq;
  }
  std::reverse(segments_.begin(), segments_.end());
}

Lineage Lineage::up_to(std::int64_t seq) const {
  Lineage line;
  for (const Segment& segment : segments_) {
    if (segment.first_seq > seq) break;
    line.segments_.push_back(segment);
    line.segments_.back().last_seq = std::min(segment.last_seq, seq);
  }
  return line;
}

std::int64_t Lineage::branch_of(std::int64_t seq) const {
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), seq,
      [](std::int64_t wanted, const Segment& segment) { return wanted < segment.first_seq; });
  if (after == segments_.begin()) return 0;
  const Segment& segment = *(after - 1);
  return seq <= segment.last_seq ? segment.branch : 0;
}

std::int64_t last_key(Statement& row, std::int64_t seq,
                      const std::function<void(std::int64_t)>& bind) {
  const Reset reset(row);
  const auto last_up_to = [&](std::int64_t key) {
    bind(key);
    return row.step() ? row.integer(0) : -1;
  };
  const auto newest = last_up_to(std::numeric_limits<std::int64_t>::max());
  if (newest < 0 || row.integer(1) <= seq) return newest;
  std::int64_t found = -1;
  std::int64_t low = -1;  // no row up to here is too new
  std::int64_t high = newest - 1;
  while (low < high) {
    const auto middle = high - (high - low) / 2;
    const auto key = last_up_to(middle);
    if (key > low && row.integer(1) > seq) {
      high = key - 1;
      continue;
    }
    found = std::max(found, key);
    low = middle;
  }
  return found;
}

std::int64_t end_position(Database& db, const Lineage& line) {
  auto& row = db.prepare(
      "SELECT position, seq FROM message WHERE branch = ?1 AND position <= ?2 "
      "ORDER BY position DESC LIMIT 1");
  const auto& segments = line.segments();
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    const auto last =
        last_key(row, segment->last_seq, [&](std::int64_t key) { row.bind(segment->branch, key); });
    if (last >= 0) return last + 1;
  }
  return 0;
}

void add_lineage_function(Database& db) {
  sqlite3_create_function_v2(db.get(), "seen", 3,
                             SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, nullptr, seen,
                             nullptr, nullptr, nullptr);
}

void Statement::bind_one(int index, const Lineage* value) {
  // SQLite does not write through it, and nothing is to be freed.
  sqlite3_bind_pointer(statement_.get(), index, const_cast<Lineage*>(value),  // NOLINT
                       kPointer, nullptr);
}

}  // namespace memgpt
