// The Letta V1 API's forms of what the kernel has. A superset for both generations of clients:
// every attribute of theirs is there, null where the kernel has nothing for it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/agent.h"
#include "memory/json.h"
#include "store/card.h"

namespace memgpt {

class ServerApi;

// Ids of commits: a step's, and a turn's (a run), which is that of its input.
[[nodiscard]] std::string step_id(Head place);
[[nodiscard]] std::string run_id(Head input);
// None for what is no such id. `kind`: "step" or "run".
[[nodiscard]] std::optional<Head> place_of_id(std::string_view id, std::string_view kind);

// Of what has no id of its own: made of a text that names it, and always the same.
[[nodiscard]] std::string id_of(std::string_view kind, std::string_view text);

// The text as JSON object; an empty one where it is none.
[[nodiscard]] json::object object_of(std::string_view text);
[[nodiscard]] json::value text_or_null(std::string_view text);
[[nodiscard]] json::array array_of(const std::vector<std::string>& texts);

// `agent.include`: none = everything.
[[nodiscard]] json::object agent_json(ServerApi& api, Agent& agent);
[[nodiscard]] json::object llm_config_json(ServerApi& api, const AgentConfig& config);
[[nodiscard]] json::value embedding_config_json(std::string_view handle, int dimension);
// Of a model that was named by its handle alone.
[[nodiscard]] json::object model_settings_json(std::string_view handle);

// The blocks of an agent by the ids that clients know. One that is not shared has an id made of the
// agent's, too: forks have blocks of the same id in the journal, and go on by themselves.
[[nodiscard]] std::vector<Block> wire_blocks(const std::string& agent_id, const LiveState& state);
[[nodiscard]] Block wire_block(const std::string& agent_id, const BlockVersion& version);
[[nodiscard]] json::object block_json(const Block& block, const std::optional<Card>& card);
// Of all blocks that have one, by their ids.
[[nodiscard]] std::unordered_map<std::string, Card> block_cards(ServerApi& api);

// What Letta would have made of the tools of an agent whose rules nobody set.
[[nodiscard]] json::array default_rules(const AgentConfig& config);
[[nodiscard]] json::object tool_json(ServerApi& api, const ToolConfig& tool);
[[nodiscard]] json::object passage_json(const Passage& passage, std::string_view archive_id);
[[nodiscard]] json::object archive_json(ServerApi& api, const Archive& archive);
// What an agent has of its own has an archive's id on the wire, and an archive's form.
[[nodiscard]] std::string own_archive_id(std::string_view agent_id);
[[nodiscard]] json::object own_archive_json(ServerApi& api, Agent& agent);

}  // namespace memgpt
