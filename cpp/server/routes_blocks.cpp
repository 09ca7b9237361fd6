// Memory blocks: of one agent, by label, and those that agents share, by id.
#include <algorithm>

#include "server/api.h"
#include "server/block_bodies.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr std::string_view kBlock = R"({"type": "object", "properties": {"id": {"type": "string"},
  "label": {"type": "string"}, "value": {"type": "string"}, "limit": {"type": "integer"}},
  "required": ["id", "label", "value"]})";
constexpr std::string_view kBlocks = R"({"type": "array", "items": {"type": "object"}})";
constexpr std::string_view kBody = R"({"type": "object", "properties": {
  "label": {"type": "string"}, "value": {"type": "string"}, "limit": {"type": "integer"},
  "description": {"type": ["string", "null"]}, "read_only": {"type": "boolean"},
  "metadata": {"type": ["object", "null"]}, "tags": {"type": ["array", "null"], "items": {"type": "string"}}}})";
constexpr const char* kText = R"({"type": "string"})";
constexpr const char* kNumber = R"({"type": "integer"})";

const std::vector<Parameter>& page_query() {
  static const std::vector<Parameter> query = {
      {"before", kText},
      {"after", kText},
      {"limit", kNumber},
      {"order", R"({"type": "string", "enum": ["asc", "desc"]})"},
      {"order_by", kText}};
  return query;
}

ServerResponse block_response(ServerApi& api, const Block& block) {
  return {200, json::serialize(block_json(block, api.home().journal()->card("block", block.id)))};
}

const BlockVersion& version_of(const LiveState& state, const std::string& label) {
  if (const auto* version = state.find_block(label)) return *version;
  throw Refusal(404, "Block field " + label + " does not exist for this agent");
}

// Every block of the home: those that are shared, and each agent's own.
std::vector<Block> all_blocks(ServerApi& api) {
  std::vector<Block> blocks;
  for (auto& shared : api.home().shared_blocks()) blocks.push_back(std::move(shared.block));
  std::unordered_map<std::string, bool> deleted;
  for (const auto& id : deleted_blocks(api)) deleted[id] = true;
  std::erase_if(blocks, [&](const Block& block) { return deleted.contains(block.id); });
  for (const auto& row : api.home().agents()) {
    const auto agent = api.home().agent_by_id(row.id);
    for (const auto& version : agent->state().blocks)
      if (version.shared == 0) blocks.push_back(wire_block(row.id, version));
  }
  return blocks;
}

bool holds(const std::string& text, const std::optional<std::string>& wanted) {
  return !wanted || text.find(*wanted) != std::string::npos;
}

ServerResponse list_blocks(ServerApi& api, Call& call) {
  const auto page = page_of(call, 50);
  const auto label = call.asked("label");
  const auto tags = call.asked_all("tags");
  const bool all_tags = call.asked_flag("match_all_tags", false);
  const auto cards = block_cards(api);
  std::vector<json::object> items;
  for (const auto& block : all_blocks(api)) {
    if (label && block.label != *label) continue;
    if (!holds(block.label, call.asked("label_search")) ||
        !holds(block.description, call.asked("description_search")) ||
        !holds(block.value, call.asked("value_search")))
      continue;
    const auto card = cards.find(block.id);
    auto item = block_json(block, card == cards.end() ? std::nullopt : std::optional(card->second));
    if (const auto name = call.asked("name"); name && item["name"] != json::value(*name)) continue;
    if (call.asked_flag("templates_only", false) && item["is_template"] != true) continue;
    if (!has_tags(item, tags, all_tags)) continue;
    items.push_back(std::move(item));
  }
  // Ids begin with the time.
  std::stable_sort(items.begin(), items.end(), [](const json::object& a, const json::object& b) {
    return a.at("id").as_string() < b.at("id").as_string();
  });
  json::array out;
  for (auto& item : paged(std::move(items), page, [](const json::object& item) {
         return std::string_view(item.at("id").as_string());
       }))
    out.push_back(std::move(item));
  return {200, json::serialize(out)};
}

// The agent that has a block of its own by this id.
std::shared_ptr<Agent> owner_of(ServerApi& api, const std::string& id, std::string& label) {
  for (const auto& row : api.home().agents()) {
    const auto agent = api.home().agent_by_id(row.id);
    for (const auto& version : agent->state().blocks)
      if (version.shared == 0 && wire_block(row.id, version).id == id) {
        label = version.block.label;
        return agent;
      }
  }
  throw Refusal(404, "Block with id " + id + " not found");
}

std::optional<Block> shared_block(ServerApi& api, const std::string& id) {
  check_id(id, "block");
  if (is_deleted_block(api, id)) throw Refusal(404, "Block with id " + id + " not found");
  try {
    return api.home().journal()->shared_block(id).block;
  } catch (const BlockNotFound&) {
    return std::nullopt;
  }
}

Block block_by_id(ServerApi& api, const std::string& id) {
  if (auto shared = shared_block(api, id)) return *std::move(shared);
  std::string label;
  const auto agent = owner_of(api, id, label);
  return wire_block(agent->id(), version_of(agent->state(), label));
}

ServerResponse change_by_id(ServerApi& api, Call& call) {
  const auto& id = call.at("block_id");
  const auto change = block_change(call.body());
  if (shared_block(api, id)) {
    const auto block = api.home().change_shared_block(id, change);
    keep_block_card(api, id, call.body());
    return block_response(api, block);
  }
  std::string label;
  const auto agent = owner_of(api, id, label);
  agent->change_block(label, change);
  keep_block_card(api, id, call.body());
  return block_response(api, block_by_id(api, id));
}

}  // namespace

void share_block(ServerApi& api, const std::string& block_id) {
  if (shared_block(api, block_id)) return;
  std::string label;
  owner_of(api, block_id, label)->share_block(label, block_id);
}

namespace {

std::vector<std::shared_ptr<Agent>> agents_with(ServerApi& api, const std::string& id) {
  std::vector<std::shared_ptr<Agent>> agents;
  for (const auto& row : api.home().agents()) {
    auto agent = api.home().agent_by_id(row.id);
    const auto state = agent->state();
    const auto blocks = wire_blocks(row.id, state);
    if (std::any_of(blocks.begin(), blocks.end(),
                    [&](const Block& block) { return block.id == id; }))
      agents.push_back(std::move(agent));
  }
  return agents;
}

ServerResponse delete_block(ServerApi& api, Call& call) {
  const auto id = block_by_id(api, call.at("block_id")).id;
  for (const auto& agent : agents_with(api, id)) {
    for (const auto& block : wire_blocks(agent->id(), agent->state()))
      if (block.id == id) agent->detach_block(block.label);
  }
  forget_block(api, id);
  return {200, "null"};
}

void add_global(Router& router, ServerApi& api) {
  router.add({"GET",
              "/v1/blocks/count",
              "count_blocks",
              "How many blocks there are",
              answering([&api](Call&) {
                return ServerResponse{200, std::to_string(all_blocks(api).size())};
              }),
              {},
              {},
              R"({"type": "integer"})"});
  auto query = page_query();
  for (const char* name : {"label", "name", "label_search", "description_search", "value_search"})
    query.push_back({name, kText});
  query.push_back({"templates_only", R"({"type": "boolean"})"});
  query.push_back({"tags", R"({"type": "array", "items": {"type": "string"}})"});
  query.push_back({"match_all_tags", R"({"type": "boolean"})"});
  router.add({"GET",
              "/v1/blocks",
              "list_blocks",
              "Blocks of all agents",
              answering([&api](Call& call) { return list_blocks(api, call); }),
              query,
              {},
              kBlocks});
  router.add({"POST",
              "/v1/blocks",
              "create_block",
              "Make a block that agents can be given",
              answering([&api](Call& call) {
                const auto block = new_block(call.body());
                const auto id = api.home().create_block(block);
                keep_block_card(api, id, call.body());
                return block_response(api, block_by_id(api, id));
              }),
              {},
              kBody,
              kBlock});
  router.add({"GET",
              "/v1/blocks/{block_id}",
              "retrieve_block",
              "One block",
              answering([&api](Call& call) {
                return block_response(api, block_by_id(api, call.at("block_id")));
              }),
              {},
              {},
              kBlock});
  router.add({"PATCH",
              "/v1/blocks/{block_id}",
              "modify_block",
              "Change a block",
              answering([&api](Call& call) { return change_by_id(api, call); }),
              {},
              kBody,
              kBlock});
  router.add({"DELETE", "/v1/blocks/{block_id}", "delete_block",
              "Take a block from all agents, and forget it",
              answering([&api](Call& call) { return delete_block(api, call); })});
  router.add({"GET",
              "/v1/blocks/{block_id}/agents",
              "list_agents_for_block",
              "Agents that have a block",
              answering([&api](Call& call) {
                const auto id = block_by_id(api, call.at("block_id")).id;
                json::array out;
                for (const auto& agent :
                     paged(agents_with(api, id), page_of(call, 50),
                           [](const auto& agent) { return std::string_view(agent->id()); }))
                  out.push_back(agent_json(api, *agent));
                return ServerResponse{200, json::serialize(out)};
              }),
              page_query(),
              {},
              kBlocks});
}

ServerResponse attach(ServerApi& api, Call& call, bool attached) {
  const auto agent = api.agent(call.at("agent_id"));
  const auto& id = call.at("block_id");
  const auto blocks = wire_blocks(agent->id(), agent->state());
  const auto found = std::find_if(blocks.begin(), blocks.end(),
                                  [&](const Block& block) { return block.id == id; });
  if (!attached) {
    if (found == blocks.end())
      throw Refusal(404, "Block with id " + id + " is not attached to this agent");
    agent->detach_block(found->label);
  } else if (found == blocks.end()) {
    share_block(api, id);
    agent->attach_block(id);
  }
  return {200, json::serialize(agent_json(api, *agent))};
}

}  // namespace

void add_block_routes(Router& router, ServerApi& api) {
  add_global(router, api);
  constexpr const char* kOfAgent = "/v1/agents/{agent_id}/core-memory/blocks";
  router.add({"GET", "/v1/agents/{agent_id}/core-memory", "retrieve_core_memory",
              "Core memory of an agent", answering([&api](Call& call) {
                const auto agent = api.agent(call.at("agent_id"));
                return ServerResponse{200, json::serialize(agent_json(api, *agent).at("memory"))};
              })});
  router.add({"GET",
              kOfAgent,
              "list_agent_blocks",
              "Blocks of an agent",
              answering([&api](Call& call) {
                const auto agent = api.agent(call.at("agent_id"));
                const auto cards = block_cards(api);
                json::array out;
                auto blocks = wire_blocks(agent->id(), agent->state());
                auto page = page_of(call, 100, true);
                for (const auto& block : paged(std::move(blocks), page, [](const Block& block) {
                       return std::string_view(block.id);
                     })) {
                  const auto card = cards.find(block.id);
                  out.push_back(block_json(
                      block, card == cards.end() ? std::nullopt : std::optional(card->second)));
                }
                return ServerResponse{200, json::serialize(out)};
              }),
              page_query(),
              {},
              kBlocks});
  router.add({"PATCH", "/v1/agents/{agent_id}/core-memory/blocks/attach/{block_id}", "attach_block",
              "Give an agent a block",
              answering([&api](Call& call) { return attach(api, call, true); })});
  router.add({"PATCH", "/v1/agents/{agent_id}/core-memory/blocks/detach/{block_id}", "detach_block",
              "Take a block from an agent",
              answering([&api](Call& call) { return attach(api, call, false); })});
  router.add({"GET",
              "/v1/agents/{agent_id}/core-memory/blocks/{label}",
              "retrieve_agent_block",
              "One block of an agent",
              answering([&api](Call& call) {
                const auto agent = api.agent(call.at("agent_id"));
                return block_response(
                    api, wire_block(agent->id(), version_of(agent->state(), call.at("label"))));
              }),
              {},
              {},
              kBlock});
  router.add({"PATCH",
              "/v1/agents/{agent_id}/core-memory/blocks/{label}",
              "modify_agent_block",
              "Change a block of an agent",
              answering([&api](Call& call) {
                const auto agent = api.agent(call.at("agent_id"));
                const auto before = version_of(agent->state(), call.at("label"));
                const auto change = block_change(call.body());
                if (before.shared > 0)
                  static_cast<void>(api.home().change_shared_block(before.block.id, change));
                else
                  agent->change_block(call.at("label"), change);
                const auto id = wire_block(agent->id(), before).id;
                keep_block_card(api, id, call.body());
                for (const auto& block : wire_blocks(agent->id(), agent->state()))
                  if (block.id == id) return block_response(api, block);
                throw Refusal(404, "Block field " + call.at("label") + " does not exist any more");
              }),
              {},
              kBody,
              kBlock});
}

}  // namespace memgpt
