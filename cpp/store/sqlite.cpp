#include "store/sqlite.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "error.h"
#include "memory/text.h"
#include "store/disk_error.h"

namespace memgpt {

namespace {

// What else SQLite says, and what to do.
std::string advice(int code) {
  switch (code) {
    case SQLITE_CONSTRAINT:
    case SQLITE_ERROR:
    case SQLITE_MISMATCH: return "; the file is damaged: restore it from a copy";
    case SQLITE_PROTOCOL:
    case SQLITE_NOLFS: return "; keep the file on a local disk, where locks work";
    case SQLITE_NOMEM: return "; free some memory and try again";
    case SQLITE_TOOBIG: return "; SQLite takes texts of up to 1 GB";
    default: return "; close this home, open the file again and try again";
  }
}

// Where a file cannot be made SQLite tries to read it, and only tells that it is not there.
int why_not_made(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  const char* name = folder.empty() ? "." : folder.c_str();
  struct stat info = {};
  if (::stat(name, &info) != 0) return errno;
  return ::access(name, W_OK) != 0 ? errno : 0;
}

// What the system said last. SQLite does not keep it where a COMMIT fails; errno, which was set to
// 0 before, does. ENOENT is of a file that need not be there.
int system_error(sqlite3* db) {
  const int last = errno;
  if (last != 0 && last != ENOENT) return last;
  const int kept = db != nullptr ? sqlite3_system_errno(db) : 0;
  return kept != 0 ? kept : last;
}

[[noreturn]] void fail(sqlite3* db, int code, std::string what, std::string path = {}) {
  int error = system_error(db);
  const char* name = db != nullptr ? sqlite3_db_filename(db, "main") : nullptr;
  if (name != nullptr && *name != '\0') {
    path = name;
    what = '"' + path + '"';
  }
  const int primary = code & 0xff;
  if (primary == SQLITE_CANTOPEN && error == ENOENT) {
    error = why_not_made(path);
    if (error == 0)
      throw StoreError(what +
                       ": a file cannot be made in its folder; see that there is space and that "
                       "nothing forbids it, and try again");
  }
  if (primary == SQLITE_FULL) throw_disk_error(what, ENOSPC);
  if (primary == SQLITE_IOERR && error == ENOENT) error = 0;
  if ((primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) && error != 0)
    throw_disk_error(what, error);
  // A damaged file may put anything into the text.
  const std::string message =
      what + ": " + valid_utf8(db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  switch (primary) {
    case SQLITE_NOTADB:
      throw NotADatabase(message + "; open another file, or restore this one from a copy");
    case SQLITE_CORRUPT:
      throw NotADatabase(message +
                         "; `memgpt doctor` says what is damaged, restore the file from a copy");
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw ReadOnlyStore(message + "; make the file and its folder writable, or open a copy");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw StoreError(message + "; another process is writing to this file, try again");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: throw_disk_error(what, EIO);
    default: throw StoreError(message + advice(primary));
  }
}

// The file that a name stands for now; none where there is none, or where it cannot be told.
Database::FileId file_named(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return std::pair(std::uint64_t{info.st_dev}, std::uint64_t{info.st_ino});
}

void check(sqlite3* db, int code, const char* what) {
  if (code != SQLITE_OK) fail(db, code, what);
}

}  // namespace

Statement::Statement(sqlite3* db, std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  errno = 0;
  const int code = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  statement_.reset(raw);
  if (code != SQLITE_OK) fail(db, code, "cannot prepare a statement");
}

bool Statement::step() {
  errno = 0;
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* db = sqlite3_db_handle(statement_.get());
  // The text of the error goes with the reset: it is read before.
  try {
    fail(db, code, "the database refused");
  } catch (...) {
    sqlite3_reset(statement_.get());
    throw;
  }
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::view(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
}

// Only text that is UTF-8 is written; a damaged file may hold anything.
std::string Statement::text(int column) const { return valid_utf8(std::string(view(column))); }

double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

int Statement::type(int column) const { return sqlite3_column_type(statement_.get(), column); }

int Statement::columns() const { return sqlite3_column_count(statement_.get()); }

void Statement::bind_column(int index, const Statement& row, int column) {
  const int code = sqlite3_bind_value(statement_.get(), index,
                                      sqlite3_column_value(row.statement_.get(), column));
  check(sqlite3_db_handle(statement_.get()), code, "cannot bind a value");
}

void Statement::bind_one(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
}

void Statement::bind_one(int index, std::string_view value) {
  // An empty view may have no address, which SQLite would read as NULL.
  const char* data = value.data() == nullptr ? "" : value.data();
  const int code = sqlite3_bind_text64(statement_.get(), index, data, value.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  check(sqlite3_db_handle(statement_.get()), code, "cannot bind a text");
}

void Statement::bind_one(int index, std::span<const float> value) {
  const int code = sqlite3_bind_blob64(statement_.get(), index, value.data(), value.size_bytes(),
                                       SQLITE_TRANSIENT);
  check(sqlite3_db_handle(statement_.get()), code, "cannot bind a vector");
}

void Statement::bind_one(int index, std::nullptr_t) { sqlite3_bind_null(statement_.get(), index); }

Database::Database(const std::string& path) : path_(path) {
  sqlite3* raw = nullptr;
  errno = 0;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(raw);
  if (code != SQLITE_OK) fail(raw, code, "cannot open \"" + path + '"', path);
  if (sqlite3_db_readonly(raw, "main") == 1)
    throw ReadOnlyStore("\"" + path +
                        "\" is read-only; make the file and its folder writable, or open a copy");
  sqlite3_busy_timeout(raw, 10'000);
  // Files may come from strangers: no clever schema may run anything.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
}

void Database::execute(const char* sql) {
  errno = 0;
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(db_.get(), code, "\"" + path_ + "\"");
}

Statement& Database::prepare(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end())
    found = statements_.emplace(sql, std::make_unique<Statement>(db_.get(), sql)).first;
  found->second->reset();
  return *found->second;
}

std::int64_t Database::pragma(const std::string& name) {
  Statement statement(db_.get(), "PRAGMA " + name);
  return statement.step() ? statement.integer(0) : 0;
}

void Database::use_wal() {
  {
    Statement statement(db_.get(), "PRAGMA journal_mode = WAL");
    if (!statement.step() || statement.view(0) != "wal")
      throw StoreError("\"" + path_ +
                       "\": its file system cannot share memory between processes; keep the file "
                       "on a local disk");
  }
  // The first read opens the WAL and its index.
  static_cast<void>(pragma("user_version"));
  const char* path = sqlite3_db_filename(db_.get(), "main");
  for (const auto& name :
       {std::string(path), std::string(sqlite3_filename_wal(path)), std::string(path) + "-shm"})
    files_.emplace_back(name, file_named(name));
}

// By name: SQLite goes on writing to files that nobody will find again.
void Database::check_in_place() {
  for (const auto& [path, expected] : files_) {
    const auto now = file_named(path);
    if (now == expected) continue;
    throw StoreError('"' + path +
                     "\" was moved, deleted or replaced while it was open, and nothing more is "
                     "written; put back what was moved, close this home and open the file again");
  }
}

Transaction::Transaction(Database& db) : db_(db) {
  db_.check_in_place();
  db_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // Nothing can be done where even the rollback fails; SQLite rolls back by itself then.
  if (open_) sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  db_.execute("COMMIT");
  open_ = false;
}

ReadTransaction::ReadTransaction(Database& db) : db_(db) { db_.execute("BEGIN"); }

ReadTransaction::~ReadTransaction() {
  sqlite3_exec(db_.get(), "COMMIT", nullptr, nullptr, nullptr);
}

}  // namespace memgpt
