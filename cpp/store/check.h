// Whether a file holds together, told in words; and what is derived, made anew.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "store/sqlite.h"

namespace memgpt {

// What is wrong with the file, one line a problem; empty where it is sound. Reads only, on a
// connection of its own, in short transactions. `poll` may throw, which ends it.
[[nodiscard]] std::vector<std::string> check_file(const std::string& path,
                                                  const std::function<void()>& poll);

class Journal;
// Whether what each commit wrote is as it was written, on every line: also those that were undone.
[[nodiscard]] std::vector<std::string> check_contents(Journal& journal,
                                                      const std::function<void()>& poll);

// Full-text tables against the rows that they index.
[[nodiscard]] std::vector<std::string> check_text(Database& db);

// Makes the full-text tables anew, all of it or nothing, whatever state they are in. Throws
// NotADatabase where the history itself is damaged: that cannot be made again.
void rebuild_text(const std::string& path, const std::function<void()>& poll);

// The same in the caller's transaction, for tables that can be dropped.
void renew_text(Database& db);

inline constexpr const char* kRebuildAdvice =
    "; home.rebuild() or `memgpt doctor --rebuild` makes it anew";
inline constexpr const char* kRestoreAdvice = "; restore the file from a copy";
// What happened, as an error tells it; what to do is said for the file as a whole.
[[nodiscard]] std::string without_advice(const std::string& error);

// The full-text tables and what SQLite keeps for them.
[[nodiscard]] bool is_text_table(const std::string& name);
// SQLite finds every other table readable.
[[nodiscard]] bool history_is_sound(Database& db);

}  // namespace memgpt
