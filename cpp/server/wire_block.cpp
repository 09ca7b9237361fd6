#include "memory/text.h"
#include "server/api.h"
#include "server/wire.h"

namespace memgpt {

namespace {

// What the clients show of a block that came without a description.
std::string_view stock_description(std::string_view label) {
  if (label == "persona") return "The persona block: who the agent is, how it behaves and speaks.";
  if (label == "human") return "The human block: what the agent knows of the person it talks to.";
  return "";
}

}  // namespace

json::object block_json(const Block& block, const std::optional<Card>& card) {
  json::object out = {{"id", block.id},
                      {"label", block.label},
                      {"value", block.value},
                      {"limit", block.limit},
                      {"description", text_or_null(block.description.empty()
                                                       ? stock_description(block.label)
                                                       : std::string_view(block.description))},
                      {"read_only", block.read_only},
                      {"metadata", json::object()},
                      {"name", nullptr},
                      {"template_name", nullptr},
                      {"is_template", false},
                      {"hidden", nullptr},
                      {"tags", json::array()},
                      {"project_id", nullptr},
                      {"template_id", nullptr},
                      {"base_template_id", nullptr},
                      {"deployment_id", nullptr},
                      {"entity_id", nullptr},
                      {"preserve_on_migration", false},
                      {"created_by_id", nullptr},
                      {"last_updated_by_id", nullptr}};
  if (card)
    for (const auto& [name, value] : object_of(card->json)) out[name] = value;
  return out;
}

Block wire_block(const std::string& agent_id, const BlockVersion& version) {
  Block block = version.block;
  if (version.shared > 0) return block;
  block.id = id_of("block", agent_id + ' ' + block.id);
  return block;
}

std::vector<Block> wire_blocks(const std::string& agent_id, const LiveState& state) {
  std::vector<Block> blocks;
  blocks.reserve(state.blocks.size());
  for (const auto& version : state.blocks) blocks.push_back(wire_block(agent_id, version));
  return blocks;
}

std::unordered_map<std::string, Card> block_cards(ServerApi& api) {
  std::unordered_map<std::string, Card> cards;
  for (auto& card : api.home().journal()->cards("block")) {
    auto id = card.id;
    cards.emplace(std::move(id), std::move(card));
  }
  return cards;
}

}  // namespace memgpt
