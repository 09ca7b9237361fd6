// Rows of the tables, read into the structures of journal.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "memory/json.h"
#include "store/journal.h"

namespace memgpt {

// Reads the columns of `message` selected by kMessageColumns.
inline constexpr const char* kMessageColumns =
    "m.uid, m.position, m.role, m.type, m.name, m.text, m.content, m.thinking, m.tool_calls, "
    "m.tool_call_id, m.failed, m.shown_bytes, m.time_us, m.session, m.author, m.trust, m.tokens, "
    "m.source_id, iif(m.role = 'tool' AND m.trust = 0, ifnull((SELECT r.result FROM tool_run r "
    "WHERE r.branch = m.branch AND r.seq = m.seq AND r.call_id = m.tool_call_id AND r.phase = "
    "'result'), ''), '')";
inline constexpr int kMessageColumnCount = 19;
[[nodiscard]] Message read_message(const Statement& row, int first_column = 0);

// A row of `step` selected by kStepColumns.
inline constexpr const char* kStepColumns =
    "seq, kind, author, time_us, config, seed, ifnull(model, ''), ifnull(tokenizer, ''), "
    "compiler, ifnull(digest, ''), context_tokens, overhead_tokens, ifnull(prompt_tokens, -1), "
    "ifnull(completion_tokens, -1), ifnull(decision, ''), ifnull(reply, ''), "
    "ifnull(correction, 0), ifnull(unbound_tools, ''), ifnull(content, ''), "
    "ifnull(prefix_tokens, -1), ifnull(prefix_broken, ''), ifnull(passages, -1), "
    "ifnull(purged, 0)";
[[nodiscard]] StepRow read_step(const Statement& row);

// The columns of the other tables.
inline constexpr const char* kPassageColumns =
    "p.uid, p.text, p.tags, p.metadata, p.time_us, p.author, p.trust";
[[nodiscard]] Passage read_passage(const Statement& row, int first_column = 0);
// Of `passage p`: in the archive ?1, and seen by the lineage ?2.
inline constexpr const char* kPassageIsSeen =
    "p.archive = ?1 AND seen(?2, p.branch, p.seq) AND NOT EXISTS (SELECT 1 FROM retirement r WHERE "
    "r.kind = 'passage' AND r.target = p.id AND seen(?2, r.branch, r.seq))";
inline constexpr const char* kBlockColumns =
    "b.id, b.label, b.value, b.char_limit, b.description, b.read_only, b.author, b.trust, "
    "b.place, b.detached, b.seq, "
    "ifnull((SELECT time_us FROM step WHERE branch = b.branch AND seq = b.seq), 0), b.shared";
[[nodiscard]] BlockVersion read_block(const Statement& row, int first_column = 0);
inline constexpr const char* kSummaryColumns =
    "s.id, s.text, s.covers, s.covered, s.replaces, s.author, s.trust, s.tokens, "
    "s.failure";
[[nodiscard]] SummaryRow read_summary(const Statement& row, int first_column = 0);
inline constexpr const char* kToolRunColumns =
    "r.call_id, r.phase, r.tool, r.arguments, r.effects, r.idempotency_key, r.status, r.result, "
    "r.time_us";
[[nodiscard]] ToolRunRow read_tool_run(const Statement& row, int first_column = 0);
inline constexpr const char* kWindowColumns = "w.ranges, w.summary, w.warned, w.outside";
[[nodiscard]] WindowRow read_window(const Statement& row, int first_column = 0);

// What Journal::commits() gives, of a line of history.
[[nodiscard]] std::vector<Commit> read_commits(Database& db, const std::string& agent_id,
                                               const Lineage& line, CommitCursor& cursor,
                                               std::int64_t limit);
// One commit with all that it wrote, as Journal::commits() reads it. Throws StoreError where it is
// not there.
[[nodiscard]] Commit read_commit(Database& db, Head place);

// JSON in columns. They throw StoreError where a file holds something else.
[[nodiscard]] json::array array_column(std::string_view text);
[[nodiscard]] std::vector<std::string> strings_from_json(std::string_view text);
[[nodiscard]] std::vector<Range> ranges_of(const json::array& pairs);
[[nodiscard]] std::vector<Range> ranges_from_json(std::string_view text);

}  // namespace memgpt
