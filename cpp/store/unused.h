// Indexes that are dropped where there is no room for them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memgpt {

// Those go that were not searched for longest, and never the ones of this search, until all take at
// most `most` bytes: they are read again when they are searched.
template <typename Branches>
void drop_unused(Branches& branches, std::size_t bytes, std::size_t most, std::uint64_t search) {
  for (const auto& [id, branch] : branches) bytes += branch->bytes();
  while (bytes > most) {
    auto oldest = branches.end();
    for (auto at = branches.begin(); at != branches.end(); ++at)
      if (at->second->used != search &&
          (oldest == branches.end() || at->second->used < oldest->second->used))
        oldest = at;
    if (oldest == branches.end()) return;
    bytes -= oldest->second->bytes();
    branches.erase(oldest);
  }
}

}  // namespace memgpt
