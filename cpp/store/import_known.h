// What an exported agent shares with others, and the home that it is taken into may have already.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite.h"

namespace memgpt {

enum class Known { no, same, otherwise };

// By id, whether the home has each with the versions that the file has.
[[nodiscard]] std::map<std::string, Known> shared_blocks_of(Database& from, Database& home);

struct KnownArchive {
  std::string id;
  std::int64_t branch_there = 0;
  std::int64_t branch_here = 0;
};

// Those that the home has, commit for commit as the file has them, and perhaps with more behind:
// they stay what they are here. Their rows are deleted from the file, which is to be a copy.
[[nodiscard]] std::vector<KnownArchive> leave_known_archives(Database& from, Database& home);

// An agent's configuration with other ids of its archives; none where they are the same.
[[nodiscard]] std::optional<std::string> with_archives(
    std::string_view config, const std::function<std::string(const std::string& there)>& here);

}  // namespace memgpt
