// Memory blocks: of one agent, by label, and those that agents share, by id.
#include <algorithm>

#include "server/api.h"
#include "server/block_bodies.h"
#include "server/block_list.h"
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
constexpr const char* kFlag = R"({"type": "boolean"})";
constexpr const char* kTexts = R"({"type": "array", "items": {"type": "string"}})";

ServerResponse block_response(ServerApi& api, const Block& block) {
  return {200, json::serialize(block_json(block, api.home().journal()->card("block", block.id)))};
}

const BlockVersion& version_of(const LiveState& state, const std::string& label) {
  if (const auto* version = state.find_block(label)) return *version;
  throw Refusal(404, "Block field " + label + " does not exist for this agent");
}

ServerResponse change_block(ServerApi& api, Call& call) {
  const auto& id = call.at("block_id");
  const auto change = block_change(call.body());
  if (shared_block(api, id)) {
    const auto block = api.home().change_shared_block(id, change);
    keep_block_card(api, id, call.body());
    return block_response(api, block);
  }
  const auto holder = own_block(api, id).holders.front();
  api.home().agent_by_id(holder.agent_id)->change_block(holder.label, change);
  keep_block_card(api, id, call.body());
  return block_response(api, block_by_id(api, id));
}

// One that an agent has for itself is changed between its turns.
void change_by_id(ServerApi& api, const std::shared_ptr<Call>& call) {
  const auto& id = call->at("block_id");
  if (shared_block(api, id)) return call->exchange()->respond(change_block(api, *call));
  api.answer_in_line(own_block(api, id).holders.front().agent_id, call,
                     [&api](Call& call) { return change_block(api, call); });
}

}  // namespace

void share_block(ServerApi& api, const std::string& block_id) {
  if (shared_block(api, block_id)) return;
  const auto holder = own_block(api, block_id).holders.front();
  api.home().agent_by_id(holder.agent_id)->share_block(holder.label, block_id);
}

namespace {

ServerResponse delete_block(ServerApi& api, Call& call) {
  const auto& id = call.at("block_id");
  for (const auto& holder : holders_of(api, id))
    api.home().agent_by_id(holder.agent_id)->detach_block(holder.label);
  forget_block(api, id);
  return {200, "null"};
}

ServerResponse agents_of_block(ServerApi& api, Call& call) {
  json::array out;
  for (const auto& holder :
       paged(holders_of(api, call.at("block_id")), page_of(call, 50),
             [](const BlockHolder& holder) { return std::string_view(holder.agent_id); }))
    out.push_back(agent_json(api, *api.agent(holder.agent_id)));
  return {200, json::serialize(out)};
}

void add_global(Router& router, ServerApi& api) {
  router.add({"GET",
              "/v1/blocks/count",
              "count_blocks",
              "How many blocks there are",
              answering([&api](Call&) {
                return ServerResponse{200, std::to_string(home_blocks(api).size())};
              }),
              {},
              {},
              R"({"type": "integer"})"});
  auto query = page_query(
      {{"templates_only", kFlag},
       {"tags", kTexts},
       {"match_all_tags", kFlag},
       {"identifier_keys", kTexts},
       {"connected_to_agents_count_gt", kNumber},
       {"connected_to_agents_count_lt", kNumber},
       {"connected_to_agents_count_eq", R"({"type": "array", "items": {"type": "integer"}})"}});
  for (const char* name : {"label", "name", "label_search", "description_search", "value_search",
                           "identity_id", "project_id"})
    query.push_back({name, kText});
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
              [&api](const std::shared_ptr<Call>& call) { change_by_id(api, call); },
              {},
              kBody,
              kBlock});
  router.add({"DELETE", "/v1/blocks/{block_id}", "delete_block",
              "Take a block from all agents, and forget it",
              api.among_turns([&api](Call& call) { return delete_block(api, call); })});
  router.add({"GET",
              "/v1/blocks/{block_id}/agents",
              "list_agents_for_block",
              "Agents that have a block",
              answering([&api](Call& call) { return agents_of_block(api, call); }),
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
    share_block(api, id);  // it does not go with the agent's hold on it
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
                const auto journal = api.home().journal();
                json::array out;
                auto blocks = wire_blocks(agent->id(), agent->state());
                const auto page = page_of(call, 100, true);
                for (const auto& block : paged(std::move(blocks), page, [](const Block& block) {
                       return std::string_view(block.id);
                     }))
                  out.push_back(block_json(block, journal->card("block", block.id)));
                return ServerResponse{200, json::serialize(out)};
              }),
              page_query(),
              {},
              kBlocks});
  router.add({"PATCH", "/v1/agents/{agent_id}/core-memory/blocks/attach/{block_id}", "attach_block",
              "Give an agent a block",
              api.in_line([&api](Call& call) { return attach(api, call, true); })});
  router.add({"PATCH", "/v1/agents/{agent_id}/core-memory/blocks/detach/{block_id}", "detach_block",
              "Take a block from an agent",
              api.in_line([&api](Call& call) { return attach(api, call, false); })});
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
              api.in_line([&api](Call& call) {
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
