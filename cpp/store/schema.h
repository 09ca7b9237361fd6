// The journal's schema: numbered migrations, append-only.
#pragma once

#include "store/sqlite.h"

namespace memgpt {

inline constexpr int kApplicationId = 0x4d454d47;  // "MEMG"

// Brings the file to the newest schema in one transaction: it is migrated, or as it was. Throws
// NotADatabase for a database of another program and for an older file that is damaged,
// NewerVersion for a file of a newer memgpt.
void migrate(Database& db, const std::string& path);

[[nodiscard]] int newest_schema();

// The tables of a schema up to the newest, in a database that is empty.
void create_schema(Database& db, std::int64_t version);

}  // namespace memgpt
