// The journal's reading half.
#include "error.h"
#include "memory/json.h"
#include "store/journal.h"

namespace memgpt {

namespace {

std::vector<ToolCall> calls_from_json(std::string_view text) {
  std::vector<ToolCall> calls;
  if (text.empty()) return calls;
  const auto array = json::parse(text);
  for (const auto& item : array.as_array()) {
    const auto& call = item.as_object();
    calls.push_back({string_or(call, "id"), string_or(call, "name"), string_or(call, "arguments")});
  }
  return calls;
}

std::vector<Range> ranges_from_json(std::string_view text) {
  std::vector<Range> ranges;
  const auto array = json::parse(text);
  for (const auto& item : array.as_array()) {
    const auto& pair = item.as_array();
    ranges.push_back({pair.at(0).as_int64(), pair.at(1).as_int64()});
  }
  return ranges;
}

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
  auto& row = db.prepare(
      "SELECT b.id, b.label, b.value, b.char_limit, b.description, b.read_only, b.author, "
      "b.trust, b.place FROM block b JOIN (SELECT id, max(seq) AS seq FROM block "
      "WHERE branch = ?1 AND seq <= ?2 GROUP BY id) AS newest "
      "ON b.branch = ?1 AND b.id = newest.id AND b.seq = newest.seq "
      "WHERE NOT b.detached ORDER BY b.place");
  const Reset reset(row);
  row.bind(head.branch, head.seq);
  while (row.step()) {
    BlockVersion version;
    version.block = {
        row.text(0), row.text(1),         row.text(2), static_cast<int>(row.integer(3)),
        row.text(4), row.integer(5) != 0, row.text(6), static_cast<Trust>(row.integer(7))};
    version.place = static_cast<int>(row.integer(8));
    state.blocks.push_back(std::move(version));
  }
}

void load_window(Database& db, Head head, AgentState& state) {
  {
    auto& row = db.prepare(
        "SELECT ranges, summary, warned, outside FROM window WHERE branch = ?1 AND seq <= ?2 "
        "ORDER BY seq DESC LIMIT 1");
    const Reset reset(row);
    if (!row.bind(head.branch, head.seq).step()) return;
    state.window.ranges = ranges_from_json(row.view(0));
    if (!row.is_null(1)) state.window.summary = row.integer(1);
    state.window.warned = row.integer(2) != 0;
    state.window.outside = row.text(3);
  }
  if (!state.window.summary) return;
  auto& row = db.prepare(
      "SELECT id, text, covers, covered, author, trust, tokens FROM summary WHERE id = ?1");
  const Reset reset(row);
  if (!row.bind(*state.window.summary).step()) return;
  state.summary = SummaryRow{row.integer(0),
                             row.text(1),
                             ranges_from_json(row.view(2)),
                             row.integer(3),
                             std::nullopt,
                             row.text(4),
                             static_cast<Trust>(row.integer(5)),
                             static_cast<int>(row.integer(6))};
}

void load_messages(Database& db, Head head, AgentState& state) {
  {
    auto& row = db.prepare(
        "SELECT position, session, time_us, tokenizer FROM message WHERE branch = ?1 AND seq <= ?2 "
        "ORDER BY position DESC LIMIT 1");
    const Reset reset(row);
    if (!row.bind(head.branch, head.seq).step()) return;
    state.next_position = row.integer(0) + 1;
    state.session = row.integer(1);
    state.last_time_us = row.integer(2);
    state.tokenizer = row.text(3);
  }
  const std::string sql = std::string("SELECT ") + kMessageColumns +
                          " FROM message m WHERE m.branch = ?1 AND m.seq <= ?2 "
                          "AND m.position >= ?3 AND m.position < ?4 ORDER BY m.position";
  Statement row(db.get(), sql);
  for (std::size_t i = 0; i < state.window.ranges.size(); ++i) {
    const auto range = state.window.ranges[i];
    const bool last = i + 1 == state.window.ranges.size();
    row.bind(head.branch, head.seq, range.begin, last ? state.next_position : range.end);
    while (row.step()) state.messages.push_back(read_message(row));
  }
}

}  // namespace

Message read_message(const Statement& row, int first) {
  Message message;
  message.id = row.text(first);
  message.position = row.integer(first + 1);
  message.role = role_from_string(row.view(first + 2));
  message.type = row.text(first + 3);
  message.name = row.text(first + 4);
  message.text = row.text(first + 5);
  message.content = row.text(first + 6);
  message.thinking = row.text(first + 7);
  message.tool_calls = calls_from_json(row.view(first + 8));
  message.tool_call_id = row.text(first + 9);
  message.failed = row.integer(first + 10) != 0;
  message.shown_bytes = row.integer(first + 11);
  message.time_us = row.integer(first + 12);
  message.session = row.integer(first + 13);
  message.author = row.text(first + 14);
  message.trust = static_cast<Trust>(row.integer(first + 15));
  message.tokens = static_cast<int>(row.integer(first + 16));
  message.source_id = row.text(first + 17);
  return message;
}

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
  return state;
}

std::vector<StepRow> Journal::steps(Head head) {
  const auto reader = this->reader();
  auto& row = reader.db.prepare(
      "SELECT seq, kind, author, time_us, config, seed, ifnull(model, ''), ifnull(tokenizer, ''), "
      "compiler, ifnull(digest, ''), context_tokens, overhead_tokens, ifnull(prompt_tokens, -1), "
      "ifnull(completion_tokens, -1), ifnull(decision, ''), ifnull(reply, '') FROM step "
      "WHERE branch = ?1 AND seq <= ?2 ORDER BY seq");
  const Reset reset(row);
  row.bind(head.branch, head.seq);
  std::vector<StepRow> steps;
  while (row.step()) {
    StepRow step;
    step.seq = row.integer(0);
    step.kind = row.text(1);
    step.author = row.text(2);
    step.time_us = row.integer(3);
    step.config = row.integer(4);
    step.seed = row.integer(5);
    step.model = row.text(6);
    step.tokenizer = row.text(7);
    step.compiler = static_cast<int>(row.integer(8));
    step.digest = row.text(9);
    step.context_tokens = static_cast<int>(row.integer(10));
    step.overhead_tokens = static_cast<int>(row.integer(11));
    step.prompt_tokens = static_cast<int>(row.integer(12));
    step.completion_tokens = static_cast<int>(row.integer(13));
    step.decision = row.text(14);
    step.reply = row.text(15);
    steps.push_back(std::move(step));
  }
  return steps;
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
