// Blocks that agents share: versions of their own, beside all lines of history.
#pragma once

#include <string>

#include "error.h"
#include "store/journal.h"

namespace memgpt {

// Somebody else's edit of a shared block came first.
class SharedConflict : public Conflict {
 public:
  using Conflict::Conflict;
};

// Brings a block that was read from an agent's line to the newest version of the shared block.
void follow_shared(Database& db, BlockVersion& version, Head head);
// In the commit's transaction. Throws SharedConflict where the version is not the next one.
void write_shared_version(Database& db, const Block& block, std::int64_t version,
                          const std::string& agent_id, Head head, TimeUs now_us);

}  // namespace memgpt
