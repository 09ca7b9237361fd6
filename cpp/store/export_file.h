// The file that an agent is exported to: a database of the journal's schema with the rows of that
// agent alone, and a manifest with a digest of them all.
#pragma once

#include <string>
#include <vector>

#include "memory/message.h"
#include "store/sqlite.h"

namespace memgpt {

struct Manifest {
  std::string agent_id;
  TimeUs time_us = 0;  // of the export
};

// SHA-256, in hexadecimal, of all rows but the manifest's: of "schema 8\n", then of each table by
// name, "message(id,uid,...)\n" and its rows by primary key, each value as "i42;", "t5:hello",
// "b3:..." (with the size in bytes) or "n", and "\n" behind the row. Throws StoreError where a
// column holds what it was not declared for, or text that is no UTF-8.
[[nodiscard]] std::string digest_of_rows(Database& db);

void write_manifest(Database& db, const Manifest& manifest);

// Copies an export, which is not changed. Throws NotADatabase for what is none, StoreError where it
// cannot be read, or was opened as a home since and has changes that are not in the file yet.
void copy_export(const std::string& path, const std::string& copy);

// Whether a copy is an export, with the very schema that it says it has, and as it was written.
// Throws NotADatabase, NewerVersion or StoreError.
[[nodiscard]] Manifest read_manifest(Database& db);

// A database that was opened as a home, as exports are not before somebody opens them.
[[nodiscard]] bool is_home(const std::string& path);
// The home that a path is a companion of, there or not: its log, its locks, what is in its folder
// of vectors; empty where it is of none.
[[nodiscard]] std::string home_beside(const std::string& path);
[[nodiscard]] bool is_database_or_empty(const std::string& path);

// Their names, in the order of the table.
[[nodiscard]] std::vector<std::string> columns_of(Database& db, const std::string& table);
// "one, two, three".
[[nodiscard]] std::string listed(const std::vector<std::string>& names);

}  // namespace memgpt
