#include "store/import.h"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "error.h"
#include "memory/text.h"
#include "store/export_file.h"
#include "store/import_known.h"
#include "store/journal.h"
#include "store/rows.h"

namespace memgpt {

namespace {

constexpr std::int64_t kBatch = 128;

[[noreturn]] void names_what_is_not_there(const std::string& what) {
  throw StoreError("the exported agent names a " + what +
                   " that is not in its file; export it again");
}

// Numbers of rows in the file, and which they have here.
class Numbers {
 public:
  Numbers() = default;
  // Without gaps, in the same order, behind those that the table has.
  Numbers(Database& from, Database& home, const std::string& table) : what_(table) {
    std::int64_t next = 1;
    {
      Statement last(home.get(), "SELECT ifnull(max(id), 0) + 1 FROM " + table);
      if (last.step()) next = last.integer(0);
    }
    Statement row(from.get(), "SELECT id FROM " + table + " ORDER BY id");
    while (row.step()) here_[row.integer(0)] = next++;
  }
  void add(std::int64_t there, std::int64_t here) { here_[there] = here; }
  [[nodiscard]] std::int64_t operator[](std::int64_t there) const {
    const auto found = here_.find(there);
    if (found == here_.end()) names_what_is_not_there(what_);
    return found->second;
  }

 private:
  std::string what_;
  std::unordered_map<std::int64_t, std::int64_t> here_;
};

using Names = std::map<std::string, std::string, std::less<>>;

class Importer {
 public:
  Importer(Database& from, Database& home, const ImportRequest& request)
      : from_(from), home_(home), request_(request) {}

  std::string run() {
    const auto known = leave_known_archives(from_, home_);
    name_agents();
    name_archives();
    branches_ = Numbers(from_, home_, "branch");
    for (const auto& archive : known) {
      branches_.add(archive.branch_there, archive.branch_here);
      agents_[archive.id] = archive.id;
    }
    messages_ = Numbers(from_, home_, "message");
    passages_ = Numbers(from_, home_, "passage");
    summaries_ = Numbers(from_, home_, "summary");
    copy_purges();
    for (const auto& [id, known] : shared_blocks_of(from_, home_))
      if (known != Known::same)
        blocks_[id] = known == Known::no ? id : "block-" + request_.new_uuid();
    copy_agents();
    copy_messages();
    copy_steps();
    copy_rest();
    renew_contents();
    return agents_.at(request_.agent_id);
  }

 private:
  // Binds what stands in a column's place.
  using Change =
      std::function<void(Statement& insert, int index, const Statement& row, int column)>;
  using Changes = std::map<std::string, Change, std::less<>>;

  // `rest`: WHERE and ORDER BY, with ?1 as `id`.
  void copy(const std::string& table, Changes changes, const std::string& rest = "",
            const std::optional<std::string>& id = std::nullopt) {
    const auto names = columns_of(home_, table);
    changes.try_emplace("branch", number(branches_));
    changes.try_emplace("agent_id", name(agents_));
    changes.try_emplace("archive", name(archives_));
    std::vector<const Change*> change_of;
    std::string marks;
    for (const auto& column : names) {
      const auto found = changes.find(column);
      change_of.push_back(found == changes.end() ? nullptr : &found->second);
      marks += marks.empty() ? "?" : ",?";
    }
    Statement row(from_.get(), "SELECT " + listed(names) + " FROM " + table + ' ' + rest);
    if (id) row.bind(*id);
    Statement insert(home_.get(),
                     "INSERT INTO " + table + '(' + listed(names) + ") VALUES(" + marks + ')');
    while (row.step()) {
      for (int i = 0; i < row.columns(); ++i) {
        const Change* const change = change_of[static_cast<std::size_t>(i)];
        if (change != nullptr && !row.is_null(i))
          (*change)(insert, i + 1, row, i);
        else
          insert.bind_column(i + 1, row, i);
      }
      insert.run();
    }
  }

  // 0 is none.
  [[nodiscard]] static Change number(const Numbers& numbers) {
    return [&numbers](Statement& insert, int index, const Statement& row, int column) {
      const auto there = row.integer(column);
      insert.bind_one(index, there == 0 ? 0 : numbers[there]);
    };
  }

  // "" is nobody.
  [[nodiscard]] static Change name(const Names& names) {
    return [&names](Statement& insert, int index, const Statement& row, int column) {
      const auto found = names.find(row.view(column));
      if (found == names.end() && !row.view(column).empty())
        names_what_is_not_there("\"" + row.text(column) + '"');
      insert.bind_one(index, found == names.end() ? std::string_view() : found->second);
    };
  }

  [[nodiscard]] bool is_here(const char* sql, const std::string& id) {
    auto& row = home_.prepare(sql);
    const Reset reset(row);
    return row.bind(id).step();
  }

  void name_agents() {
    std::set<std::string> archives;
    {
      Statement row(from_.get(), "SELECT id FROM agent WHERE kind = 'archive'");
      while (row.step()) archives.insert(row.text(0));
    }
    Statement row(from_.get(), "SELECT id FROM agent UNION SELECT agent_id FROM branch");
    while (row.step()) {
      auto id = row.text(0);
      // What a purge left of an agent names it, too.
      const bool taken = is_here(
          "SELECT 1 FROM agent WHERE id = ?1 UNION ALL SELECT 1 FROM branch WHERE agent_id = ?1",
          id);
      const char* const kind = archives.contains(id) ? "archive-" : "agent-";
      agents_[id] = taken ? kind + request_.new_uuid() : id;
    }
  }

  // An archive has the name of the agent that it began with.
  void name_archives() {
    Statement row(from_.get(), "SELECT archive FROM agent UNION SELECT archive FROM passage");
    while (row.step()) {
      const auto id = row.text(0);
      const bool taken = is_here(
          "SELECT 1 FROM agent WHERE ?1 IN (id, archive) UNION ALL SELECT 1 FROM passage WHERE "
          "archive = ?1",
          id);
      const auto agent = agents_.find(id);
      archives_[id] = agent != agents_.end() && agent->second != id ? agent->second
                      : taken                                       ? "agent-" + request_.new_uuid()
                                                                    : id;
    }
  }

  // Replay says which purge it was that changed a commit.
  void copy_purges() {
    Statement row(from_.get(), "SELECT id, time_us, what FROM purge ORDER BY id");
    while (row.step()) {
      auto& known = home_.prepare("SELECT id FROM purge WHERE time_us = ?1 AND what = ?2");
      const Reset reset(known);
      if (known.bind(row.integer(1), row.text(2)).step()) {
        purges_.add(row.integer(0), known.integer(0));
        continue;
      }
      home_.prepare("INSERT INTO purge(time_us, what) VALUES(?1, ?2)")
          .bind(row.integer(1), row.text(2))
          .run();
      purges_.add(row.integer(0), home_.last_row_id());
    }
  }

  [[nodiscard]] Change block_id() const {
    return [this](Statement& insert, int index, const Statement& row, int column) {
      const auto found = blocks_.find(row.view(column));
      if (found == blocks_.end())
        insert.bind_column(index, row, column);
      else
        insert.bind_one(index, found->second);
    };
  }

  void copy_agents() {
    // Those of others that its lines begin with were deleted there, too.
    const auto archives = archive_names();
    const Change agent_name = [&](Statement& insert, int index, const Statement& row, int column) {
      const auto archive = archives.find(row.view(0));
      insert.bind_one(index, row.view(0) == request_.agent_id ? own_name(row.text(column))
                             : archive != archives.end()      ? archive->second
                                                              : row.text(column));
    };
    copy("agent", {{"id", name(agents_)},
                   {"name", agent_name},
                   {"head_branch", number(branches_)},
                   {"line_branch", number(branches_)}});
    copy("branch", {{"id", number(branches_)}, {"parent", number(branches_)}}, "ORDER BY id");
  }

  [[nodiscard]] bool is_called(const std::string& name, const std::string& kind) {
    auto& row =
        home_.prepare("SELECT 1 FROM agent WHERE kind = ?1 AND name = ?2 AND deleted_us IS NULL");
    const Reset reset(row);
    return row.bind(kind, name).step();
  }

  // By id: "papers", or "papers 2" where there is another archive of that name.
  Names archive_names() {
    Names names;
    std::set<std::string> given;
    Statement row(from_.get(),
                  "SELECT id, name FROM agent WHERE kind = 'archive' AND deleted_us IS NULL");
    while (row.step()) {
      auto name = row.text(1);
      for (int i = 2; is_called(name, "archive") || given.contains(name); ++i)
        name = row.text(1) + ' ' + std::to_string(i);
      given.insert(name);
      names[row.text(0)] = std::move(name);
    }
    return names;
  }

  std::string own_name(const std::string& there) {
    const auto& name = request_.name.empty() ? there : request_.name;
    if (is_called(name, "agent"))
      throw AlreadyExists("an agent named \"" + name +
                          "\" exists; give the imported one another name with name=...");
    return name;
  }

  // A message that the home has already stays what it is: this one is a copy with an id of its own.
  void copy_messages() {
    const Change uid = [this](Statement& insert, int index, const Statement& row, int column) {
      const auto id = row.text(column);
      if (!is_here("SELECT 1 FROM message WHERE uid = ?1", id)) {
        insert.bind_one(index, id);
        return;
      }
      const auto made = "message-" + request_.new_uuid();
      copies_[id] = made;
      changed_.emplace(branches_[row.integer(column + 1)], row.integer(column + 2));
      insert.bind_one(index, made);
    };
    copy("message", {{"id", number(messages_)}, {"uid", uid}}, "ORDER BY id");
  }

  void copy_steps() {
    const auto changed = [this](const Statement& row) {
      changed_.emplace(branches_[row.integer(0)], row.integer(1));
    };
    const Change broken = [this, changed](Statement& insert, int index, const Statement& row,
                                          int column) {
      const auto copied = copies_.find(row.view(column));
      if (copied == copies_.end()) {
        insert.bind_column(index, row, column);
        return;
      }
      changed(row);
      insert.bind_one(index, copied->second);
    };
    const Change purged = [this, changed](Statement& insert, int index, const Statement& row,
                                          int column) {
      const auto there = row.integer(column);
      const auto here = there == 0 ? 0 : purges_[there];
      if (here != there) changed(row);
      insert.bind_one(index, here);
    };
    copy("step", {{"prefix_broken", broken}, {"purged", purged}});
  }

  void copy_rest() {
    copy("config", {{"json", config_json()}});
    copy("block", {{"id", block_id()}});
    copy_shared();
    copy("passage", {{"id", number(passages_)}}, "ORDER BY id");
    copy("embedding", {{"passage", number(passages_)}});
    copy("retirement", {{"target", number(passages_)}});
    copy("summary", {{"id", number(summaries_)}, {"replaces", number(summaries_)}}, "ORDER BY id");
    copy("window", {{"summary", number(summaries_)}});
    copy("tool_run", {});
    copy("pin", {});
    copy("tag", {});
    copy("tool_source", {});
    copy("archive_commit", {{"archive_branch", number(branches_)}});
  }

  [[nodiscard]] Change config_json() {
    const auto here = [this](const std::string& archive) {
      const auto found = agents_.find(archive);
      if (found != agents_.end()) return found->second;
      // One that did not come along is none of this home's, whatever its id.
      auto& gone = gone_[archive];
      if (gone.empty()) gone = "archive-" + request_.new_uuid();
      return gone;
    };
    return [this, here](Statement& insert, int index, const Statement& row, int column) {
      const auto json = with_archives(row.view(column), here);
      if (json) changed_.emplace(branches_[row.integer(2)], row.integer(3));
      insert.bind_one(index, json ? std::string_view(*json) : row.view(column));
    };
  }

  void copy_shared() {
    Statement seen(from_.get(), "SELECT DISTINCT branch, seq FROM block WHERE id = ?1");
    for (const auto& [there, here] : blocks_) {
      copy("shared_block", {{"id", block_id()}}, "WHERE id = ?1 ORDER BY version", there);
      seen.bind(there);
      while (here != there && seen.step())
        changed_.emplace(branches_[seen.integer(0)], seen.integer(1));
    }
  }

  // Digests of commits that hold another id than before.
  void renew_contents() {
    std::map<std::int64_t, std::string> branches;
    {
      Statement row(home_.get(), "SELECT agent_id FROM branch WHERE id = ?1");
      for (const auto& [branch, seq] : changed_)
        if (!branches.contains(branch) && row.bind(branch).step()) branches[branch] = row.text(0);
    }
    for (const auto& [branch, agent_id] : branches) renew_contents(branch, agent_id);
  }

  void renew_contents(std::int64_t branch, const std::string& agent_id) {
    const Lineage line(home_, branch);
    const auto& own = line.segments().back();
    CommitCursor cursor{own.first_seq - 1, own.first_position, 0};
    for (;;) {
      const auto commits = read_commits(home_, agent_id, line, cursor, kBatch);
      if (commits.empty()) return;
      for (const auto& commit : commits)
        if (!commit.step.content.empty() && changed_.contains({branch, commit.step.seq}))
          home_.prepare("UPDATE step SET content = ?3 WHERE branch = ?1 AND seq = ?2")
              .bind(branch, commit.step.seq, content_of(commit))
              .run();
    }
  }

  Database& from_;
  Database& home_;
  const ImportRequest& request_;
  Names agents_;
  Names archives_;
  Names gone_;    // archives that did not come along
  Names blocks_;  // shared ones that are written
  Names copies_;  // ids of messages that were taken
  Numbers branches_;
  Numbers messages_;
  Numbers passages_;
  Numbers summaries_;
  Numbers purges_;
  std::set<std::pair<std::int64_t, std::int64_t>> changed_;  // commits, by branch
};

}  // namespace

std::string import_rows(Database& from, Database& home, const ImportRequest& request) {
  const Transaction taken_back(from);  // the file may have to be taken in once more
  return Importer(from, home, request).run();
}

std::string Journal::import_agent(const ImportRequest& request) {
  Database from(request.path);
  from.map_file();
  std::string id;
  queue_.write([&] { id = import_rows(from, writer_db_, request); }, CommitQueue::kLargestGroup);
  return id;
}

}  // namespace memgpt
