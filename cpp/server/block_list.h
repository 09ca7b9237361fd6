// The blocks of a home: who has them, found by their ids, and listed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "memory/block.h"
#include "server/http_exchange.h"

namespace memgpt {

class Call;
class ServerApi;

struct BlockHolder {
  std::string agent_id;
  std::string label;
};

// A block, by the id that clients know, and the agents that have it.
struct HomeBlock {
  Block block;
  std::vector<BlockHolder> holders;
};

// The newest version of a block that is shared; none where no such one has the id. Throws Refusal:
// 404 where it was deleted, 422 for what is no block's id.
[[nodiscard]] std::optional<Block> shared_block(ServerApi& api, const std::string& id);
// A block that one agent alone has. Throws Refusal (404).
[[nodiscard]] HomeBlock own_block(ServerApi& api, const std::string& id);
// Either of them. Throws Refusal: 404, 422.
[[nodiscard]] Block block_by_id(ServerApi& api, const std::string& id);
[[nodiscard]] std::vector<BlockHolder> holders_of(ServerApi& api, const std::string& id);
// All that are not deleted.
[[nodiscard]] std::vector<HomeBlock> home_blocks(ServerApi& api);

// What "GET /v1/blocks" answers.
[[nodiscard]] ServerResponse list_blocks(ServerApi& api, const Call& call);

}  // namespace memgpt
