// Is what each commit wrote as it was written? On every line, also those that were undone.
#include "error.h"
#include "store/check.h"
#include "store/journal.h"
#include "store/polling.h"

namespace memgpt {

namespace {

constexpr std::int64_t kBatch = 128;
constexpr std::size_t kShown = 5;

struct Branch {
  std::int64_t id = 0;
  std::string agent_id;
  std::string agent;  // "agent", or "archive", and its name; empty where it is gone
  CommitCursor begin;
  std::int64_t last_seq = 0;
};

std::vector<Branch> read_branches(Journal& journal) {
  const auto reader = journal.reader();
  Statement row(reader.db.get(),
                "SELECT b.id, b.agent_id, ifnull(a.kind || ' \"' || a.name || '\"', ''), "
                "ifnull(b.parent_seq, 0), "
                "b.first_position, ifnull((SELECT max(seq) FROM step s WHERE s.branch = b.id), 0) "
                "FROM branch b LEFT JOIN agent a ON a.id = b.agent_id ORDER BY b.id");
  std::vector<Branch> branches;
  while (row.step())
    branches.push_back({row.integer(0), row.text(1), row.text(2),
                        CommitCursor{row.integer(3), row.integer(4), 0}, row.integer(5)});
  return branches;
}

}  // namespace

std::vector<std::string> check_contents(Journal& journal, const std::function<void()>& poll) {
  std::vector<std::string> problems;
  std::int64_t more = 0;
  const bool purged = journal.newest_purge() > 0;
  for (const auto& branch : read_branches(journal)) {
    const std::string name = "branch " + std::to_string(branch.id) + " of " +
                             (branch.agent.empty() ? "agent \"\"" : branch.agent);
    // A purge takes deleted agents away, and leaves what others see of them.
    if (branch.agent.empty() && !purged)
      problems.push_back("branch " + std::to_string(branch.id) + " is of agent \"" +
                         branch.agent_id + "\", which there is not");
    CommitCursor cursor = branch.begin;
    try {
      while (cursor.seq < branch.last_seq) {
        if (poll) poll();
        const auto commits =
            journal.commits(branch.agent_id, {branch.id, branch.last_seq}, cursor, kBatch);
        if (commits.empty()) break;
        for (const auto& commit : commits) {
          if (commit.step.content.empty()) continue;  // before schema 3
          auto changed = changed_parts(commit.step.content, content_of(commit));
          // Whose archive it was went with the agent.
          if (branch.agent.empty() && changed == "passages") changed.clear();
          if (changed.empty()) continue;
          if (problems.size() < kShown)
            problems.push_back(name + ": commit " + std::to_string(commit.step.seq) +
                               " is not as it was written: " + changed + kRestoreAdvice);
          else
            ++more;
        }
      }
    } catch (const StoreError& error) {
      problems.push_back(name + " cannot be read: " + without_advice(error.what()));
    }
  }
  if (more > 0) problems.push_back("... and " + std::to_string(more) + " more commits");
  return problems;
}

namespace {

// Nothing where the file does not say.
std::optional<std::int64_t> purge_known(Journal& journal) {
  try {
    return journal.newest_purge();
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::vector<std::string> Journal::check(const std::function<void()>& poll) {
  {
    // By its name: a file that was moved away would be made anew, and be found sound.
    const std::scoped_lock lock(writer_mutex_);
    writer_db_.check_in_place();
  }
  for (;;) {
    const auto purge = purge_known(*this);
    auto problems = check_file(path_, poll);
    if (problems.empty()) problems = check_contents(*this, poll);
    // What a purge destroys meanwhile is no damage.
    if (problems.empty() || purge_known(*this) == purge) return problems;
  }
}

}  // namespace memgpt
