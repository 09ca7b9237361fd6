// What clients send of blocks.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "memory/block.h"
#include "memory/json.h"

namespace memgpt {

class ServerApi;

// Without a limit it gets the one that the clients expect. They throw Refusal (422).
[[nodiscard]] Block new_block(const json::object& body);
// The fields that are there.
[[nodiscard]] std::function<void(Block& block)> block_change(const json::object& body);
// What the kernel makes no use of: metadata, tags, names.
void keep_block_card(ServerApi& api, const std::string& block_id, const json::object& body);
// So that an agent can be given it: a block that one agent alone has becomes shared. Throws Refusal
// (404).
void share_block(ServerApi& api, const std::string& block_id);
// A shared block that a client deleted: its history stays in the file.
void forget_block(ServerApi& api, const std::string& block_id);
[[nodiscard]] bool is_deleted_block(ServerApi& api, const std::string& block_id);
[[nodiscard]] std::vector<std::string> deleted_blocks(ServerApi& api);
// `item`: with "tags".
[[nodiscard]] bool has_tags(const json::object& item, const std::vector<std::string>& wanted,
                            bool all);

}  // namespace memgpt
