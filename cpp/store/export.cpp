#include "store/export.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <map>
#include <random>
#include <system_error>

#include "error.h"
#include "store/disk_error.h"
#include "store/export_file.h"
#include "store/file_lock.h"
#include "store/journal.h"
#include "store/lineage.h"
#include "store/polling.h"
#include "store/purge.h"
#include "store/schema.h"

namespace memgpt {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPart = ".part";
// The end of a file that is being written, behind the target's name: ".0123456789abcdef.part".
constexpr std::size_t kPartSize = 1 + 16 + kPart.size();

// Files of those that were killed while they exported to the same name. One that is being written
// is locked.
void remove_leftovers(const fs::path& target) {
  const auto name = target.filename().string() + '.';
  std::error_code error;
  for (fs::directory_iterator entry(target.parent_path(), error), end; !error && entry != end;
       entry.increment(error)) {
    const auto other = entry->path().filename().string();
    if (other.size() != name.size() - 1 + kPartSize || !other.starts_with(name) ||
        !other.ends_with(kPart))
      continue;
    try {
      FileLock lock(entry->path().string());
      if (lock.try_lock(0)) ::unlink(entry->path().c_str());
    } catch (const StoreError&) {
      continue;  // somebody else's
    }
  }
}

// A file beside the target. It goes, unless it takes the target's name.
class PartFile {
 public:
  explicit PartFile(const std::string& target) : path_(target + part_name()), lock_(path_) {
    static_cast<void>(lock_.try_lock(0));
  }
  ~PartFile() { ::unlink(path_.c_str()); }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

  // On the disk, with its name.
  void become(const fs::path& target, bool overwrite) {
    sync(path_, O_RDONLY);
    if (overwrite)
      check(::rename(path_.c_str(), target.c_str()), target);
    else
      give_name(target);
    sync(target.parent_path(), O_RDONLY | O_DIRECTORY);
  }

 private:
  static std::string part_name() {
    std::random_device random;
    static constexpr char hex[] = "0123456789abcdef";
    std::string name(1, '.');
    for (int i = 0; i < 16; ++i) name += hex[random() & 15];
    return name.append(kPart);
  }

  static void check(int result, const fs::path& path) {
    if (result != 0) throw_disk_error('"' + path.string() + '"', errno);
  }

  static void sync(const fs::path& path, int flags) {
    const int file = ::open(path.c_str(), flags | O_CLOEXEC);
    if (file < 0) throw_disk_error('"' + path.string() + '"', errno);
    const int result = ::fsync(file);
    const int error = errno;
    ::close(file);
    // Some file systems cannot sync a folder.
    if (result != 0 && error != EINVAL) throw_disk_error('"' + path.string() + '"', error);
  }

  // A name that somebody else has made meanwhile is left alone.
  void give_name(const fs::path& target) {
    if (::link(path_.c_str(), target.c_str()) == 0) return;
    if (errno == EEXIST) throw_exists(target);
    if (errno != EPERM && errno != ENOTSUP && errno != ENOSYS && errno != EMLINK) check(-1, target);
    // A file system without links.
    if (fs::exists(target)) throw_exists(target);
    check(::rename(path_.c_str(), target.c_str()), target);
  }

  [[noreturn]] static void throw_exists(const fs::path& target) {
    throw AlreadyExists('"' + target.string() +
                        "\" is there already; pass overwrite=True, or choose another name");
  }
  friend void check_target(const fs::path& target, bool overwrite);

  std::string path_;
  FileLock lock_;
};

void check_target(const fs::path& target, bool overwrite) {
  if (const auto home = home_beside(target.string()); !home.empty())
    throw AlreadyExists('"' + target.string() + "\" is a part of the home \"" + home +
                        "\", which would be lost; choose another name");
  std::error_code error;
  const auto status = fs::status(target, error);
  if (!fs::exists(status)) return;
  if (fs::is_directory(status)) throw_disk_error('"' + target.string() + '"', EISDIR);
  if (!fs::is_regular_file(status))
    throw StoreError('"' + target.string() + "\" is no file; choose another name");
  if (is_home(target.string()))
    throw AlreadyExists('"' + target.string() +
                        "\" was opened as a home, and its agents would be lost; choose another "
                        "name, or delete it first");
  if (!overwrite) PartFile::throw_exists(target);
  if (!is_database_or_empty(target.string()))
    throw AlreadyExists('"' + target.string() +
                        "\" is no export, and would be lost; choose another name, or delete it "
                        "first");
}

// Copies the rows of an agent from `main` to `out`, both on one connection.
class Exporter {
 public:
  Exporter(Database& db, const ExportRequest& request) : db_(db), request_(request) {}

  void run() {
    db_.execute("BEGIN");
    db_.execute("CREATE TEMP TABLE self(id TEXT NOT NULL)");
    db_.prepare("INSERT INTO temp.self(id) VALUES(?1)").bind(request_.agent_id).run();
    find_agent();
    find_archives();
    find_kept();
    copy_agents();
    copy_commits();
    copy_vectors();
    copy_shared();
    copy("tag", "WHERE t.agent_id = (SELECT id FROM temp.self)");
    // No page of the new file holds what was purged.
    copy("purge", "WHERE t.id IN (SELECT purged FROM out.step)",
         {{"what", std::string("replace(t.what, '") + kNotCompacted + "', '')"}});
    copy_sources();
    db_.execute("COMMIT");
  }

 private:
  // Expressions in place of columns of `t`, by name.
  using Instead = std::map<std::string, std::string, std::less<>>;

  // `rows`: of the table `t`, all or from where on.
  void copy(const std::string& table, const std::string& rows, const Instead& instead = {}) {
    const auto names = columns_of(db_, table);
    std::vector<std::string> values;
    values.reserve(names.size());
    for (const auto& name : names) {
      const auto found = instead.find(name);
      values.push_back(found == instead.end() ? "t." + name : found->second);
    }
    const auto from = rows.starts_with("FROM") ? rows : "FROM main." + table + " t " + rows;
    const auto sql = "INSERT INTO out." + table + '(' + listed(names) + ") SELECT " +
                     listed(values) + ' ' + from;
    db_.execute(sql.c_str());
  }

  void find_agent() {
    Statement row(db_.get(),
                  "SELECT head_branch, head_seq, line_branch, line_seq, archive FROM main.agent "
                  "WHERE id = ?1 AND deleted_us IS NULL");
    if (!row.bind(request_.agent_id).step())
      throw AgentNotFound("this agent was deleted; its name is free for a new one");
    places_ = {{row.integer(0), row.integer(1)}, {row.integer(2), row.integer(3)}};
    archive_ = row.text(4);
  }

  // Those that it shares with others, and has now: a line of history each, which goes along whole.
  void find_archives() {
    db_.execute("CREATE TEMP TABLE shared(id TEXT PRIMARY KEY)");
    db_.prepare(
           "INSERT INTO temp.shared SELECT id FROM main.agent WHERE kind = 'archive' AND "
           "deleted_us IS NULL AND id IN (SELECT json_extract(j.value, '$.id') FROM main.config c "
           "JOIN json_each(c.json, '$.archives') j WHERE c.agent_id = ?1 AND c.version = "
           "(SELECT max(version) FROM main.config n WHERE n.agent_id = ?1))")
        .bind(request_.agent_id)
        .run();
  }

  // How much of each branch the agent's lines have: what others wrote behind that is theirs.
  void find_kept() {
    constexpr auto kAll = std::numeric_limits<std::int64_t>::max();
    Statement row(db_.get(),
                  "SELECT id, ?2 FROM main.branch WHERE agent_id = ?1 OR agent_id IN (SELECT id "
                  "FROM temp.shared) UNION ALL SELECT branch, seq FROM main.tag WHERE "
                  "agent_id = ?1");
    row.bind(request_.agent_id, kAll);
    while (row.step()) places_.push_back({row.integer(0), row.integer(1)});
    std::map<std::int64_t, std::int64_t> kept;
    for (const Head place : places_) {
      const auto line = Lineage(db_, place.branch).up_to(place.seq);
      for (const auto& segment : line) {
        auto& last = kept[segment.branch];
        last = std::max(last, segment.last_seq);
      }
    }
    db_.execute("CREATE TEMP TABLE kept(branch INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL)");
    Statement keep(db_.get(), "INSERT INTO temp.kept(branch, last_seq) VALUES(?1, ?2)");
    for (const auto& [branch, last] : kept) keep.bind(branch, last).run();
  }

  // Those that it was forked from come as agents that were deleted: their history stays with what
  // goes on from it.
  void copy_agents() {
    const std::string whole = "(SELECT id FROM temp.self UNION SELECT id FROM temp.shared)";
    copy("agent", "WHERE t.id IN " + whole);
    // CROSS JOIN: what comes first is gone through first.
    copy("branch", "FROM temp.kept k CROSS JOIN main.branch t WHERE t.id = k.branch");
    struct Place {
      std::string agent;
      Head head;
      TimeUs time_us = 0;
    };
    std::map<std::string, Place> ancestors;
    Statement row(db_.get(),
                  "SELECT b.agent_id, b.id, min(k.last_seq, ifnull((SELECT max(seq) FROM main.step "
                  "s WHERE s.branch = b.id), 0)), b.created_us FROM temp.kept k JOIN main.branch b "
                  "ON b.id = k.branch WHERE b.agent_id NOT IN " +
                      whole + " ORDER BY b.id");
    while (row.step())
      ancestors[row.text(0)] = {row.text(0), {row.integer(1), row.integer(2)}, row.integer(3)};
    // A purge may have taken the agent away.
    Statement insert(
        db_.get(),
        "INSERT INTO out.agent(id, name, created_us, deleted_us, head_branch, head_seq, "
        "line_branch, line_seq, archive, kind) SELECT ?1, ifnull(a.name, 'a purged agent'), "
        "ifnull(a.created_us, ?2), ifnull(a.deleted_us, ?3), ?4, ?5, ?4, ?5, "
        "ifnull(a.archive, ?6), ifnull(a.kind, 'agent') FROM (SELECT 1) LEFT JOIN main.agent a "
        "ON a.id = ?1");
    for (const auto& [id, place] : ancestors)
      insert.bind(id, place.time_us, request_.now_us, place.head.branch, place.head.seq, archive_)
          .run();
  }

  void copy_commits() {
    for (const char* table : {"step", "config", "message", "block", "passage", "retirement",
                              "summary", "window", "tool_run", "pin"})
      copy(table, std::string("FROM temp.kept k CROSS JOIN main.") + table +
                      " t WHERE t.branch = k.branch AND t.seq <= k.last_seq");
    copy(
        "archive_commit",
        "FROM temp.kept k CROSS JOIN main.archive_commit t CROSS JOIN temp.kept a WHERE t.branch = "
        "k.branch AND t.seq <= k.last_seq AND a.branch = t.archive_branch");
  }

  void copy_vectors() {
    // From one name to the next: the rows hold the vectors.
    db_.execute(
        "CREATE TEMP TABLE embedder AS WITH RECURSIVE names(name) AS ("
        "SELECT min(embedder) FROM main.embedding UNION ALL SELECT (SELECT min(e.embedder) FROM "
        "main.embedding e WHERE e.embedder > names.name) FROM names WHERE names.name IS NOT NULL) "
        "SELECT name FROM names WHERE name IS NOT NULL");
    copy("embedding",
         "FROM temp.embedder n CROSS JOIN out.passage p CROSS JOIN main.embedding t "
         "WHERE t.embedder = n.name AND t.passage = p.id");
  }

  // All versions of those that it saw. Who wrote them is known of the agents that are here.
  void copy_shared() {
    const std::string known =
        "EXISTS (SELECT 1 FROM temp.kept k WHERE k.branch = t.branch AND k.last_seq >= t.seq)";
    copy("shared_block", "WHERE t.id IN (SELECT id FROM out.block WHERE shared > 0)",
         {{"agent_id", "CASE WHEN " + known + " THEN t.agent_id ELSE '' END"},
          {"branch", "CASE WHEN " + known + " THEN t.branch ELSE 0 END"},
          {"seq", "CASE WHEN " + known + " THEN t.seq ELSE 0 END"}});
  }

  void copy_sources() {
    if (!request_.sources) return;
    copy("tool_source", "WHERE t.agent_id = (SELECT id FROM temp.self)");
    Statement put(db_.get(),
                  "INSERT OR REPLACE INTO out.tool_source(agent_id, name, source) "
                  "VALUES(?1, ?2, ?3)");
    for (const auto& [name, source] : *request_.sources)
      put.bind(request_.agent_id, name, source).run();
  }

  Database& db_;
  const ExportRequest& request_;
  std::vector<Head> places_;
  std::string archive_;
};

// Nobody else sees the file, and it is synced as a whole at its end.
constexpr const char* kFast = "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF";

void copy_rows(const std::string& home, const std::string& part, const ExportRequest& request) {
  Database db(home);
  const Polling polling(db, request.poll);
  try {
    Statement(db.get(), "ATTACH ?1 AS out").bind(part).run();
    db.execute("PRAGMA out.journal_mode = MEMORY; PRAGMA out.synchronous = OFF");
    db.execute("PRAGMA temp_store = MEMORY");
    Exporter(db, request).run();
  } catch (const Error&) {
    polling.rethrow();
    throw;
  }
}

void write_part(const std::string& home, const std::string& part, const ExportRequest& request) {
  {
    Database out(part);
    out.execute(kFast);
    migrate(out, part);
  }
  copy_rows(home, part, request);
  Database out(part);
  out.execute(kFast);
  const Polling polling(out, request.poll);
  try {
    write_manifest(out, {request.agent_id, request.now_us});
  } catch (const Error&) {
    polling.rethrow();
    throw;
  }
}

}  // namespace

void export_agent(const std::string& home, const ExportRequest& request) {
  const fs::path target(request.path);
  check_target(target, request.overwrite);
  remove_leftovers(target);
  PartFile part(request.path);
  try {
    write_part(home, part.path(), request);
  } catch (const DiskFull&) {
    // The connection tells the home's name.
    throw_disk_error('"' + request.path + '"', ENOSPC);
  }
  part.become(target, request.overwrite);
}

void Journal::export_agent(const ExportRequest& request) {
  {
    const std::scoped_lock lock(writer_mutex_);
    writer_db_.check_in_place();
  }
  memgpt::export_agent(path_, request);
}

}  // namespace memgpt
