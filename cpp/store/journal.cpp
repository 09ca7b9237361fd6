#include "store/journal.h"

#include "error.h"
#include "memory/json.h"
#include "store/purge.h"
#include "store/schema.h"
#include "store/shared_blocks.h"

namespace memgpt {

namespace {

std::string calls_to_json(const std::vector<ToolCall>& calls) {
  if (calls.empty()) return "";
  json::array array;
  for (const auto& call : calls)
    array.push_back({{"id", call.id}, {"name", call.name}, {"arguments", call.arguments}});
  return json::serialize(array);
}

std::string ranges_to_json(const std::vector<Range>& ranges) {
  json::array array;
  for (const auto& range : ranges) array.push_back(json::array{range.begin, range.end});
  return json::serialize(array);
}

std::optional<std::string> optional_names(const std::vector<std::string>& names) {
  if (names.empty()) return std::nullopt;
  return json::serialize(json::array(names.begin(), names.end()));
}

std::optional<std::string> optional_text(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

std::optional<int> optional_count(int count) {
  return count < 0 ? std::nullopt : std::optional(count);
}

void configure_writer(Database& db, Durability durability) {
  // Pages that change at every commit reach the file once for many commits.
  db.execute("PRAGMA wal_autocheckpoint = 4000");
  // The index of ids is written at random places: it should stay in memory.
  db.execute("PRAGMA cache_size = -16384");
  db.execute(durability == Durability::full ? "PRAGMA synchronous = FULL"
                                            : "PRAGMA synchronous = NORMAL");
}

std::string open_and_migrate(Database& db, const std::string& path, Durability durability) {
  db.execute("PRAGMA foreign_keys = OFF");
  migrate(db, path);
  db.use_wal();
  configure_writer(db, durability);
  return path;
}

void write_message(Database& db, const Message& message, Head head, const std::string& tokenizer) {
  db.prepare(
        "INSERT INTO message(uid, branch, seq, position, role, type, name, text, content, "
        "thinking, tool_calls, tool_call_id, failed, shown_bytes, time_us, session, author, "
        "trust, tokens, tokenizer, source_id) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")
      .bind(message.id, head.branch, head.seq, message.position, to_string(message.role),
            message.type, message.name, message.text, message.content, message.thinking,
            calls_to_json(message.tool_calls), message.tool_call_id, message.failed,
            message.shown_bytes, message.time_us, message.session, message.author,
            static_cast<int>(message.trust), message.tokens, tokenizer, message.source_id)
      .run();
}

void write_passage(Database& db, const Passage& passage, Head head, const std::string& archive) {
  json::array tags(passage.tags.begin(), passage.tags.end());
  db.prepare(
        "INSERT INTO passage(uid, archive, branch, seq, text, tags, metadata, time_us, "
        "author, trust) VALUES(?,?,?,?,?,?,?,?,?,?)")
      .bind(passage.id, archive, head.branch, head.seq, passage.text, json::serialize(tags),
            passage.metadata, passage.time_us, passage.author, static_cast<int>(passage.trust))
      .run();
  if (passage.vector.empty()) return;
  const auto row = db.last_row_id();
  db.prepare("INSERT INTO embedding(passage, embedder, dimension, vector) VALUES(?1, ?2, ?3, ?4)")
      .bind(row, passage.embedder, static_cast<std::int64_t>(passage.vector.size()),
            std::span<const float>(passage.vector))
      .run();
}

std::string archive_of(Database& db, const std::string& agent_id) {
  auto& row = db.prepare("SELECT archive FROM agent WHERE id = ?1");
  const Reset reset(row);
  return row.bind(agent_id).step() ? row.text(0) : agent_id;
}

// Returns the id of the summary, if there is one.
std::optional<std::int64_t> write_rows(Database& db, const Commit& commit, Head head) {
  const StepRow& step = commit.step;
  if (commit.config)
    db.prepare(
          "INSERT INTO config(agent_id, version, branch, seq, author, json) "
          "VALUES(?,?,?,?,?,?)")
        .bind(commit.agent_id, step.config, head.branch, head.seq, step.author, *commit.config)
        .run();
  db.prepare(
        "INSERT INTO step(branch, seq, kind, author, time_us, config, seed, model, "
        "tokenizer, compiler, digest, context_tokens, overhead_tokens, prompt_tokens, "
        "completion_tokens, decision, reply, correction, unbound_tools, content, prefix_tokens, "
        "prefix_broken, passages) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")
      .bind(head.branch, head.seq, step.kind, step.author, step.time_us, step.config, step.seed,
            optional_text(step.model), optional_text(step.tokenizer), step.compiler,
            optional_text(step.digest), step.context_tokens, step.overhead_tokens,
            optional_count(step.prompt_tokens), optional_count(step.completion_tokens),
            optional_text(step.decision), optional_text(step.reply),
            step.correction > 0 ? std::optional(step.correction) : std::nullopt,
            optional_names(step.unbound_tools), content_of(commit),
            optional_count(step.prefix_tokens), optional_text(step.prefix_broken),
            optional_count(step.passages))
      .run();
  for (const auto& message : commit.messages) write_message(db, message, head, commit.tokenizer);
  for (const auto& version : commit.blocks) {
    const Block& block = version.block;
    db.prepare(
          "INSERT INTO block(id, branch, seq, place, label, value, char_limit, description, "
          "read_only, detached, author, trust, shared) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)")
        .bind(block.id, head.branch, head.seq, version.place, block.label, block.value, block.limit,
              block.description, block.read_only, version.detached, block.author,
              static_cast<int>(block.trust), version.shared)
        .run();
    if (version.edits_shared)
      write_shared_version(db, block, version.shared, commit.agent_id, head, step.time_us);
  }
  if (!commit.passages.empty()) {
    const auto archive = archive_of(db, commit.agent_id);
    for (const auto& passage : commit.passages) write_passage(db, passage, head, archive);
  }
  for (const auto& row : commit.retired)
    db.prepare(
          "INSERT INTO retirement(kind, target, branch, seq, author) VALUES('passage', ?, ?, ?, ?)")
        .bind(row.id, head.branch, head.seq, row.retired_by)
        .run();
  for (const auto& run : commit.tool_runs)
    db.prepare(
          "INSERT INTO tool_run(branch, seq, call_id, phase, tool, arguments, effects, "
          "idempotency_key, status, result, time_us) VALUES(?,?,?,?,?,?,?,?,?,?,?)")
        .bind(head.branch, head.seq, run.call_id, run.phase, run.tool, run.arguments, run.effects,
              run.idempotency_key, run.status, run.result, run.time_us)
        .run();
  for (const auto& pin : commit.pins)
    db.prepare("INSERT INTO pin(branch, seq, position, pinned) VALUES(?,?,?,?)")
        .bind(head.branch, head.seq, pin.position, pin.pinned)
        .run();
  auto summary_id = commit.window ? commit.window->summary : std::nullopt;
  if (commit.summary) {
    const SummaryRow& summary = *commit.summary;
    db.prepare(
          "INSERT INTO summary(branch, seq, text, covers, covered, replaces, author, trust, "
          "tokens, tokenizer, failure) VALUES(?,?,?,?,?,?,?,?,?,?,?)")
        .bind(head.branch, head.seq, summary.text, ranges_to_json(summary.covers), summary.covered,
              summary.replaces, summary.author, static_cast<int>(summary.trust), summary.tokens,
              commit.tokenizer, summary.failure)
        .run();
    summary_id = db.last_row_id();
  }
  if (commit.window)
    db.prepare(
          "INSERT INTO window(branch, seq, ranges, summary, warned, outside) VALUES(?,?,?,?,?,?)")
        .bind(head.branch, head.seq, ranges_to_json(commit.window->ranges), summary_id,
              commit.window->warned, commit.window->outside)
        .run();
  return commit.summary ? summary_id : std::nullopt;
}

std::int64_t add_branch(Database& db, const std::string& agent_id, Head parent, TimeUs now_us) {
  const auto position = end_position(db, Lineage(db, parent.branch).up_to(parent.seq));
  db.prepare(
        "INSERT INTO branch(agent_id, parent, parent_seq, created_us, first_position) "
        "VALUES(?1, ?2, ?3, ?4, ?5)")
      .bind(agent_id, parent.branch, parent.seq, now_us, position)
      .run();
  return db.last_row_id();
}

// Nothing was written behind it yet, and the branch is the agent's own.
bool is_end(Database& db, const std::string& agent_id, Head head) {
  auto& row = db.prepare(
      "SELECT 1 FROM branch b WHERE b.id = ?1 AND b.agent_id = ?3 AND NOT EXISTS "
      "(SELECT 1 FROM step s WHERE s.branch = ?1 AND s.seq = ?2)");
  const Reset reset(row);
  return row.bind(head.branch, head.seq + 1, agent_id).step();
}

void set_head(Database& db, const std::string& agent_id, Head expected, Head head, Head line) {
  db.prepare(
        "UPDATE agent SET head_branch = ?4, head_seq = ?5, line_branch = ?6, line_seq = ?7 "
        "WHERE id = ?1 AND head_branch = ?2 AND head_seq = ?3 AND deleted_us IS NULL")
      .bind(agent_id, expected.branch, expected.seq, head.branch, head.seq, line.branch, line.seq)
      .run();
  if (sqlite3_changes(db.get()) != 1)
    throw Conflict(
        "another process moved this agent's head, or deleted the agent, while the step "
        "ran; nothing of the step was written, send again");
}

[[noreturn]] void throw_overtaken(const Passage& passage) {
  throw SharedConflict("the passage \"" + passage.id +
                       "\" of a shared archive was changed or deleted by somebody else meanwhile, "
                       "and your change of it was not made. Look for it again, and change that");
}

// Behind what others have written there meanwhile. Inside a transaction of its caller's.
Head write_archive_commit(Database& db, Commit commit) {
  Head head;
  {
    auto& row = db.prepare(
        "SELECT a.head_branch, a.head_seq, ifnull(s.passages, 0), (SELECT max(version) FROM config "
        "c WHERE c.agent_id = a.id) FROM agent a JOIN step s ON s.branch = a.head_branch AND s.seq "
        "= a.head_seq WHERE a.id = ?1 AND a.kind = 'archive' AND a.deleted_us IS NULL");
    const Reset reset(row);
    if (!row.bind(commit.agent_id).step())
      throw SharedConflict(
          "the archive was deleted by somebody else meanwhile, and nothing was written into it");
    head = {row.integer(0), row.integer(1)};
    commit.step.passages =
        static_cast<int>(row.integer(2) + std::ssize(commit.passages) - std::ssize(commit.retired));
    commit.step.config = row.integer(3) + (commit.config ? 1 : 0);
  }
  // Its line has one branch: whatever retires a passage is seen.
  for (const auto& retired : commit.retired) {
    auto& row = db.prepare(
        "SELECT 1 FROM passage p WHERE p.id = ?1 AND p.archive = ?2 AND NOT EXISTS (SELECT 1 FROM "
        "retirement r WHERE r.kind = 'passage' AND r.target = p.id)");
    const Reset reset(row);
    if (!row.bind(retired.id, commit.agent_id).step()) throw_overtaken(retired.passage);
  }
  const Head next{head.branch, head.seq + 1};
  set_head(db, commit.agent_id, head, next, next);
  static_cast<void>(write_rows(db, commit, next));
  return next;
}

// Inside a transaction of its caller's.
Journal::Committed write_commit(Database& db, const Commit& commit) {
  Head next{commit.expected.branch, commit.expected.seq + 1};
  // After an undo the line goes on beside what was undone.
  if (!is_end(db, commit.agent_id, commit.expected))
    next.branch = add_branch(db, commit.agent_id, commit.expected, commit.step.time_us);
  set_head(db, commit.agent_id, commit.expected, next, next);
  const auto summary = write_rows(db, commit, next);
  for (const auto& archive : commit.archives) {
    const Head there = write_archive_commit(db, archive);
    db.prepare(
          "INSERT INTO archive_commit(branch, seq, archive_branch, archive_seq) VALUES(?,?,?,?)")
        .bind(next.branch, next.seq, there.branch, there.seq)
        .run();
  }
  return {next, summary};
}

void check_name_is_free(Database& db, const std::string& name, AgentKind kind) {
  const std::string what(name_of(kind));
  auto& taken =
      db.prepare("SELECT 1 FROM agent WHERE kind = ?2 AND name = ?1 AND deleted_us IS NULL");
  const Reset reset(taken);
  if (taken.bind(name, what).step())
    throw AlreadyExists("an " + what + " named \"" + name + "\" exists; open it with " + what +
                        "(), pass exist_ok=True, or choose a name");
}

void insert_agent(Database& db, const AgentRow& agent, AgentKind kind) {
  db.prepare(
        "INSERT INTO agent(id, name, created_us, head_branch, head_seq, line_branch, line_seq, "
        "archive, kind) VALUES(?1, ?2, ?3, ?4, ?5, ?4, ?5, ?6, ?7)")
      .bind(agent.id, agent.name, agent.created_us, agent.head.branch, agent.head.seq,
            agent.archive, name_of(kind))
      .run();
}

}  // namespace

// The reader is opened after the writer has migrated the file.
Journal::Journal(const std::string& path, Durability durability, bool is_private)
    : path_(path),
      durability_(durability),
      is_private_(is_private),
      writer_db_(path),
      reader_db_(open_and_migrate(writer_db_, path, durability)) {
  add_lineage_function(reader_db_);
  if (is_private) reader_db_.map_file();
}

AgentRow Journal::create_agent(const std::string& id, const std::string& name, Commit first,
                               AgentKind kind) {
  first.agent_id = id;
  AgentRow agent;
  queue_.write([&] {
    check_name_is_free(writer_db_, name, kind);
    writer_db_.prepare("INSERT INTO branch(agent_id, created_us) VALUES(?1, ?2)")
        .bind(id, first.step.time_us)
        .run();
    const Head head{writer_db_.last_row_id(), 1};
    agent = {id, name, first.step.time_us, head, head, id};
    insert_agent(writer_db_, agent, kind);
    write_rows(writer_db_, first, head);
  });
  return agent;
}

AgentRow Journal::fork_agent(const std::string& id, const std::string& name, const AgentRow& from,
                             Commit first) {
  first.agent_id = id;
  AgentRow agent;
  queue_.write([&] {
    check_name_is_free(writer_db_, name, AgentKind::agent);
    const Head head{add_branch(writer_db_, id, from.head, first.step.time_us), from.head.seq + 1};
    agent = {id, name, first.step.time_us, head, head, from.archive};
    insert_agent(writer_db_, agent, AgentKind::agent);
    write_rows(writer_db_, first, head);
  });
  return agent;
}

void Journal::move_head(const std::string& agent_id, Head expected, Head head, Head line) {
  queue_.write([&] { set_head(writer_db_, agent_id, expected, head, line); });
}

void Journal::add_tag(const std::string& agent_id, const TagRow& tag) {
  queue_.write([&] {
    {
      auto& taken = writer_db_.prepare("SELECT 1 FROM tag WHERE agent_id = ?1 AND name = ?2");
      const Reset reset(taken);
      if (taken.bind(agent_id, tag.name).step())
        throw AlreadyExists("there is a tag \"" + tag.name + "\" already; choose another name");
    }
    writer_db_
        .prepare("INSERT INTO tag(agent_id, name, branch, seq, time_us) VALUES(?1, ?2, ?3, ?4, ?5)")
        .bind(agent_id, tag.name, tag.head.branch, tag.head.seq, tag.time_us)
        .run();
  });
}

void Journal::delete_tag(const std::string& agent_id, const std::string& name) {
  queue_.write([&] {
    writer_db_.prepare("DELETE FROM tag WHERE agent_id = ?1 AND name = ?2")
        .bind(agent_id, name)
        .run();
  });
}

void Journal::delete_agent(const std::string& id, TimeUs now_us) {
  queue_.write([&] {
    writer_db_.prepare("UPDATE agent SET deleted_us = ?2 WHERE id = ?1").bind(id, now_us).run();
  });
}

Journal::Committed Journal::commit(const Commit& commit) {
  Committed committed;
  queue_.write([&] { committed = write_commit(writer_db_, commit); }, commit.messages.size());
  return committed;
}

void Journal::commit_archive(const Commit& commit, std::int64_t purge) {
  queue_.write([&] {
    // What was read before may be what was destroyed.
    if (memgpt::newest_purge(writer_db_) != purge)
      throw Conflict("a purge came first; read the passage again");
    static_cast<void>(write_archive_commit(writer_db_, commit));
  });
}

void Journal::rename(const std::string& id, const std::string& name, AgentKind kind) {
  queue_.write([&] {
    check_name_is_free(writer_db_, name, kind);
    writer_db_.prepare("UPDATE agent SET name = ?2 WHERE id = ?1 AND deleted_us IS NULL")
        .bind(id, name)
        .run();
  });
}

}  // namespace memgpt
