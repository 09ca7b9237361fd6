// The journal's schema: numbered migrations, append-only.
#pragma once

#include "store/sqlite.h"

namespace memgpt {

inline constexpr int kApplicationId = 0x4d454d47;  // "MEMG"

// Brings the file to the newest schema in one transaction. Throws NotADatabase for a database of
// another program and NewerVersion for a file of a newer memgpt.
void migrate(Database& db, const std::string& path);

[[nodiscard]] int newest_schema();

// The full-text tables, which are derived: empty ones.
void create_text_tables(Database& db);

}  // namespace memgpt
