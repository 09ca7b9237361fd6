#include "store/sqlite.h"

#include "error.h"
#include "memory/text.h"

namespace memgpt {

namespace {

[[noreturn]] void fail(sqlite3* db, int code, std::string what) {
  const char* path = db != nullptr ? sqlite3_db_filename(db, "main") : nullptr;
  if (path != nullptr && *path != '\0') what = '"' + std::string(path) + '"';
  const std::string message =
      what + ": " + (db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      throw NotADatabase(message + "; open another file, or restore this one from a copy");
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw ReadOnlyStore(message + "; make the file and its folder writable, or open a copy");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw StoreError(message + "; another process is writing to this file, try again");
    case SQLITE_FULL:
      throw StoreError(message + "; free some space and send again, nothing was lost");
    default: throw StoreError(message);
  }
}

void check(sqlite3* db, int code, const char* what) {
  if (code != SQLITE_OK) fail(db, code, what);
}

}  // namespace

Statement::Statement(sqlite3* db, std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  statement_.reset(raw);
  if (code != SQLITE_OK) fail(db, code, "cannot prepare a statement");
}

bool Statement::step() {
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
  const int code =
      sqlite3_open_v2(path.c_str(), &raw,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(raw);
  if (code != SQLITE_OK) fail(raw, code, "cannot open \"" + path + "\"");
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
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(db_.get(), code, "\"" + path_ + "\"");
}

Statement& Database::prepare(std::string_view sql) {
  auto& slot = statements_[sql];
  if (!slot) slot = std::make_unique<Statement>(db_.get(), sql);
  slot->reset();
  return *slot;
}

std::int64_t Database::pragma(const std::string& name) {
  Statement statement(db_.get(), "PRAGMA " + name);
  return statement.step() ? statement.integer(0) : 0;
}

Transaction::Transaction(Database& db) : db_(db) { db_.execute("BEGIN IMMEDIATE"); }

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
