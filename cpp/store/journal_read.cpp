// The journal's reading half.
#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <unordered_set>

#include "error.h"
#include "store/journal.h"
#include "store/purge.h"
#include "store/rows.h"
#include "store/shared_blocks.h"

namespace memgpt {

namespace {

// Calls `read` with a statement that is bound to each branch of a line, the newest first, until it
// returns true. ?1 is the branch, ?2 the last commit.
template <typename Read>
bool newest_first(Statement& row, const Lineage& line, const Read& read) {
  const Reset reset(row);
  const auto& segments = line.segments();
  return std::any_of(segments.rbegin(), segments.rend(), [&](const Lineage::Segment& segment) {
    return read(row.bind(segment.branch, segment.last_seq));
  });
}

// Every row that a line has of a table, the oldest first; `more` is bound from ?3 on.
template <typename Read, typename... More>
void oldest_first(Statement& row, const Lineage& line, const Read& read, const More&... more) {
  const Reset reset(row);
  for (const auto& segment : line) {
    row.bind(segment.branch, segment.last_seq, more...);
    while (row.step()) read(row);
  }
}

// The configuration is not undone: the newest is in force, on whatever line it was set. `past`: as
// it was then.
void load_config(Database& db, const Lineage& line, bool past, AgentState& state) {
  std::int64_t seen = 0;
  auto& on_line = db.prepare(
      "SELECT version, json, seq FROM config WHERE branch = ?1 AND seq <= ?2 "
      "ORDER BY seq DESC LIMIT 1");
  const bool found = newest_first(on_line, line, [&](Statement& row) {
    if (!row.step()) return false;
    state.config_version = row.integer(0);
    state.config = row.text(1);
    seen = row.integer(2);
    return true;
  });
  if (!past) {
    auto& row = db.prepare(
        "SELECT version, json, branch, seq FROM config WHERE agent_id = ?1 "
        "ORDER BY version DESC LIMIT 1");
    const Reset reset(row);
    if (row.bind(state.agent.id).step()) {
      const Head place{row.integer(2), row.integer(3)};
      state.config_elsewhere = !found || line.place(seen) != place;
      state.config_version = row.integer(0);
      state.config = row.text(1);
      return;
    }
  }
  if (!found)
    throw StoreError("agent \"" + state.agent.name + "\" has no configuration in this file");
}

// Their names one after the other: what a block once held costs nothing.
std::vector<std::string> block_ids(Database& db, std::int64_t branch) {
  std::vector<std::string> ids;
  auto& row = db.prepare("SELECT id FROM block WHERE branch = ?1 AND id > ?2 ORDER BY id LIMIT 1");
  const Reset reset(row);
  while (row.bind(branch, ids.empty() ? "" : ids.back()).step()) {
    auto id = row.text(0);
    // A file that was changed by hand may hold what is no text, and sorts behind all texts.
    if (!ids.empty() && id <= ids.back()) break;
    ids.push_back(std::move(id));
  }
  return ids;
}

// `past`: as they were then, those that are shared, too.
std::vector<BlockVersion> load_blocks(Database& db, const Lineage& line, bool past, Head head) {
  std::vector<BlockVersion> blocks;
  static const std::string sql = std::string("SELECT ") + kBlockColumns +
                                 " FROM block b WHERE b.branch = ?1 AND b.id = ?2 AND b.seq <= ?3 "
                                 "ORDER BY b.seq DESC LIMIT 1";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  std::unordered_set<std::string> known;
  const auto& segments = line.segments();
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment)
    for (auto& id : block_ids(db, segment->branch)) {
      if (known.contains(id) || !row.bind(segment->branch, id, segment->last_seq).step()) continue;
      auto version = read_block(row);
      known.insert(std::move(id));
      if (version.detached) continue;
      if (version.shared > 0 && !past) follow_shared(db, version, head);
      blocks.push_back(std::move(version));
    }
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const auto& a, const auto& b) { return a.place < b.place; });
  return blocks;
}

void load_window(Database& db, const Lineage& line, AgentState& state) {
  static const std::string newest =
      std::string("SELECT ") + kWindowColumns +
      " FROM window w WHERE w.branch = ?1 AND w.seq <= ?2 ORDER BY w.seq DESC LIMIT 1";
  newest_first(db.prepare(newest), line, [&](Statement& row) {
    const bool found = row.step();
    if (found) state.window = read_window(row);
    return found;
  });
  if (!state.window.summary) return;
  static const std::string sql =
      std::string("SELECT ") + kSummaryColumns + " FROM summary s WHERE s.id = ?1";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  if (row.bind(*state.window.summary).step()) state.summary = read_summary(row);
}

void load_pins(Database& db, const Lineage& line, AgentState& state) {
  auto& rows = db.prepare(
      "SELECT position, pinned FROM pin WHERE branch = ?1 AND seq <= ?2 "
      "ORDER BY position, seq DESC");
  std::map<std::int64_t, bool> pins;
  newest_first(rows, line, [&](Statement& row) {
    while (row.step()) pins.emplace(row.integer(0), row.integer(1) != 0);
    return false;
  });
  for (const auto& [position, pinned] : pins)
    if (pinned) state.pins.push_back(position);
}

void load_last_call(Database& db, const Lineage& line, AgentState& state) {
  static const std::string sql =
      std::string("SELECT ") + kStepColumns +
      " FROM step WHERE branch = ?1 AND seq <= ?2 AND digest IS NOT NULL ORDER BY seq DESC LIMIT 1";
  newest_first(db.prepare(sql), line, [&](Statement& row) {
    const bool found = row.step();
    if (found) state.last_call = read_step(row);
    return found;
  });
}

// Of messages [from, to) of a line, in order, until `read` returns false.
template <typename Read>
void read_messages(Database& db, const Lineage& line, std::int64_t from, std::int64_t to,
                   const Read& read) {
  static const std::string sql = std::string("SELECT ") + kMessageColumns +
                                 ", m.tokenizer FROM message m WHERE m.branch = ?1 AND m.seq <= ?2 "
                                 "AND m.position >= ?3 AND m.position < ?4 ORDER BY m.position";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  const auto& segments = line.segments();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto end = i + 1 < segments.size() ? segments[i + 1].first_position : to;
    const auto first = std::max(from, segments[i].first_position);
    if (first >= std::min(end, to)) continue;
    row.bind(segments[i].branch, segments[i].last_seq, first, std::min(end, to));
    while (row.step())
      if (!read(row)) return;
  }
}

void load_messages(Database& db, const Lineage& line, AgentState& state) {
  state.next_position = end_position(db, line);
  if (state.next_position == 0) return;
  read_messages(db, line, state.next_position - 1, state.next_position, [&](Statement& row) {
    const Message last = read_message(row);
    state.session = last.session;
    state.last_time_us = last.time_us;
    return true;
  });
  constexpr int kTokenizer = kMessageColumnCount;
  for (std::size_t i = 0; i < state.window.ranges.size(); ++i) {
    const auto range = state.window.ranges[i];
    const bool last = i + 1 == state.window.ranges.size();
    read_messages(db, line, range.begin, last ? state.next_position : range.end,
                  [&](Statement& row) {
                    state.messages.push_back(read_message(row));
                    state.tokenizers.push_back(row.text(kTokenizer));
                    return true;
                  });
  }
}

// Counted where the last commit did not record it.
std::int64_t count_passages(Database& db, const Lineage& line, const AgentRow& agent) {
  {
    auto& row = db.prepare("SELECT passages FROM step WHERE branch = ?1 AND seq = ?2");
    const Reset reset(row);
    if (row.bind(agent.head.branch, agent.head.seq).step() && !row.is_null(0))
      return row.integer(0);
  }
  static const std::string sql =
      std::string("SELECT count(*) FROM passage p WHERE ") + kPassageIsSeen;
  auto& row = db.prepare(sql);
  const Reset reset(row);
  return row.bind(agent.archive, &line).step() ? row.integer(0) : 0;
}

constexpr const char* kAgentColumns =
    "id, name, created_us, head_branch, head_seq, line_branch, line_seq, archive";

AgentRow read_agent(const Statement& row) {
  return {row.text(0),
          row.text(1),
          row.integer(2),
          {row.integer(3), row.integer(4)},
          {row.integer(5), row.integer(6)},
          row.text(7)};
}

AgentRow living_agent(Database& db, const std::string& agent_id) {
  static const std::string sql =
      std::string("SELECT ") + kAgentColumns + " FROM agent WHERE id = ?1 AND deleted_us IS NULL";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(agent_id).step())
    throw AgentNotFound("this agent was deleted; its name is free for a new one");
  return read_agent(row);
}

}  // namespace

std::optional<AgentRow> Journal::find_agent(const std::string& name, AgentKind kind) {
  const auto reader = this->reader();
  static const std::string sql = std::string("SELECT ") + kAgentColumns +
                                 " FROM agent WHERE kind = ?1 AND name = ?2 AND deleted_us IS NULL";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(name_of(kind), name).step()) return std::nullopt;
  return read_agent(row);
}

std::vector<AgentRow> Journal::agents(AgentKind kind) {
  const auto reader = this->reader();
  static const std::string sql =
      std::string("SELECT ") + kAgentColumns +
      " FROM agent WHERE kind = ?1 AND deleted_us IS NULL ORDER BY created_us, name";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  row.bind(name_of(kind));
  std::vector<AgentRow> rows;
  while (row.step()) rows.push_back(read_agent(row));
  return rows;
}

std::optional<AgentRow> Journal::archive(const std::string& archive_id) {
  const auto reader = this->reader();
  static const std::string sql = std::string("SELECT ") + kAgentColumns +
                                 " FROM agent WHERE id = ?1 AND kind = 'archive' AND deleted_us IS "
                                 "NULL";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(archive_id).step()) return std::nullopt;
  return read_agent(row);
}

AgentRow Journal::agent_row(const std::string& agent_id) {
  const auto reader = this->reader();
  return living_agent(reader.db, agent_id);
}

std::vector<BranchRow> Journal::branches(const std::string& agent_id) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  const auto agent = living_agent(reader.db, agent_id);
  // How much of each the agent's lines have: what others wrote behind that is theirs.
  std::map<std::int64_t, std::int64_t> ids;
  const auto add = [&](const Lineage& line) {
    for (const auto& segment : line) {
      auto& last = ids[segment.branch];
      last = std::max(last, segment.last_seq);
    }
  };
  for (const Head head : {agent.head, agent.line}) add(lineage(reader.db, head));
  {
    std::vector<std::int64_t> own;
    {
      auto& row = reader.db.prepare("SELECT id FROM branch WHERE agent_id = ?1");
      const Reset reset(row);
      row.bind(agent_id);
      while (row.step()) own.push_back(row.integer(0));
    }
    for (const auto id : own)
      add(lineage(reader.db, {id, std::numeric_limits<std::int64_t>::max()}));
  }
  auto& row = reader.db.prepare(
      "SELECT b.id, b.agent_id, ifnull(b.parent, 0), ifnull(b.parent_seq, 0), b.created_us, s.seq, "
      "s.time_us FROM branch b JOIN step s ON s.branch = b.id WHERE b.id = ?1 AND s.seq <= ?2 "
      "ORDER BY s.seq DESC LIMIT 1");
  const Reset reset(row);
  std::vector<BranchRow> rows;
  for (const auto& [id, last] : ids)
    if (row.bind(id, last).step())
      rows.push_back({row.integer(0),
                      row.text(1),
                      {row.integer(2), row.integer(3)},
                      row.integer(5),
                      row.integer(4),
                      row.integer(6)});
  return rows;
}

std::vector<TagRow> Journal::tags(const std::string& agent_id) {
  const auto reader = this->reader();
  auto& row = reader.db.prepare(
      "SELECT name, branch, seq, time_us FROM tag WHERE agent_id = ?1 ORDER BY time_us, name");
  const Reset reset(row);
  row.bind(agent_id);
  std::vector<TagRow> tags;
  while (row.step())
    tags.push_back({row.text(0), {row.integer(1), row.integer(2)}, row.integer(3)});
  return tags;
}

// By the writer's connection, for any other one counts the commits of this process, too.
std::optional<std::int64_t> Journal::data_version(bool wait) {
  std::unique_lock lock(writer_mutex_, std::defer_lock);
  if (wait)
    lock.lock();
  else if (!lock.try_lock())
    return std::nullopt;
  auto& row = writer_db_.prepare("PRAGMA data_version");
  const Reset reset(row);
  return row.step() ? row.integer(0) : 0;
}

Journal::Reader Journal::reader() { return {std::unique_lock(reader_mutex_), reader_db_}; }

Lineage Journal::lineage(Database& db, Head head) {
  // A branch that is begun after a purge may have the number of one that is gone.
  if (const auto purge = memgpt::newest_purge(db); purge != lineages_purge_) {
    lineages_.clear();
    lineages_purge_ = purge;
  }
  auto known = lineages_.find(head.branch);
  if (known == lineages_.end())
    known = lineages_.emplace(head.branch, Lineage(db, head.branch)).first;
  return known->second.up_to(head.seq);
}

AgentState Journal::load(const std::string& agent_id, std::optional<Head> at) {
  const auto reader = this->reader();
  Database& db = reader.db;
  // One read transaction, so that all parts are of the same head; it ends with this call.
  const ReadTransaction transaction(db);
  AgentState state;
  state.purge = memgpt::newest_purge(db);
  state.agent = living_agent(db, agent_id);
  if (at) state.agent.head = *at;
  const auto line = lineage(db, state.agent.head);
  state.agent.head = at ? line.place(at->seq) : state.agent.head;
  // An agent whose head was changed by hand can still be opened, and replay says what is wrong.
  load_config(db, line, at.has_value(), state);
  state.blocks = load_blocks(db, line, at.has_value(), state.agent.head);
  load_window(db, line, state);
  load_messages(db, line, state);
  load_last_call(db, line, state);
  load_pins(db, line, state);
  state.passages = count_passages(db, line, state.agent);
  return state;
}

std::vector<BlockVersion> Journal::blocks(Head head) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  return load_blocks(reader.db, lineage(reader.db, head), false, head);
}

std::int64_t Journal::passages(const AgentRow& agent) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  return count_passages(reader.db, lineage(reader.db, agent.head), agent);
}

// SQLite would rather go through the archive, which holds them all.
std::optional<PassageRow> Journal::find_passage(const AgentRow& agent, const std::string& id,
                                                const std::string& embedder) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  const auto line = lineage(reader.db, agent.head);
  static const std::string sql = std::string("SELECT ") + kPassageColumns +
                                 ", p.id, p.seq FROM passage p INDEXED BY passage_uid WHERE "
                                 "p.uid = ?3 AND " +
                                 kPassageIsSeen + " ORDER BY p.id DESC LIMIT 1";
  constexpr int kId = 7;
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(agent.archive, &line, id).step()) return std::nullopt;
  PassageRow found{row.integer(kId), row.integer(kId + 1), read_passage(row), ""};
  auto& vector =
      reader.db.prepare("SELECT vector FROM embedding WHERE embedder = ?1 AND passage = ?2");
  const Reset reset_vector(vector);
  if (!vector.bind(embedder, found.id).step()) return found;
  const auto bytes = vector.view(0);
  found.passage.embedder = embedder;
  found.passage.vector.resize(bytes.size() / sizeof(float));
  std::memcpy(found.passage.vector.data(), bytes.data(),
              found.passage.vector.size() * sizeof(float));
  return found;
}

CommitCursor Journal::cursor_after(Head head) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  const auto line = lineage(reader.db, head);
  auto& row = reader.db.prepare(
      "SELECT id, seq FROM passage WHERE branch = ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1");
  std::int64_t passage = -1;
  const auto& segments = line.segments();
  for (auto segment = segments.rbegin(); segment != segments.rend() && passage < 0; ++segment)
    passage =
        last_key(row, segment->last_seq, [&](std::int64_t key) { row.bind(segment->branch, key); });
  return {head.seq, end_position(reader.db, line), std::max<std::int64_t>(0, passage)};
}

std::vector<StepRow> Journal::steps(Head head) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  static const std::string sql = std::string("SELECT ") + kStepColumns +
                                 " FROM step WHERE branch = ?1 AND seq <= ?2 ORDER BY seq";
  std::vector<StepRow> steps;
  oldest_first(reader.db.prepare(sql), lineage(reader.db, head),
               [&](Statement& row) { steps.push_back(read_step(row)); });
  return steps;
}

void Journal::kinds_back(
    Head head, const std::function<bool(std::int64_t seq, const std::string& kind)>& more) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  auto& kinds = reader.db.prepare(
      "SELECT seq, kind FROM step WHERE branch = ?1 AND seq <= ?2 ORDER BY seq DESC");
  newest_first(kinds, lineage(reader.db, head), [&](Statement& row) {
    while (row.step())
      if (!more(row.integer(0), row.text(1))) return true;
    return false;
  });
}

std::int64_t Journal::commit_of(Head head, std::int64_t position) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  auto& commits = reader.db.prepare(
      "SELECT seq FROM message WHERE branch = ?1 AND seq <= ?2 AND position = ?3");
  const Reset reset(commits);
  for (const auto& segment : lineage(reader.db, head))
    if (commits.bind(segment.branch, segment.last_seq, position).step()) return commits.integer(0);
  return 0;
}

Head Journal::place(Head head, std::int64_t seq) {
  const auto reader = this->reader();
  return lineage(reader.db, head).place(seq);
}

std::int64_t Journal::last_common(Head a, Head b) {
  const auto reader = this->reader();
  const auto first = lineage(reader.db, a);
  const auto second = lineage(reader.db, b);
  std::int64_t common = 0;
  for (std::size_t i = 0; i < std::min(first.segments().size(), second.segments().size()); ++i) {
    if (first.segments()[i].branch != second.segments()[i].branch) break;
    common = std::min(first.segments()[i].last_seq, second.segments()[i].last_seq);
  }
  return common;
}

std::vector<ToolRunRow> Journal::tool_runs(Head head, std::int64_t after) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  static const std::string sql = std::string("SELECT ") + kToolRunColumns +
                                 " FROM tool_run r WHERE r.branch = ?1 AND r.seq <= ?2 AND "
                                 "r.seq > ?3 ORDER BY r.seq";
  std::vector<ToolRunRow> runs;
  oldest_first(
      reader.db.prepare(sql), lineage(reader.db, head),
      [&](Statement& row) { runs.push_back(read_tool_run(row)); }, after);
  return runs;
}

std::vector<BlockVersion> Journal::block_versions(Head head, const std::string& block_id) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  static const std::string sql = std::string("SELECT ") + kBlockColumns +
                                 " FROM block b WHERE b.branch = ?1 AND b.seq <= ?2 AND b.id = ?3 "
                                 "ORDER BY b.seq";
  std::vector<BlockVersion> versions;
  oldest_first(
      reader.db.prepare(sql), lineage(reader.db, head),
      [&](Statement& row) { versions.push_back(read_block(row)); }, block_id);
  return versions;
}

std::vector<SummaryRow> Journal::summaries(Head head) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  static const std::string sql =
      std::string("SELECT ") + kSummaryColumns +
      " FROM summary s WHERE s.branch = ?1 AND s.seq <= ?2 ORDER BY s.seq";
  std::vector<SummaryRow> summaries;
  oldest_first(reader.db.prepare(sql), lineage(reader.db, head),
               [&](Statement& row) { summaries.push_back(read_summary(row)); });
  return summaries;
}

std::int64_t Journal::last_seq(std::int64_t branch) {
  const auto reader = this->reader();
  auto& row = reader.db.prepare("SELECT ifnull(max(seq), 0) FROM step WHERE branch = ?1");
  const Reset reset(row);
  return row.bind(branch).step() ? row.integer(0) : 0;
}

std::vector<Message> Journal::messages(Head head, std::int64_t from_position, std::int64_t limit) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  std::vector<Message> messages;
  if (limit <= 0) return messages;
  read_messages(reader.db, lineage(reader.db, head), from_position,
                std::numeric_limits<std::int64_t>::max(), [&](Statement& row) {
                  messages.push_back(read_message(row));
                  return std::ssize(messages) < limit;
                });
  return messages;
}

std::vector<Message> Journal::imported(Head head, const std::string& source_id) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  static const std::string sql = std::string("SELECT ") + kMessageColumns +
                                 " FROM message m WHERE m.branch = ?1 AND m.source_id = ?3 "
                                 "AND m.source_id <> '' AND m.seq <= ?2 ORDER BY m.position";
  std::vector<Message> messages;
  oldest_first(
      reader.db.prepare(sql), lineage(reader.db, head),
      [&](Statement& row) { messages.push_back(read_message(row)); }, source_id);
  return messages;
}

}  // namespace memgpt
