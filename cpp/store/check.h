// Whether a file holds together, told in words.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "store/sqlite.h"

namespace memgpt {

// What is wrong with the file, one line a problem; empty where it is sound. Reads only, on a
// connection of its own, in short transactions. `poll` may throw, which ends it. `is_private`: see
// Journal.
[[nodiscard]] std::vector<std::string> check_file(const std::string& path,
                                                  const std::function<void()>& poll,
                                                  bool is_private = false);

class Journal;
// Whether what each commit wrote is as it was written, on every line: also those that were undone.
[[nodiscard]] std::vector<std::string> check_contents(Journal& journal,
                                                      const std::function<void()>& poll);

inline constexpr const char* kRestoreAdvice = "; restore the file from a copy";
// What happened, as an error tells it; what to do is said for the file as a whole.
[[nodiscard]] std::string without_advice(const std::string& error);

}  // namespace memgpt
