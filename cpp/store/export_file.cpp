#include "store/export_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <tuple>

#include "error.h"
#include "memory/text.h"
#include "store/disk_error.h"
#include "store/schema.h"

namespace memgpt {

namespace {

constexpr std::size_t kPiece = 1 << 16;  // bytes hashed at once
constexpr const char* kTables =
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND "
    "name <> 'manifest' ORDER BY name";

// The first bytes of a database, see https://www.sqlite.org/fileformat2.html.
class Header {
 public:
  explicit Header(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    file.read(bytes_.data(), static_cast<std::streamsize>(bytes_.size()));
    whole_ = file.good();
  }
  [[nodiscard]] bool is_database() const {
    constexpr std::string_view kMagic("SQLite format 3\0", 16);
    return whole_ && std::string_view(bytes_.data(), kMagic.size()) == kMagic;
  }
  [[nodiscard]] bool is_ours() const {
    std::uint32_t id = 0;
    for (std::size_t at = 68; at < 72; ++at)
      id = id << 8 | static_cast<unsigned char>(bytes_.at(at));
    return is_database() && id == kApplicationId;
  }
  [[nodiscard]] bool has_log() const { return is_database() && bytes_[18] == 2; }

 private:
  std::array<char, 100> bytes_{};
  bool whole_ = false;
};

[[noreturn]] void not_as_exported(const std::string& what) {
  throw StoreError("the file is not as it was exported: " + what +
                   "; export the agent again, or take another copy of the file. If the file was "
                   "opened as a home and the agent went on in it: open it, and export it from "
                   "there");
}

// What the column was declared for, or nothing where it may be.
void check_value(const Statement& row, int column, const std::string& declared,
                 const std::string& name) {
  const int type = row.type(column);
  const bool fits = type == SQLITE_NULL || (type == SQLITE_INTEGER && declared == "INTEGER") ||
                    (type == SQLITE_TEXT && declared == "TEXT") ||
                    (type == SQLITE_BLOB && declared == "BLOB");
  if (!fits) not_as_exported("\"" + name + "\" holds what is not of its type");
  if (type == SQLITE_TEXT && !is_valid_utf8(row.view(column)))
    not_as_exported("\"" + name + "\" holds a text that is not UTF-8");
}

void append_value(std::string& out, const Statement& row, int column) {
  switch (row.type(column)) {
    case SQLITE_INTEGER: (out += 'i') += std::to_string(row.integer(column)) + ';'; return;
    case SQLITE_NULL: out += 'n'; return;
    default: {
      const auto bytes = row.view(column);
      out += row.type(column) == SQLITE_TEXT ? 't' : 'b';
      (out += std::to_string(bytes.size()) + ':') += bytes;
    }
  }
}

void add_table(Sha256& hash, Database& db, const std::string& table) {
  std::vector<std::string> names;
  std::vector<std::string> declared;
  std::vector<std::string> key;
  Statement column(db.get(), "SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY cid");
  column.bind(table);
  while (column.step()) {
    names.push_back(column.text(0));
    declared.push_back(column.text(1));
  }
  Statement part(db.get(), "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk");
  part.bind(table);
  while (part.step()) key.push_back(part.text(0));
  std::string piece = table + '(';
  for (const auto& name : names) piece += (piece.back() == '(' ? "" : ",") + name;
  piece += ")\n";
  Statement row(db.get(),
                "SELECT " + listed(names) + " FROM " + table + " ORDER BY " + listed(key));
  while (row.step()) {
    for (int i = 0; i < row.columns(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      check_value(row, i, declared[at], names[at]);
      append_value(piece, row, i);
    }
    piece += '\n';
    if (piece.size() < kPiece) continue;
    hash.add(piece);
    piece.clear();
  }
  hash.add(piece);
}

// (type, name, table, definition) of everything in the schema. Spaces and quotation marks, which
// versions of SQLite set differently, do not count.
using Schema = std::set<std::tuple<std::string, std::string, std::string, std::string>>;
Schema schema_of(Database& db) {
  Schema schema;
  Statement row(db.get(), "SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema");
  while (row.step()) {
    auto sql = row.text(3);
    std::erase_if(sql, [](char c) { return c == ' ' || c == '\n' || c == '"'; });
    schema.emplace(row.text(0), row.text(1), row.text(2), std::move(sql));
  }
  return schema;
}

}  // namespace

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

std::vector<std::string> columns_of(Database& db, const std::string& table) {
  std::vector<std::string> names;
  Statement row(db.get(), "SELECT name FROM pragma_table_info(?1) ORDER BY cid");
  row.bind(table);
  while (row.step()) names.push_back(row.text(0));
  return names;
}

std::string digest_of_rows(Database& db) {
  Sha256 hash;
  hash.add("schema " + std::to_string(db.pragma("user_version")) + '\n');
  std::vector<std::string> tables;
  {
    Statement row(db.get(), kTables);
    while (row.step()) tables.push_back(row.text(0));
  }
  for (const auto& table : tables) add_table(hash, db, table);
  return to_hex(hash.digest());
}

void write_manifest(Database& db, const Manifest& manifest) {
  const auto digest = digest_of_rows(db);
  db.prepare("INSERT INTO manifest(agent_id, time_us, digest) VALUES(?1, ?2, ?3)")
      .bind(manifest.agent_id, manifest.time_us, digest)
      .run();
}

bool is_home(const std::string& path) {
  const Header header(path);
  return header.is_ours() && header.has_log();
}

std::string home_beside(const std::string& path) {
  for (const std::string_view suffix : {"-wal", "-shm", "-journal", "-turns", "-vectors"})
    if (path.ends_with(suffix)) {
      auto home = path.substr(0, path.size() - suffix.size());
      if (is_home(home)) return home;
    }
  const auto folder = std::filesystem::path(path).parent_path().string();
  constexpr std::string_view kVectors = "-vectors";
  if (!folder.ends_with(kVectors)) return "";
  auto home = folder.substr(0, folder.size() - kVectors.size());
  return is_home(home) ? home : "";
}

bool is_database_or_empty(const std::string& path) {
  std::error_code error;
  return Header(path).is_database() || std::filesystem::file_size(path, error) == 0;
}

void copy_export(const std::string& path, const std::string& copy) {
  namespace fs = std::filesystem;
  const std::string name = '"' + path + '"';
  std::error_code error;
  const auto status = fs::status(path, error);
  if (error) throw_disk_error(name, error.value());
  if (!fs::is_regular_file(status)) throw StoreError(name + " is no file; give the path of one");
  if (!std::ifstream(path)) throw_disk_error(name, EACCES);
  const Header header(path);
  if (!header.is_database())
    throw NotADatabase(name + " is no exported agent: agent.export() makes one");
  if (!header.is_ours())
    throw NotADatabase(name + " is a database of another program; choose another file");
  if (header.has_log()) {
    const auto log = fs::file_size(path + "-wal", error);
    if (!error && log > 0)
      throw StoreError(name +
                       " was opened as a home and written to since it was exported; export the "
                       "agent from it, or close it");
  }
  fs::copy_file(path, copy, fs::copy_options::overwrite_existing, error);
  if (error) throw_disk_error("cannot copy " + name, error.value());
}

Manifest read_manifest(Database& db) {
  if (db.pragma("application_id") != kApplicationId)
    throw NotADatabase("the file is no exported agent: agent.export() makes one");
  const auto version = db.pragma("user_version");
  if (version > newest_schema())
    throw NewerVersion("the file has schema " + std::to_string(version) +
                       ", this memgpt knows up to " + std::to_string(newest_schema()) +
                       "; upgrade memgpt to import it");
  Database empty(":memory:");
  create_schema(empty, version);
  // Views, triggers and the like could do anything when they are read.
  if (schema_of(db) != schema_of(empty)) not_as_exported("its tables are others");
  Statement row(db.get(), "SELECT agent_id, time_us, digest FROM manifest");
  if (version == 0 || !row.step())
    throw NotADatabase(
        "the file is a database of agents, and no exported one; open it with memgpt.open(), and "
        "export the agent from there");
  const Manifest manifest{row.text(0), row.integer(1)};
  const auto digest = row.text(2);
  if (row.step()) not_as_exported("it has two manifests");
  row.reset();
  if (digest_of_rows(db) != digest) not_as_exported("rows were changed");
  return manifest;
}

}  // namespace memgpt
