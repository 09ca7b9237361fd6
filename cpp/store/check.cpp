#include "store/check.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <unordered_set>

#include "error.h"
#include "store/polling.h"
#include "store/rows.h"
#include "store/schema.h"

namespace memgpt {

namespace {

constexpr std::int64_t kShown = 5;  // problems of a kind; of the others only their number

std::string number(std::int64_t value) { return std::to_string(value); }

// "4", or "4 to 7".
std::string numbers(std::int64_t first, std::int64_t last) {
  return first == last ? number(first) : number(first) + " to " + number(last);
}

struct BranchOf {
  std::int64_t id = 0;
  std::string agent;  // "agent", or "archive", and its name
  std::int64_t parent = 0;
  std::int64_t parent_seq = 0;
  std::int64_t first_position = 0;
  [[nodiscard]] std::string name() const { return "branch " + number(id) + " of " + agent; }
};

class Checker {
 public:
  Checker(Database& db, const Polling& polling) : db_(db), polling_(polling) {}

  std::vector<std::string> check() {
    part("SQLite's own check", [&] { check_pages(); });
    part("the schema", [&] { check_schema(); });
    std::vector<BranchOf> branches;
    part("branches", [&] { branches = read_branches(); });
    for (const auto& branch : branches) {
      part(branch.name() + ", its place", [&] { check_place(branch); });
      part(branch.name() + ", its commits", [&] { check_commits(branch); });
      part(branch.name() + ", its messages", [&] { check_messages(branch); });
      part(branch.name() + ", its windows", [&] { check_windows(branch); });
    }
    part("rows of commits", [&] { check_rows(); });
    part("calls with outside effects", [&] { check_runs(); });
    part("agents", [&] { check_agents(); });
    part("tags", [&] { check_tags(); });
    part("passages", [&] { check_passages(); });
    part("shared memory blocks", [&] { check_shared(); });
    polling_.rethrow();
    for (const auto& [kind, count] : counts_)
      if (count > kShown)
        problems_.push_back("... and " + number(count - kShown) + " more of this kind: " + kind);
    return std::move(problems_);
  }

 private:
  // Each in a short transaction of its own. What keeps a part from being read is a problem as well.
  template <typename Look>
  void part(const std::string& what, const Look& look) {
    try {
      const ReadTransaction transaction(db_);
      look();
    } catch (const Error& error) {
      polling_.rethrow();
      add("unreadable", what + ": cannot be read: " + without_advice(error.what()));
    }
  }

  void add(const std::string& kind, std::string problem) {
    if (++counts_[kind] <= kShown) problems_.push_back(std::move(problem));
  }

  void check_pages() {
    std::vector<std::string> found;
    try {
      Statement row(db_.get(), "PRAGMA integrity_check(20)");
      while (row.step()) found.push_back(row.text(0));
    } catch (const NotADatabase& error) {
      polling_.rethrow();
      found.push_back(without_advice(error.what()));
    }
    if (found.size() == 1 && found.front() == "ok") return;
    for (auto& text : found) {
      std::replace(text.begin(), text.end(), '\n', ' ');
      add("SQLite", "SQLite finds: " + text + kRestoreAdvice);
    }
  }

  void check_schema() {
    if (const auto version = db_.pragma("user_version"); version != newest_schema())
      add("schema", "the file has schema " + number(version) + ", not " + number(newest_schema()));
    Database sound(":memory:");
    migrate(sound, ":memory:");
    constexpr const char* kNames =
        "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name";
    std::set<std::pair<std::string, std::string>> there;
    Statement row(db_.get(), kNames);
    while (row.step()) there.emplace(row.text(0), row.text(1));
    Statement wanted(sound.get(), kNames);
    while (wanted.step()) {
      const std::pair entry{wanted.text(0), wanted.text(1)};
      if (there.contains(entry)) continue;
      add("schema", "the " + entry.first + " \"" + entry.second + "\" is missing" + kRestoreAdvice);
    }
  }

  std::vector<BranchOf> read_branches() {
    Statement row(db_.get(),
                  "SELECT b.id, ifnull(a.kind, 'agent') || ' \"' || ifnull(a.name, b.agent_id) || "
                  "'\"', ifnull(b.parent, 0), ifnull(b.parent_seq, 0), b.first_position FROM "
                  "branch b LEFT JOIN agent a ON a.id = b.agent_id ORDER BY b.id");
    std::vector<BranchOf> branches;
    while (row.step())
      branches.push_back(
          {row.integer(0), row.text(1), row.integer(2), row.integer(3), row.integer(4)});
    return branches;
  }

  bool exists(const char* sql, std::int64_t first, std::int64_t second = 0) {
    auto& row = db_.prepare(sql);
    const Reset reset(row);
    return row.bind(first, second).step();
  }
  bool is_branch(std::int64_t id) { return exists("SELECT 1 FROM branch WHERE id = ?1 + ?2", id); }
  bool is_commit(Head head) {
    return exists("SELECT 1 FROM step WHERE branch = ?1 AND seq = ?2", head.branch, head.seq);
  }
  // What is wrong with a pointer to a commit; empty where nothing is.
  std::string wrong_place(Head head) {
    if (!is_branch(head.branch)) return "branch " + number(head.branch) + ", which there is not";
    if (!is_commit(head))
      return "commit " + number(head.seq) + " of branch " + number(head.branch) +
             ", which there is not";
    return "";
  }

  void check_place(const BranchOf& branch) {
    if (branch.parent == 0) return;
    if (branch.parent >= branch.id) {
      add("parents", branch.name() + " begins from branch " + number(branch.parent) +
                         ", which does not lie before it");
      return;
    }
    const auto wrong = wrong_place({branch.parent, branch.parent_seq});
    if (!wrong.empty()) {
      add("parents", branch.name() + " begins from " + wrong);
      return;
    }
    const auto position = end_position(db_, Lineage(db_, branch.parent).up_to(branch.parent_seq));
    if (position != branch.first_position)
      add("positions", branch.name() + " has its first message at " +
                           number(branch.first_position) + ", the line that it goes on ends at " +
                           number(position));
  }

  void check_commits(const BranchOf& branch) {
    Statement row(db_.get(), "SELECT seq FROM step WHERE branch = ?1 ORDER BY seq");
    row.bind(branch.id);
    auto next = branch.parent_seq + 1;
    for (; row.step(); next = row.integer(0) + 1) {
      const auto seq = row.integer(0);
      if (seq > next)
        add("commits", branch.name() + ": commit " + numbers(next, seq - 1) + " is missing");
      else if (seq < next)
        add("commits", branch.name() + ": commit " + number(seq) +
                           " lies before the one that the branch begins from");
    }
    if (next == branch.parent_seq + 1) add("commits", branch.name() + " has no commit");
  }

  // Positions without gaps, in the order of the commits; each call has its return behind it.
  void check_messages(const BranchOf& branch) {
    Statement row(db_.get(),
                  "SELECT position, seq, role, tool_calls, tool_call_id FROM message "
                  "WHERE branch = ?1 ORDER BY position");
    row.bind(branch.id);
    auto next = branch.first_position;
    std::int64_t last_seq = branch.parent_seq;
    std::int64_t asked_at = branch.first_position - 1;
    std::vector<std::string> asked = open_calls(branch);
    for (; row.step(); next = row.integer(0) + 1) {
      const auto position = row.integer(0);
      const auto seq = row.integer(1);
      const std::string message = branch.name() + ": message " + number(position);
      if (position > next)
        add("messages", branch.name() + ": message " + numbers(next, position - 1) + " is missing");
      else if (position < next)
        add("messages", message + " lies before the first of its branch");
      if (seq < last_seq)
        add("messages", message + " is of an older commit than the one before it");
      if (seq != last_seq && !is_commit({branch.id, seq}))
        add("messages", message + " is of commit " + number(seq) + ", which there is not");
      last_seq = seq;
      if (row.view(2) == "tool") {
        const auto call = std::find(asked.begin(), asked.end(), row.view(4));
        if (call != asked.end())
          asked.erase(call);
        else
          add("calls", message + " is a return without its call");
        continue;
      }
      if (!asked.empty())
        add("calls", branch.name() + ": a call in message " + number(asked_at) + " has no return");
      asked_at = position;
      asked = ids_of(row.view(3));
    }
  }

  static std::vector<std::string> ids_of(std::string_view calls) {
    std::vector<std::string> ids;
    if (calls.empty()) return ids;
    for (const auto& call : array_column(calls))
      ids.push_back(call.is_object() ? string_or(call.get_object(), "id") : "");
    return ids;
  }

  // Calls without a return where the branch begins: its first messages are to be their returns.
  std::vector<std::string> open_calls(const BranchOf& branch) {
    if (branch.parent == 0) return {};
    auto& row = db_.prepare(
        "SELECT role, tool_calls, tool_call_id FROM message WHERE branch = ?1 AND seq <= ?2 AND "
        "position < ?3 ORDER BY position DESC");
    const Reset reset(row);
    std::vector<std::string> returned;
    const auto line = Lineage(db_, branch.parent).up_to(branch.parent_seq);
    const auto& segments = line.segments();
    for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
      row.bind(segment->branch, segment->last_seq, branch.first_position);
      while (row.step()) {
        if (row.view(0) == "tool") {
          returned.push_back(row.text(2));
          continue;
        }
        auto ids = ids_of(row.view(1));
        std::erase_if(ids, [&](const std::string& id) {
          return std::find(returned.begin(), returned.end(), id) != returned.end();
        });
        return ids;
      }
    }
    return {};
  }

  void check_windows(const BranchOf& branch) {
    const Lineage line(db_, branch.id);
    const auto end = end_position(db_, line);
    Statement row(db_.get(), "SELECT seq, ranges, summary FROM window WHERE branch = ?1");
    row.bind(branch.id);
    while (row.step()) {
      const std::string window = branch.name() + ": the window of commit " + number(row.integer(0));
      const auto ranges = ranges_from_json(row.view(1));
      std::int64_t after = 0;
      for (std::size_t i = 0; i < ranges.size(); ++i) {
        // The last one ends at the head, whatever it says.
        const auto last = i + 1 == ranges.size() ? end : ranges[i].end;
        if (ranges[i].begin < after || last < ranges[i].begin || last > end) {
          add("windows", window + " names messages that its line does not have");
          break;
        }
        after = last;
      }
      if (row.is_null(2)) continue;
      auto& summary = db_.prepare("SELECT branch, seq FROM summary WHERE id = ?1");
      const Reset reset(summary);
      if (!summary.bind(row.integer(2)).step())
        add("windows", window + " has summary " + number(row.integer(2)) + ", which there is not");
      else if (!line.up_to(row.integer(0)).sees({summary.integer(0), summary.integer(1)}))
        add("windows", window + " has a summary of another line, " + number(row.integer(2)));
    }
  }

  void check_rows() {
    struct Rows {
      const char* what;
      const char* sql;  // of those that belong to no commit
    };
    static constexpr std::array kRows = {
        Rows{"a message",
             "SELECT branch, seq FROM message t WHERE NOT EXISTS (SELECT 1 FROM branch b "
             "WHERE b.id = t.branch)"},
        Rows{"a commit",
             "SELECT branch, seq FROM step t WHERE NOT EXISTS (SELECT 1 FROM branch b "
             "WHERE b.id = t.branch)"},
        Rows{"a configuration",
             "SELECT branch, seq FROM config t WHERE NOT EXISTS (SELECT 1 FROM step s "
             "WHERE s.branch = t.branch AND s.seq = t.seq)"},
        Rows{"a memory block",
             "SELECT branch, seq FROM block t WHERE NOT EXISTS (SELECT 1 FROM step s "
             "WHERE s.branch = t.branch AND s.seq = t.seq)"},
        Rows{"a passage",
             "SELECT branch, seq FROM passage t WHERE NOT EXISTS (SELECT 1 FROM step s "
             "WHERE s.branch = t.branch AND s.seq = t.seq)"},
        Rows{"a summary",
             "SELECT branch, seq FROM summary t WHERE NOT EXISTS (SELECT 1 FROM step s "
             "WHERE s.branch = t.branch AND s.seq = t.seq)"},
        Rows{"a window",
             "SELECT branch, seq FROM window t WHERE NOT EXISTS (SELECT 1 FROM step s "
             "WHERE s.branch = t.branch AND s.seq = t.seq)"},
        Rows{"a tool's run",
             "SELECT branch, seq FROM tool_run t WHERE NOT EXISTS (SELECT 1 FROM step s "
             "WHERE s.branch = t.branch AND s.seq = t.seq)"},
        Rows{"a pin",
             "SELECT branch, seq FROM pin t WHERE NOT EXISTS (SELECT 1 FROM step s "
             "WHERE s.branch = t.branch AND s.seq = t.seq)"},
        Rows{"a deletion",
             "SELECT branch, seq FROM retirement t WHERE NOT EXISTS (SELECT 1 FROM step s "
             "WHERE s.branch = t.branch AND s.seq = t.seq)"},
        Rows{"what was done to an archive",
             "SELECT branch, seq FROM archive_commit t WHERE NOT EXISTS (SELECT 1 FROM step s "
             "WHERE s.branch = t.branch AND s.seq = t.seq)"},
        Rows{"an archive's commit for an agent",
             "SELECT archive_branch, archive_seq FROM archive_commit t WHERE NOT EXISTS (SELECT 1 "
             "FROM step s WHERE s.branch = t.archive_branch AND s.seq = t.archive_seq)"},
    };
    for (const auto& rows : kRows) {
      Statement row(db_.get(), rows.sql);
      while (row.step())
        add(rows.what, std::string(rows.what) + " is of commit " + number(row.integer(1)) +
                           " of branch " + number(row.integer(0)) + ", which there is not");
    }
  }

  // The result may lie on another branch: an undo may have come between.
  void check_runs() {
    std::unordered_set<std::string> done;
    Statement results(db_.get(), "SELECT call_id FROM tool_run WHERE phase = 'result'");
    while (results.step()) done.insert(results.text(0));
    // While it is the newest, the call may be running, or its end be found out by the next send.
    Statement row(db_.get(),
                  "SELECT call_id, tool, branch FROM tool_run t WHERE phase = 'intent' AND EXISTS "
                  "(SELECT 1 FROM step s WHERE s.branch = t.branch AND s.seq > t.seq AND "
                  "s.kind IN ('step', 'input'))");
    while (row.step())
      if (!done.contains(row.text(0)))
        add("runs", "a call of \"" + row.text(1) + "\" on branch " + number(row.integer(2)) +
                        " has no result, and the history goes on behind it");
  }

  void check_agents() {
    Statement row(db_.get(),
                  "SELECT name, head_branch, head_seq, line_branch, line_seq, EXISTS (SELECT 1 "
                  "FROM config c WHERE c.agent_id = a.id), kind FROM agent a WHERE deleted_us IS "
                  "NULL ORDER BY created_us, name");
    while (row.step()) {
      const std::string agent = row.text(6) + " \"" + row.text(0) + '"';
      const auto head = wrong_place({row.integer(1), row.integer(2)});
      if (!head.empty()) add("agents", agent + " stands at " + head);
      const auto line = wrong_place({row.integer(3), row.integer(4)});
      if (!line.empty() && line != head) add("agents", agent + ": its line ends at " + line);
      if (row.integer(5) == 0) add("agents", agent + " has no configuration");
    }
  }

  void check_tags() {
    Statement row(db_.get(),
                  "SELECT t.name, t.branch, t.seq, a.name FROM tag t JOIN agent a ON a.id = "
                  "t.agent_id WHERE a.deleted_us IS NULL ORDER BY t.agent_id, t.name");
    while (row.step()) {
      const auto wrong = wrong_place({row.integer(1), row.integer(2)});
      if (!wrong.empty())
        add("tags",
            "the tag \"" + row.text(0) + "\" of agent \"" + row.text(3) + "\" names " + wrong);
    }
  }

  // Versions without gaps; agents have them as they were written.
  void check_shared() {
    Statement row(db_.get(), "SELECT id, version FROM shared_block ORDER BY id, version");
    std::string block;
    std::int64_t version = 0;
    while (row.step()) {
      if (row.view(0) != block) version = 0;
      block = row.text(0);
      ++version;
      if (row.integer(1) != version)
        add("shared blocks",
            "version " + number(version) + " of shared memory block \"" + block + "\" is missing");
      version = row.integer(1);
    }
    Statement seen(db_.get(),
                   "SELECT b.label, b.branch, b.seq, b.shared, s.id IS NULL FROM block b LEFT JOIN "
                   "shared_block s ON s.id = b.id AND s.version = b.shared WHERE b.shared > 0 AND "
                   "(s.id IS NULL OR (s.label, s.value, s.char_limit, s.description, s.read_only) "
                   "IS NOT (b.label, b.value, b.char_limit, b.description, b.read_only))");
    while (seen.step())
      add("shared blocks",
          "commit " + number(seen.integer(2)) + " of branch " + number(seen.integer(1)) +
              " has version " + number(seen.integer(3)) + " of the shared memory block \"" +
              seen.text(0) + "\"" +
              (seen.integer(4) != 0 ? ", which there is not" : ", but not as it was written"));
  }

  void check_passages() {
    Statement row(db_.get(),
                  "SELECT e.passage, p.id IS NULL, e.dimension, e.vector FROM embedding e "
                  "LEFT JOIN passage p ON p.id = e.passage");
    while (row.step()) {
      const std::string embedding = "the embedding of passage " + number(row.integer(0));
      if (row.integer(1) != 0) add("embeddings", embedding + " is there, the passage is not");
      const auto bytes = row.view(3);
      const auto dimension = row.integer(2);
      if (dimension <= 0 || bytes.size() != static_cast<std::size_t>(dimension) * sizeof(float)) {
        add("embeddings", embedding + " has " + number(std::ssize(bytes)) +
                              " bytes, not those of " + number(dimension) + " numbers");
        continue;
      }
      double sum = 0;
      for (std::size_t at = 0; at < bytes.size(); at += sizeof(float)) {
        float value = 0;
        std::memcpy(&value, bytes.data() + at, sizeof value);
        sum += static_cast<double>(value) * static_cast<double>(value);
      }
      constexpr double kRoom = 1e-3;
      if (!(std::abs(sum - 1) <= kRoom)) add("embeddings", embedding + " is not of unit length");
    }
    check_retired();
    check_versions();
  }

  void check_retired() {
    Statement row(db_.get(),
                  "SELECT r.target, r.branch, r.seq, p.id IS NULL, p.branch, p.seq FROM retirement "
                  "r LEFT JOIN passage p ON p.id = r.target WHERE r.kind = 'passage'");
    while (row.step()) {
      const std::string passage = "passage " + number(row.integer(0));
      if (row.integer(3) != 0)
        add("deletions", passage + " was deleted, and never was there");
      else if (!Lineage(db_, row.integer(1))
                    .up_to(row.integer(2) - 1)
                    .sees({row.integer(4), row.integer(5)}))
        add("deletions", passage + " was deleted by commit " + number(row.integer(2)) +
                             " of branch " + number(row.integer(1)) + ", which does not see it");
    }
  }

  // An update leaves one of them.
  void check_versions() {
    Statement agents(
        db_.get(),
        "SELECT name, archive, head_branch, head_seq, kind FROM agent WHERE deleted_us IS NULL");
    static const std::string sql = std::string("SELECT p.uid, count(*) FROM passage p WHERE ") +
                                   kPassageIsSeen + " GROUP BY p.uid HAVING count(*) > 1";
    Statement row(db_.get(), sql);
    while (agents.step()) {
      const auto line = Lineage(db_, agents.integer(2)).up_to(agents.integer(3));
      row.bind(agents.view(1), &line);
      while (row.step())
        add("versions", agents.text(4) + " \"" + agents.text(0) + "\" sees " +
                            number(row.integer(1)) + " passages of the id " + row.text(0));
      row.reset();
    }
  }

  Database& db_;
  const Polling& polling_;
  std::vector<std::string> problems_;
  std::map<std::string, std::int64_t> counts_;
};

}  // namespace

std::string without_advice(const std::string& error) { return error.substr(0, error.find("; ")); }

std::vector<std::string> check_file(const std::string& path, const std::function<void()>& poll) {
  Database db(path);
  add_lineage_function(db);
  const Polling polling(db, poll);
  return Checker(db, polling).check();
}

}  // namespace memgpt
