// The journal's reading half.
#include <algorithm>
#include <limits>

#include "error.h"
#include "store/journal.h"
#include "store/rows.h"

namespace memgpt {

namespace {

// The key of the last row that a commit up to `seq` wrote, -1 where there is none. `row` gives
// (key, seq) of the last row whose key is at most what `bind` gives it. Keys grow with the commits,
// so that it is a search by halves: there may be a million rows since.
template <typename Bind>
std::int64_t last_key(Statement& row, std::int64_t seq, const Bind& bind) {
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

std::int64_t last_position(Database& db, Head head) {
  auto& row = db.prepare(
      "SELECT position, seq FROM message WHERE branch = ?1 AND position <= ?2 "
      "ORDER BY position DESC LIMIT 1");
  return last_key(row, head.seq, [&](std::int64_t key) { row.bind(head.branch, key); });
}

void load_config(Database& db, std::int64_t up_to, AgentState& state) {
  auto& row = db.prepare(
      "SELECT version, json FROM config WHERE agent_id = ?1 AND seq <= ?2 "
      "ORDER BY version DESC LIMIT 1");
  const Reset reset(row);
  if (!row.bind(state.agent.id, up_to).step())
    throw StoreError("agent \"" + state.agent.name + "\" has no configuration in this file");
  state.config_version = row.integer(0);
  state.config = row.text(1);
}

void load_blocks(Database& db, Head head, AgentState& state) {
  static const std::string sql = std::string("SELECT ") + kBlockColumns +
                                 " FROM block b JOIN (SELECT id, max(seq) AS seq FROM block "
                                 "WHERE branch = ?1 AND seq <= ?2 GROUP BY id) AS newest "
                                 "ON b.branch = ?1 AND b.id = newest.id AND b.seq = newest.seq "
                                 "WHERE NOT b.detached ORDER BY b.place";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  row.bind(head.branch, head.seq);
  while (row.step()) state.blocks.push_back(read_block(row));
}

void load_window(Database& db, Head head, AgentState& state) {
  {
    static const std::string sql =
        std::string("SELECT ") + kWindowColumns +
        " FROM window w WHERE w.branch = ?1 AND w.seq <= ?2 ORDER BY w.seq DESC LIMIT 1";
    auto& row = db.prepare(sql);
    const Reset reset(row);
    if (!row.bind(head.branch, head.seq).step()) return;
    state.window = read_window(row);
  }
  if (!state.window.summary) return;
  static const std::string sql =
      std::string("SELECT ") + kSummaryColumns + " FROM summary s WHERE s.id = ?1";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  if (row.bind(*state.window.summary).step()) state.summary = read_summary(row);
}

void load_pins(Database& db, Head head, AgentState& state) {
  auto& row = db.prepare(
      "SELECT p.position FROM pin p JOIN (SELECT position, max(seq) AS seq FROM pin "
      "WHERE branch = ?1 AND seq <= ?2 GROUP BY position) AS newest "
      "ON p.branch = ?1 AND p.position = newest.position AND p.seq = newest.seq "
      "WHERE p.pinned ORDER BY p.position");
  const Reset reset(row);
  row.bind(head.branch, head.seq);
  while (row.step()) state.pins.push_back(row.integer(0));
}

void load_last_call(Database& db, Head head, AgentState& state) {
  static const std::string sql =
      std::string("SELECT ") + kStepColumns +
      " FROM step WHERE branch = ?1 AND seq <= ?2 AND digest IS NOT NULL ORDER BY seq DESC LIMIT 1";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  if (row.bind(head.branch, head.seq).step()) state.last_call = read_step(row);
}

void load_messages(Database& db, Head head, AgentState& state) {
  {
    auto& row =
        db.prepare("SELECT session, time_us FROM message WHERE branch = ?1 AND position = ?2");
    const Reset reset(row);
    const auto last = last_position(db, head);
    if (!row.bind(head.branch, last).step()) return;
    state.next_position = last + 1;
    state.session = row.integer(0);
    state.last_time_us = row.integer(1);
  }
  const std::string sql = std::string("SELECT ") + kMessageColumns +
                          ", m.tokenizer FROM message m WHERE m.branch = ?1 AND m.seq <= ?2 "
                          "AND m.position >= ?3 AND m.position < ?4 ORDER BY m.position";
  constexpr int kTokenizer = 18;
  Statement row(db.get(), sql);
  for (std::size_t i = 0; i < state.window.ranges.size(); ++i) {
    const auto range = state.window.ranges[i];
    const bool last = i + 1 == state.window.ranges.size();
    row.bind(head.branch, head.seq, range.begin, last ? state.next_position : range.end);
    while (row.step()) {
      state.messages.push_back(read_message(row));
      state.tokenizers.push_back(row.text(kTokenizer));
    }
  }
}

}  // namespace

std::optional<AgentRow> Journal::find_agent(const std::string& name) {
  const auto reader = this->reader();
  auto& row = reader.db.prepare(
      "SELECT id, name, created_us, head_branch, head_seq FROM agent "
      "WHERE name = ?1 AND deleted_us IS NULL");
  const Reset reset(row);
  if (!row.bind(name).step()) return std::nullopt;
  return AgentRow{row.text(0), row.text(1), row.integer(2), {row.integer(3), row.integer(4)}};
}

std::vector<AgentRow> Journal::agents() {
  const auto reader = this->reader();
  auto& row = reader.db.prepare(
      "SELECT id, name, created_us, head_branch, head_seq FROM agent "
      "WHERE deleted_us IS NULL ORDER BY created_us, name");
  const Reset reset(row);
  std::vector<AgentRow> rows;
  while (row.step())
    rows.push_back({row.text(0), row.text(1), row.integer(2), {row.integer(3), row.integer(4)}});
  return rows;
}

Head Journal::head(const std::string& agent_id) {
  const auto reader = this->reader();
  auto& row = reader.db.prepare(
      "SELECT head_branch, head_seq FROM agent WHERE id = ?1 AND deleted_us IS NULL");
  const Reset reset(row);
  if (!row.bind(agent_id).step())
    throw AgentNotFound("this agent was deleted; its name is free for a new one");
  return {row.integer(0), row.integer(1)};
}

std::int64_t Journal::data_version() {
  const std::scoped_lock lock(writer_mutex_);
  auto& row = writer_db_.prepare("PRAGMA data_version");
  const Reset reset(row);
  return row.step() ? row.integer(0) : 0;
}

Journal::Reader Journal::reader() { return {std::unique_lock(reader_mutex_), reader_db_}; }

AgentState Journal::load(const std::string& agent_id, std::optional<Head> at) {
  const auto reader = this->reader();
  Database& db = reader.db;
  // One read transaction, so that all parts are of the same head; it ends with this call.
  const ReadTransaction transaction(db);
  AgentState state;
  {
    auto& row = db.prepare(
        "SELECT id, name, created_us, head_branch, head_seq FROM agent "
        "WHERE id = ?1 AND deleted_us IS NULL");
    const Reset reset(row);
    if (!row.bind(agent_id).step())
      throw AgentNotFound("this agent was deleted; its name is free for a new one");
    state.agent = {row.text(0), row.text(1), row.integer(2), {row.integer(3), row.integer(4)}};
  }
  if (at) state.agent.head = *at;
  const Head head = state.agent.head;
  // An agent whose head was changed by hand can still be opened, and replay says what is wrong.
  load_config(db, at ? at->seq : std::numeric_limits<std::int64_t>::max(), state);
  load_blocks(db, head, state);
  load_window(db, head, state);
  load_messages(db, head, state);
  load_last_call(db, head, state);
  load_pins(db, head, state);
  return state;
}

CommitCursor Journal::cursor_after(const std::string& agent_id, Head head) {
  const auto reader = this->reader();
  auto& row = reader.db.prepare(
      "SELECT id, seq FROM passage WHERE archive = ?1 AND branch = ?2 AND id <= ?3 "
      "ORDER BY id DESC LIMIT 1");
  const auto passage =
      last_key(row, head.seq, [&](std::int64_t key) { row.bind(agent_id, head.branch, key); });
  return {head.seq, last_position(reader.db, head) + 1, std::max<std::int64_t>(0, passage)};
}

std::vector<StepRow> Journal::steps(Head head) {
  const auto reader = this->reader();
  static const std::string sql = std::string("SELECT ") + kStepColumns +
                                 " FROM step WHERE branch = ?1 AND seq <= ?2 ORDER BY seq";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  row.bind(head.branch, head.seq);
  std::vector<StepRow> steps;
  while (row.step()) steps.push_back(read_step(row));
  return steps;
}

std::vector<SummaryRow> Journal::summaries(Head head) {
  const auto reader = this->reader();
  static const std::string sql =
      std::string("SELECT ") + kSummaryColumns +
      " FROM summary s WHERE s.branch = ?1 AND s.seq <= ?2 ORDER BY s.seq";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  row.bind(head.branch, head.seq);
  std::vector<SummaryRow> summaries;
  while (row.step()) summaries.push_back(read_summary(row));
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
  const std::string sql = std::string("SELECT ") + kMessageColumns +
                          " FROM message m WHERE m.branch = ?1 AND m.seq <= ?2 "
                          "AND m.position >= ?3 ORDER BY m.position LIMIT ?4";
  Statement row(reader.db.get(), sql);
  row.bind(head.branch, head.seq, from_position, limit);
  std::vector<Message> messages;
  while (row.step()) messages.push_back(read_message(row));
  return messages;
}

std::vector<Message> Journal::imported(Head head, const std::string& source_id) {
  const auto reader = this->reader();
  static const std::string sql = std::string("SELECT ") + kMessageColumns +
                                 " FROM message m WHERE m.branch = ?1 AND m.source_id = ?3 "
                                 "AND m.source_id <> '' AND m.seq <= ?2 ORDER BY m.position";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  row.bind(head.branch, head.seq, source_id);
  std::vector<Message> messages;
  while (row.step()) messages.push_back(read_message(row));
  return messages;
}

}  // namespace memgpt
