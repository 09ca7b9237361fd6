// The journal's reading half.
#include "error.h"
#include "store/journal.h"
#include "store/rows.h"

namespace memgpt {

namespace {

void load_config(Database& db, AgentState& state) {
  auto& row = db.prepare(
      "SELECT version, json FROM config WHERE agent_id = ?1 ORDER BY version DESC LIMIT 1");
  const Reset reset(row);
  if (!row.bind(state.agent.id).step())
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
    auto& row = db.prepare(
        "SELECT position, session, time_us FROM message WHERE branch = ?1 AND seq <= ?2 "
        "ORDER BY position DESC LIMIT 1");
    const Reset reset(row);
    if (!row.bind(head.branch, head.seq).step()) return;
    state.next_position = row.integer(0) + 1;
    state.session = row.integer(1);
    state.last_time_us = row.integer(2);
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

AgentState Journal::load(const std::string& agent_id) {
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
  const Head head = state.agent.head;
  load_config(db, state);
  load_blocks(db, head, state);
  load_window(db, head, state);
  load_messages(db, head, state);
  load_last_call(db, head, state);
  load_pins(db, head, state);
  return state;
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
