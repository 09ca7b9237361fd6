// A thin, typed, exception-throwing face of SQLite. SQL strings stay in this room.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace memgpt {

class Lineage;

// A prepared statement. Bound values are copied; reset() before it is used again.
class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql);

  template <typename... Values>
  Statement& bind(const Values&... values) {
    reset();
    int index = 0;
    (bind_one(++index, values), ...);
    return *this;
  }
  // True where there is a row.
  bool step();
  // Runs to the end.
  void run();
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::string_view view(int column) const;  // valid until the next step
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  // SQLITE_INTEGER, SQLITE_TEXT, ...: a column may hold what it was not declared for.
  [[nodiscard]] int type(int column) const;
  [[nodiscard]] int columns() const;

  void bind_one(int index, std::int64_t value);
  void bind_one(int index, int value) { bind_one(index, static_cast<std::int64_t>(value)); }
  void bind_one(int index, bool value) { bind_one(index, static_cast<std::int64_t>(value)); }
  void bind_one(int index, std::string_view value);
  void bind_one(int index, const std::string& value) { bind_one(index, std::string_view(value)); }
  void bind_one(int index, const char* value) { bind_one(index, std::string_view(value)); }
  void bind_one(int index, std::span<const float> value);  // blob
  void bind_one(int index, std::nullptr_t);
  // What a column of another statement holds, as it is.
  void bind_column(int index, const Statement& row, int column);
  void bind_one(int index, const Lineage* value);  // see lineage.h; it must outlive the reading
  template <typename T>
  void bind_one(int index, const std::optional<T>& value) {
    if (value)
      bind_one(index, *value);
    else
      bind_one(index, nullptr);
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// One connection. Not thread-safe: its owner holds a mutex.
class Database {
 public:
  // Throws NotADatabase, ReadOnlyStore, DiskFull or StoreError with the path and what to do.
  explicit Database(const std::string& path);

  // Reads through the system's memory: for a file that nobody else can cut off meanwhile.
  void map_file() { execute("PRAGMA mmap_size = 1099511627776"); }
  // Throws StoreError where the file system cannot do it.
  void use_wal();
  // Throws StoreError where the file or its WAL is not the one that use_wal() found. A transaction
  // asks when it begins: what it would acknowledge nobody could find again.
  void check_in_place();
  using FileId = std::optional<std::pair<std::uint64_t, std::uint64_t>>;

  void execute(const char* sql);
  // Cached by its text.
  Statement& prepare(std::string_view sql);
  [[nodiscard]] std::int64_t pragma(const std::string& name);
  [[nodiscard]] std::int64_t last_row_id() const { return sqlite3_last_insert_rowid(db_.get()); }
  // False again where SQLite has rolled back by itself, as it does after some errors.
  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }
  [[nodiscard]] sqlite3* get() const { return db_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::string path_;
  std::vector<std::pair<std::string, FileId>> files_;  // of the WAL, once it is used
  std::unique_ptr<sqlite3, Close> db_;
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, std::unique_ptr<Statement>, TextHash, std::equal_to<>>
      statements_;
};

// BEGIN IMMEDIATE ... COMMIT; rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& db);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& db_;
  bool open_ = true;
};

// BEGIN ... COMMIT around reads that must agree with each other.
class ReadTransaction {
 public:
  explicit ReadTransaction(Database& db);
  ~ReadTransaction();
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;

 private:
  Database& db_;
};

// Resets a cached statement when a read is done, so that no read transaction outlives it.
class Reset {
 public:
  explicit Reset(Statement& statement) : statement_(statement) {}
  ~Reset() { statement_.reset(); }
  Reset(const Reset&) = delete;
  Reset& operator=(const Reset&) = delete;

 private:
  Statement& statement_;
};

}  // namespace memgpt
