#include "server/agent_bodies.h"

#include <algorithm>

#include "agent/builtin_tools.h"
#include "agent/prompts.h"
#include "llm/services.h"
#include "memory/text.h"
#include "server/api.h"
#include "server/block_bodies.h"
#include "server/block_list.h"
#include "server/message_bodies.h"
#include "server/refusal.h"
#include "server/rule_bodies.h"
#include "server/settings_bodies.h"
#include "server/tool_bodies.h"
#include "server/tool_library.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr int kMostTaken = 100;  // names that others took first

std::string agent_type(const json::object& body) {
  const auto type = body::text(body, "agent_type").value_or(kAgentV2);
  for (const char* known : {kAgentV1, kAgentV2, "letta_v1_agent"})
    if (type == known) return type;
  for (const char* known : {"react_agent", "workflow_agent", "split_thread_agent",
                            "sleeptime_agent", "voice_convo_agent", "voice_sleeptime_agent"})
    if (type == known)
      throw Refusal(501, "agents of the type \"" + type + "\" are not served; there are " +
                             kAgentV1 + ", " + kAgentV2 + " and letta_v1_agent");
  throw Refusal(422, "\"agent_type\" must be " + std::string(kAgentV1) + ", " + kAgentV2 +
                         " or letta_v1_agent");
}

void refuse_what_is_not_served(const json::object& body) {
  if (body::flag(body, "enable_sleeptime").value_or(false))
    throw Refusal(501, "sleep-time agents are not served yet: leave out enable_sleeptime");
  if (body::text(body, "from_template") || body::text(body, "template_id"))
    throw Refusal(501, "templates are not served");
  for (const char* name : {"folder_ids", "source_ids"})
    if (const auto ids = body::texts(body, name); ids && !ids->empty())
      throw Refusal(501, "folders and sources are not served yet: leave out " + std::string(name));
  if (const auto ids = body::texts(body, "identity_ids"); ids && !ids->empty())
    throw Refusal(501, "identities are not served: leave out identity_ids");
  if (body::find(body, "message_ids") != nullptr)
    throw Refusal(501,
                  "what stands in the window is for the agent's memory policy to say: leave out "
                  "message_ids, and reset or compact the messages");
  if (body::flag(body, "include_multi_agent_tools").value_or(false))
    throw Refusal(501, "tools for several agents are not served");
  if (body::flag(body, "message_buffer_autoclear").value_or(false))
    throw Refusal(501,
                  "agents that forget each message are not served: leave out "
                  "message_buffer_autoclear, and reset the messages between requests");
  if (const auto* variables = body::object(body, "memory_variables");
      variables != nullptr && !variables->empty())
    throw Refusal(501,
                  "variables of templates are not served: leave out memory_variables, and write "
                  "their values into the blocks");
}

// A key goes only to the endpoint it was configured with: a request names no address.
std::optional<std::string> model_handle(const json::object& body) {
  if (auto handle = body::text(body, "model")) return handle;
  const auto* config = body::object(body, "llm_config");
  if (config == nullptr) return std::nullopt;
  if (auto handle = body::text(*config, "handle")) return handle;
  const auto model = body::needed_text(*config, "model");
  const auto service = body::text(*config, "model_endpoint_type").value_or("openai");
  const auto endpoint = body::text(*config, "model_endpoint").value_or("");
  const auto* known = find_service(service);
  if (!endpoint.empty() && (known == nullptr || endpoint != known->default_url))
    throw Refusal(400,
                  "an llm_config may not name an address of its own; give a handle, and tell the "
                  "server by its environment where that service is");
  return model == "offline" || model.find('/') != std::string::npos ? model : service + '/' + model;
}

}  // namespace

std::optional<std::string> embedding_handle(const json::object& body) {
  if (auto handle = body::text(body, "embedding")) return handle;
  const auto* config = body::object(body, "embedding_config");
  if (config == nullptr) return std::nullopt;
  if (auto handle = body::text(*config, "handle")) return handle;
  const auto model = body::needed_text(*config, "embedding_model");
  const auto service = body::text(*config, "embedding_endpoint_type").value_or("openai");
  return model == "offline" || model.find('/') != std::string::npos ? model : service + '/' + model;
}

namespace {

int window_of(const json::object& body) {
  auto given = body::integer(body, "context_window_limit");
  if (const auto* config = body::object(body, "llm_config"); config != nullptr && !given)
    given = body::integer(*config, "context_window");
  if (!given) return 0;
  if (*given < 1 || *given > 100'000'000)
    throw Refusal(422, "\"context_window_limit\" must be a number of tokens, 1 or more");
  return static_cast<int>(*given);
}

std::string json_text(const json::object& body, std::string_view name) {
  const auto* object = body::object(body, name);
  return object == nullptr ? "" : json::serialize(*object);
}

// Equal ones once, where they came first.
std::optional<std::vector<std::string>> tags_of(const json::object& body) {
  const auto given = body::texts(body, "tags");
  if (!given) return std::nullopt;
  std::vector<std::string> tags;
  for (const auto& tag : *given) {
    if (is_blank(tag)) throw Refusal(422, "a tag of \"tags\" is empty: give it a text");
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  }
  return tags;
}

// Of tools that clients sent; null: none are given.
const json::object* given_secrets(const json::object& body) {
  for (const char* name : {"secrets", "tool_exec_environment_variables"})
    if (const auto* given = body::object(body, name); given != nullptr) {
      check_environment(*given, name);
      return given;
    }
  return nullptr;
}

// They are no part of the journal.
void keep_secrets(ServerApi& api, const std::string& agent_id, const json::object& body) {
  const auto* given = given_secrets(body);
  if (given == nullptr) return;
  const auto now = api.now_us();
  api.home().journal()->put_card({"secrets", agent_id, "", json::serialize(*given), now, now});
}

// The tools that a body asks for, by names and ids.
std::vector<std::shared_ptr<Tool>> asked_tools(ServerApi& api, const json::object& body) {
  std::vector<std::shared_ptr<Tool>> tools;
  for (const auto& name : body::texts(body, "tools").value_or(std::vector<std::string>()))
    tools.push_back(tool_named(api, name));
  for (const auto& id : body::texts(body, "tool_ids").value_or(std::vector<std::string>()))
    tools.push_back(tool_by_id(api, id));
  return tools;
}

// A configuration that has only the tools of a new agent.
AgentConfig tools_of(const AgentOptions& options) {
  AgentConfig config;
  if (options.base_tools)
    for (const auto& tool : builtin_tools()) config.tools.push_back(tool_config(*tool));
  for (const auto& tool : options.tools) config.tools.push_back(tool_config(*tool));
  return config;
}

// What was said before the agent is first spoken to: it stands in the window as if it had been.
std::vector<HistoryItem> first_messages(const json::object& body) {
  std::vector<HistoryItem> items;
  for (auto& input : inputs_in(body, "initial_message_sequence")) {
    HistoryItem item;
    item.message.role = input.role;
    item.message.type = message_type(input.role);
    item.message.name = std::move(input.name);
    item.message.text = std::move(input.text);
    if (input.role == Role::assistant) item.message.content = item.message.text;
    item.shown = true;
    items.push_back(std::move(item));
  }
  return items;
}

std::vector<json::object> given_blocks(const json::object& body) {
  std::vector<json::object> blocks;
  const auto* list = body::array(body, "memory_blocks");
  if (list == nullptr) return blocks;
  for (const auto& item : *list) {
    if (!item.is_object()) throw Refusal(422, "\"memory_blocks\" must be a list of objects");
    static_cast<void>(new_block(item.get_object()));
    blocks.push_back(item.get_object());
  }
  return blocks;
}

}  // namespace

std::string free_name(ServerApi& api, const std::string& wanted) {
  const auto journal = api.home().journal();
  std::string name = wanted;
  for (int number = 2; journal->find_agent(name); ++number)
    name = wanted + " (" + std::to_string(number) + ')';
  return name;
}

namespace {

// Another request may take the name meanwhile: then the next one that is free.
std::shared_ptr<Agent> created(ServerApi& api, const std::string& wanted, const json::object& body,
                               AgentOptions& options) {
  for (int tries = 0;; ++tries) {
    const auto name = free_name(api, wanted);
    json::object settings;
    keep_settings(settings, body);
    if (name != wanted) settings["name"] = wanted;
    options.settings = settings_text(settings);
    try {
      return api.home().create_agent(name, options);
    } catch (const AlreadyExists&) {
      if (tries == kMostTaken || !api.home().journal()->find_agent(name)) throw;
    }
  }
}

}  // namespace

std::shared_ptr<Agent> create_agent(ServerApi& api, const json::object& body) {
  refuse_what_is_not_served(body);
  check_parameters(body);
  static_cast<void>(given_secrets(body));
  AgentOptions options;
  options.agent_type = agent_type(body);
  const auto handle = model_handle(body);
  if (!handle) throw Refusal(400, "Must specify either model or llm_config in request");
  options.provider = api.model(*handle);
  if (const auto embedding = embedding_handle(body)) options.embedder = api.embedder(*embedding);
  options.policy = std::make_shared<RecursiveSummary>();
  options.memory_class = kStockMemory;
  options.context_window = window_of(body);
  options.system_prompt = body::text(body, "system").value_or("");
  options.timezone = body::text(body, "timezone").value_or("");
  if (!body::flag(body, "reasoning").value_or(true)) options.reasoning = "none";
  options.description = body::text(body, "description").value_or("");
  options.tags = tags_of(body).value_or(std::vector<std::string>());
  options.metadata = json_text(body, "metadata");
  options.base_tools = body::flag(body, "include_base_tools").value_or(true);
  if (options.base_tools) options.tools = memory_tools(options.agent_type);
  for (auto& tool : asked_tools(api, body)) options.tools.push_back(std::move(tool));
  options.tool_rules = first_rules(body, tools_of(options));
  const auto blocks = given_blocks(body);
  for (const auto& block : blocks) options.blocks.push_back(new_block(block));
  for (const auto& id : body::texts(body, "block_ids").value_or(std::vector<std::string>())) {
    share_block(api, id);
    options.shared_blocks.push_back(id);
  }

  const auto said = first_messages(body);
  const auto wanted =
      body::text(body, "name").value_or("agent " + api.home().environment().new_uuid().substr(24));
  check_agent_name(wanted);
  auto agent = created(api, wanted, body, options);
  for (const auto& block : wire_blocks(agent->id(), agent->state()))
    for (const auto& given : blocks)
      if (string_or(given, "label") == block.label) keep_block_card(api, block.id, given);
  keep_secrets(api, agent->id(), body);
  if (!said.empty()) static_cast<void>(agent->import_history(said));
  return agent;
}

namespace {

void replace_tools(ServerApi& api, const AgentConfig& config, const std::vector<std::string>& ids,
                   Binding& binding) {
  std::vector<std::string> names;
  for (const auto& id : ids) {
    if (const auto known = tool_of_agent(api, config, id)) {
      names.push_back(known->schema.name);
      continue;
    }
    auto tool = tool_by_id(api, id);
    names.push_back(tool->schema().name);
    binding.tools.push_back(std::move(tool));
  }
  binding.change = [names, before = binding.change](AgentConfig& config) {
    if (before) before(config);
    std::erase_if(config.tools, [&](const ToolConfig& tool) {
      return std::find(names.begin(), names.end(), tool.schema.name) == names.end();
    });
  };
}

// What leaves the agent does not go with it, and what comes may be another agent's own: both are
// shared before.
void replace_blocks(ServerApi& api, Agent& agent, const std::vector<std::string>& ids,
                    Binding& binding) {
  std::vector<std::string> moved;
  const auto blocks = wire_blocks(agent.id(), agent.state());
  for (const auto& block : blocks)
    if (std::find(ids.begin(), ids.end(), block.id) == ids.end()) {
      binding.detach_blocks.push_back(block.label);
      moved.push_back(block.id);
    }
  for (const auto& id : ids)
    if (std::none_of(blocks.begin(), blocks.end(),
                     [&](const Block& block) { return block.id == id; }) &&
        std::find(moved.begin(), moved.end(), id) == moved.end()) {
      static_cast<void>(block_by_id(api, id));  // refuses one that there is not
      binding.attach_blocks.push_back(id);
      moved.push_back(id);
    }
  for (const auto& id : moved) share_block(api, id);
}

}  // namespace

void change_agent(ServerApi& api, Agent& agent, const json::object& body) {
  refuse_what_is_not_served(body);
  check_parameters(body);
  static_cast<void>(given_secrets(body));
  Binding binding;
  const auto config = agent.config();
  if (const auto handle = model_handle(body); handle && *handle != config.model)
    binding.provider = api.model(*handle);
  if (const auto handle = embedding_handle(body); handle && *handle != config.embedding)
    binding.embedder = api.embedder(*handle);
  binding.context_window = window_of(body);
  binding.timezone = body::text(body, "timezone").value_or("");
  if (const auto reasoning = body::flag(body, "reasoning"))
    binding.reasoning = *reasoning ? "argument" : "none";
  const auto name = body::text(body, "name");
  binding.change = [&body, name, rules = rules_text(body), system = body::text(body, "system"),
                    tags = tags_of(body), description = body::text(body, "description"),
                    metadata = json_text(body, "metadata")](AgentConfig& config) {
    if (system) config.system_prompt = *system;
    if (tags) config.tags = *tags;
    if (body.contains("tool_rules")) config.tool_rules = rules;
    if (body.contains("description")) config.description = description.value_or("");
    if (body.contains("metadata")) config.metadata = metadata;
    auto settings = object_of(config.settings);
    keep_settings(settings, body);
    if (name) settings.erase("name");
    config.settings = settings_text(settings);
  };
  if (const auto ids = body::texts(body, "tool_ids")) replace_tools(api, config, *ids, binding);
  if (name) check_agent_name(*name);
  if (const auto ids = body::texts(body, "block_ids")) replace_blocks(api, agent, *ids, binding);
  agent.bind(binding);
  keep_secrets(api, agent.id(), body);
  if (!name || *name == agent.name()) return;
  const auto unique = free_name(api, *name);
  api.home().rename_agent(agent.id(), unique);
  if (unique == *name) return;
  Binding shown;
  shown.change = [&](AgentConfig& config) {
    auto settings = object_of(config.settings);
    settings["name"] = *name;
    config.settings = settings_text(settings);
  };
  agent.bind(shown);
}

}  // namespace memgpt
