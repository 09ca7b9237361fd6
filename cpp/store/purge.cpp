#include "store/purge.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "error.h"
#include "store/polling.h"
#include "store/purge_text.h"

namespace memgpt {

namespace {

// Behind what a purge did, until no page of the file holds it any more.
constexpr std::string_view kPending = " (not compacted)";

void append_count(std::string& words, std::int64_t count, const char* one, const char* more) {
  if (count == 0) return;
  if (!words.empty()) words += ", ";
  words += std::to_string(count) + ' ' + (count == 1 ? one : more);
}

std::string counts(const Purged& purged) {
  std::string words;
  append_count(words, purged.agents, "agent", "agents");
  append_count(words, purged.archives, "archive", "archives");
  append_count(words, purged.messages, "message", "messages");
  append_count(words, purged.blocks, "version of a memory block", "versions of memory blocks");
  append_count(words, purged.passages, "passage", "passages");
  append_count(words, purged.summaries, "summary", "summaries");
  append_count(words, purged.replies, "reply", "replies");
  append_count(words, purged.tool_runs, "tool run", "tool runs");
  append_count(words, purged.configurations, "configuration", "configurations");
  return words;
}

void add(Purged& sum, const Purged& more) {
  sum.messages += more.messages;
  sum.blocks += more.blocks;
  sum.passages += more.passages;
  sum.summaries += more.summaries;
  sum.replies += more.replies;
  sum.tool_runs += more.tool_runs;
  sum.configurations += more.configurations;
  sum.commits += more.commits;
  sum.agents += more.agents;
  sum.archives += more.archives;
  sum.vectors_lost += more.vectors_lost;
  sum.names += more.names;
}

std::string lines_in_words(const PurgeRequest& request, const Purged& gone) {
  std::string words;
  append_count(words, gone.commits, "commit", "commits");
  const auto held = counts(gone);
  if (!held.empty()) words += (words.empty() ? "" : ", ") + held;
  const char* whose = request.deleted && request.undone ? "what was deleted or undone: "
                      : request.deleted                 ? "what only deleted agents could see: "
                                                        : "what was undone: ";
  return whose + words;
}

PurgeRow read_purge(const Statement& row) {
  PurgeRow purge{row.integer(0), row.integer(1), row.text(2)};
  if (purge.what.ends_with(kPending)) {
    purge.what.resize(purge.what.size() - kPending.size());
    purge.compacted = false;
  }
  return purge;
}

std::vector<PurgeRow> purges_of(Database& db) {
  std::vector<PurgeRow> purges;
  Statement row(db.get(), "SELECT id, time_us, what FROM purge ORDER BY id");
  while (row.step()) purges.push_back(read_purge(row));
  return purges;
}

// All that is asked for, or nothing.
Purged destroy(Database& db, const PurgeRequest& request) {
  // What was there stands nowhere else: neither in pages that are free, nor in temporary files.
  db.execute("PRAGMA secure_delete = ON");
  db.execute("PRAGMA temp_store = MEMORY");
  Transaction transaction(db);
  Purged purged;
  if (request.deleted || request.undone) {
    purged = purge_lines(db, request.deleted, request.undone);
    if (purged.commits + purged.agents + purged.archives > 0)
      purged.what = lines_in_words(request, purged);
  }
  const auto id = memgpt::newest_purge(db) + 1;
  if (!request.text.empty()) {
    const auto changed = purge_text(db, request, id);
    const auto where = counts(changed);
    add(purged, changed);
    if (!where.empty())
      purged.what += (purged.what.empty() ? "" : "; ") +
                     ("a text of " + std::to_string(Eraser(request.text).characters()) +
                      " characters in " + where);
  }
  if (purged.what.empty()) return purged;
  purged.id = id;
  db.prepare("INSERT INTO purge(id, time_us, what) VALUES(?1, ?2, ?3)")
      .bind(id, request.now_us, purged.what + std::string(kPending))
      .run();
  transaction.commit();
  return purged;
}

// True where neither the log beside the file nor a page that is free holds anything.
bool truncate_log(Database& db) {
  Statement row(db.get(), "PRAGMA wal_checkpoint(TRUNCATE)");
  return row.step() && row.integer(0) == 0;
}

void wait_for_log(Database& db, double wait_s, const std::function<void()>& poll) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::duration<double>(wait_s);
  while (!truncate_log(db)) {
    if (Clock::now() >= deadline)
      throw StoreError("another process is reading the file; close what reads it");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (poll) poll();
  }
}

}  // namespace

std::int64_t newest_purge(Database& db) {
  auto& row = db.prepare("SELECT max(id) FROM purge");
  const Reset reset(row);
  return row.step() ? row.integer(0) : 0;
}

std::int64_t Journal::newest_purge() {
  const auto reader = this->reader();
  return memgpt::newest_purge(reader.db);
}

std::vector<PurgeRow> Journal::purges() {
  const auto reader = this->reader();
  return purges_of(reader.db);
}

std::vector<NewVector> Journal::changed_passages(const std::string& text) {
  const auto reader = this->reader();
  return memgpt::changed_passages(reader.db, text);
}

Purged Journal::purge(const PurgeRequest& request) {
  const std::scoped_lock lock(writer_mutex_);
  writer_db_.check_in_place();
  Database db(path_);
  db.execute(durability_ == Durability::full ? "PRAGMA synchronous = FULL"
                                             : "PRAGMA synchronous = NORMAL");
  const Polling polling(db, request.poll);
  try {
    return destroy(db, request);
  } catch (const Error&) {
    polling.rethrow();
    throw;
  }
}

void Journal::compact(double wait_s, const std::function<void()>& poll) {
  const std::scoped_lock lock(writer_mutex_);
  writer_db_.check_in_place();
  Database db(path_);
  const auto purges = purges_of(db);
  const auto waits = std::any_of(purges.begin(), purges.end(),
                                 [](const PurgeRow& purge) { return !purge.compacted; });
  if (!waits) return;
  sqlite3_busy_timeout(db.get(), static_cast<int>(wait_s * 1000));
  {
    const Polling polling(db, poll);
    try {
      db.execute("VACUUM");
    } catch (const Error&) {
      polling.rethrow();
      throw;
    }
  }
  sqlite3_busy_timeout(db.get(), 0);
  wait_for_log(db, wait_s, poll);
  sqlite3_busy_timeout(db.get(), static_cast<int>(wait_s * 1000));
  for (const auto& purge : purges)
    if (!purge.compacted)
      db.prepare("UPDATE purge SET what = ?2 WHERE id = ?1").bind(purge.id, purge.what).run();
}

namespace {

std::int64_t purge_of(Database& db, Head place) {
  auto& row = db.prepare("SELECT ifnull(purged, 0) FROM step WHERE branch = ?1 AND seq = ?2");
  const Reset reset(row);
  return row.bind(place.branch, place.seq).step() ? row.integer(0) : 0;
}

}  // namespace

// Costs what the state holds.
PurgedRows Journal::purged_rows(const AgentState& state) {
  PurgedRows rows;
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  if (memgpt::newest_purge(reader.db) == 0) return rows;
  const auto line = lineage(reader.db, state.agent.head);
  if (!state.messages.empty()) {
    auto& row = reader.db.prepare(
        "SELECT m.position, s.purged FROM message m JOIN step s ON s.branch = m.branch AND "
        "s.seq = m.seq WHERE m.branch = ?1 AND m.seq <= ?2 AND m.position >= ?3 AND "
        "s.purged IS NOT NULL");
    const Reset reset(row);
    for (const auto& segment : line) {
      row.bind(segment.branch, segment.last_seq, state.messages.front().position);
      while (row.step()) rows.messages[row.integer(0)] = row.integer(1);
    }
  }
  for (const auto& version : state.blocks)
    if (const auto id = purge_of(reader.db, line.place(version.block.version)); id > 0)
      rows.blocks[version.block.id] = id;
  if (state.summary) {
    auto& row = reader.db.prepare("SELECT branch, seq FROM summary WHERE id = ?1");
    const Reset reset(row);
    if (row.bind(state.summary->id).step())
      rows.summary = purge_of(reader.db, {row.integer(0), row.integer(1)});
  }
  auto& row = reader.db.prepare(
      "SELECT seq FROM config WHERE branch = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1");
  const Reset reset(row);
  const auto& segments = line.segments();
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment)
    if (row.bind(segment->branch, segment->last_seq).step()) {
      rows.config = purge_of(reader.db, {segment->branch, row.integer(0)});
      break;
    }
  return rows;
}

}  // namespace memgpt
