// Lines of history that nobody needs any more.
#include <limits>
#include <map>
#include <string>

#include "store/purge.h"

namespace memgpt {

namespace {

constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();

// How much of each branch stays: its commits up to this one.
class Kept {
 public:
  explicit Kept(Database& db) {
    Statement row(db.get(), "SELECT id, ifnull(parent, 0), ifnull(parent_seq, 0) FROM branch");
    while (row.step()) parents_[row.integer(0)] = {row.integer(1), row.integer(2)};
  }
  // The line of history that ends here.
  void add(Head head) {
    while (parents_.contains(head.branch)) {
      auto& last = last_[head.branch];
      if (last >= head.seq) return;
      last = head.seq;
      // A parent is older; in a damaged file it need not be.
      const Head parent = parents_[head.branch];
      if (parent.branch >= head.branch) return;
      head = parent;
    }
  }
  [[nodiscard]] const std::map<std::int64_t, std::int64_t>& last() const { return last_; }

 private:
  std::map<std::int64_t, Head> parents_;
  std::map<std::int64_t, std::int64_t> last_;
};

Kept kept_of(Database& db, bool deleted, bool undone) {
  Kept kept(db);
  Statement branches(db.get(),
                     "SELECT b.id, EXISTS (SELECT 1 FROM agent a WHERE a.id = b.agent_id AND "
                     "a.deleted_us IS NULL) FROM branch b");
  while (branches.step()) {
    const bool living = branches.integer(1) != 0;
    if (living ? !undone : !deleted) kept.add({branches.integer(0), kAll});
  }
  // The newest configuration is in force on whatever line it was set.
  Statement places(db.get(),
                   "SELECT head_branch, head_seq FROM agent WHERE deleted_us IS NULL UNION ALL "
                   "SELECT line_branch, line_seq FROM agent WHERE deleted_us IS NULL UNION ALL "
                   "SELECT t.branch, t.seq FROM tag t JOIN agent a ON a.id = t.agent_id WHERE "
                   "a.deleted_us IS NULL UNION ALL "
                   "SELECT c.branch, c.seq FROM config c JOIN agent a ON a.id = c.agent_id WHERE "
                   "a.deleted_us IS NULL AND c.version = (SELECT max(version) FROM config n WHERE "
                   "n.agent_id = c.agent_id)");
  while (places.step()) kept.add({places.integer(0), places.integer(1)});
  return kept;
}

std::int64_t run(Database& db, const std::string& sql) {
  db.execute(sql.c_str());
  return sqlite3_changes(db.get());
}

// Of a commit that does not stay. `t` is the table that the statement changes.
constexpr const char* kGone =
    "WHERE NOT EXISTS (SELECT 1 FROM temp.kept k WHERE k.branch = t.branch AND "
    "k.last_seq >= t.seq)";

std::int64_t remove(Database& db, const std::string& table) {
  return run(db, "DELETE FROM " + table + " AS t " + kGone);
}

void remove_rows(Database& db, Purged& gone) {
  gone.messages = remove(db, "message");
  gone.blocks = remove(db, "block");
  tell_stores_of(db, kGone);
  gone.passages = remove(db, "passage");
  follow_last_passage(db);
  gone.summaries = remove(db, "summary");
  gone.tool_runs = remove(db, "tool_run");
  gone.configurations = remove(db, "config");
  for (const char* table : {"window", "pin", "retirement"}) remove(db, table);
  run(db, "DELETE FROM embedding WHERE passage NOT IN (SELECT id FROM passage)");
  run(db,
      "DELETE FROM retirement WHERE kind = 'passage' AND target NOT IN (SELECT id FROM passage)");
  run(db, "DELETE FROM branch WHERE id NOT IN (SELECT branch FROM temp.kept)");
  run(db,
      "DELETE FROM archive_commit AS t WHERE NOT EXISTS (SELECT 1 FROM step s WHERE s.branch = "
      "t.branch AND s.seq = t.seq) OR NOT EXISTS (SELECT 1 FROM step s WHERE s.branch = "
      "t.archive_branch AND s.seq = t.archive_seq)");
  // What agents share stays, whoever wrote it.
  run(db,
      "UPDATE shared_block AS t SET branch = 0, seq = 0 WHERE t.branch <> 0 AND NOT EXISTS "
      "(SELECT 1 FROM step s WHERE s.branch = t.branch AND s.seq = t.seq)");
}

}  // namespace

Purged purge_lines(Database& db, bool deleted, bool undone) {
  Purged gone;
  const auto kept = kept_of(db, deleted, undone);
  db.execute("CREATE TEMP TABLE kept(branch INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL)");
  {
    Statement keep(db.get(), "INSERT INTO temp.kept(branch, last_seq) VALUES(?1, ?2)");
    for (const auto& [branch, last] : kept.last()) keep.bind(branch, last).run();
  }
  gone.commits = remove(db, "step");
  if (gone.commits > 0) remove_rows(db, gone);
  db.execute("DROP TABLE temp.kept");
  if (!deleted) return gone;
  gone.archives = run(db, "DELETE FROM agent WHERE deleted_us IS NOT NULL AND kind = 'archive'");
  gone.agents = run(db, "DELETE FROM agent WHERE deleted_us IS NOT NULL");
  run(db, "DELETE FROM tag WHERE agent_id NOT IN (SELECT id FROM agent)");
  run(db, "DELETE FROM tool_source WHERE agent_id NOT IN (SELECT id FROM agent)");
  run(db,
      "UPDATE shared_block SET agent_id = '' WHERE agent_id <> '' AND agent_id NOT IN "
      "(SELECT id FROM agent)");
  return gone;
}

}  // namespace memgpt
