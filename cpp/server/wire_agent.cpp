#include "llm/offline_embedder.h"
#include "llm/services.h"
#include "server/api.h"
#include "server/run_records.h"
#include "server/wire.h"

namespace memgpt {

namespace {

std::string_view service_of(std::string_view handle) {
  const auto slash = handle.find('/');
  return slash == std::string_view::npos ? handle : handle.substr(0, slash);
}

std::string_view model_of(std::string_view handle) {
  return handle.substr(std::min(handle.find('/') + 1, handle.size()));
}

json::value endpoint_of(std::string_view service) {
  const auto* known = find_service(service);
  return known == nullptr ? json::value() : text_or_null(known->default_url);
}

}  // namespace

json::array default_rules(const AgentConfig& config) {
  json::array rules;
  for (const auto& tool : config.tools) {
    const auto& name = tool.schema.name;
    if (tool.origin == "user") continue;
    const bool ends = name == "send_message" || name == "memory_finish_edits";
    rules.push_back({{"type", ends ? "exit_loop" : "continue_loop"},
                     {"tool_name", name},
                     {"prompt_template", nullptr}});
  }
  return rules;
}

namespace {

json::array rules_json(const AgentConfig& config) {
  if (config.tool_rules.empty()) return default_rules(config);
  boost::system::error_code failed;
  const auto rules = json::parse(config.tool_rules, failed);
  return failed || !rules.is_array() ? json::array() : rules.get_array();
}

// What a client set stands; what it did not is as given here.
void set_defaults(json::object& out, const json::object& defaults) {
  for (const auto& [name, value] : defaults)
    if (out.if_contains(name) == nullptr) out[name] = value;
}

// Clients may give one name to several agents; the kernel does not.
std::string shown_name(const Agent& agent, const AgentConfig& config) {
  return string_or(object_of(config.settings), "name", agent.name());
}

TimeUs head_time(ServerApi& api, const LiveState& state) {
  const auto head = api.home().journal()->step(state.agent.head);
  return head ? head->first.time_us : state.agent.created_us;
}

void set_last_run(json::object& out, const std::optional<RunRecord>& run) {
  for (const char* name : {"last_run_completion", "last_run_duration_ms", "last_stop_reason"})
    out[name] = nullptr;
  if (!run) return;
  out["last_run_completion"] = wire_time(run->ended_us);
  out["last_run_duration_ms"] = (run->ended_us - run->input.step.time_us) / 1000;
  out["last_stop_reason"] = run->stop_reason;
}

}  // namespace

json::object llm_config_json(ServerApi& api, const AgentConfig& config) {
  auto out = object_of(config.settings);
  const auto* given = out.if_contains("llm_config");
  json::object config_out =
      given != nullptr && given->is_object() ? given->get_object() : json::object();
  static_cast<void>(api);
  const auto service = service_of(config.model);
  config_out["model"] = model_of(config.model);
  config_out["handle"] = config.model;
  config_out["context_window"] = config.context_window;
  set_defaults(config_out, {{"model_endpoint_type", service},
                            {"model_endpoint", endpoint_of(service)},
                            {"provider_name", service},
                            {"provider_category", "base"},
                            {"display_name", model_of(config.model)},
                            {"model_wrapper", nullptr},
                            {"put_inner_thoughts_in_kwargs", config.reasoning == "argument"},
                            {"enable_reasoner", config.reasoning == "native"},
                            {"reasoning_effort", nullptr},
                            {"max_reasoning_tokens", 0},
                            {"temperature", 1.0},
                            {"max_tokens", nullptr},
                            {"frequency_penalty", nullptr},
                            {"compatibility_type", nullptr},
                            {"parallel_tool_calls", false},
                            {"response_format", nullptr},
                            {"strict", false},
                            {"effort", nullptr},
                            {"verbosity", nullptr},
                            {"tier", nullptr},
                            {"tool_call_parser", nullptr},
                            {"return_logprobs", false},
                            {"return_token_ids", false},
                            {"top_logprobs", nullptr}});
  const auto parameters = model_parameters(config.settings);
  if (parameters.temperature) config_out["temperature"] = *parameters.temperature;
  if (parameters.max_output_tokens > 0) config_out["max_tokens"] = parameters.max_output_tokens;
  if (!parameters.reasoning_effort.empty())
    config_out["reasoning_effort"] = parameters.reasoning_effort;
  if (!parameters.verbosity.empty()) config_out["verbosity"] = parameters.verbosity;
  return config_out;
}

// The offline embedder names its vectors by their version.
std::string embedding_handle_of(std::string_view embedder) {
  return embedder == OfflineEmbedder().name() ? "offline" : std::string(embedder);
}

json::value embedding_config_json(std::string_view embedder, int dimension) {
  if (embedder.empty()) return nullptr;
  const auto handle = embedding_handle_of(embedder);
  const auto service = service_of(handle);
  return json::object{{"embedding_model", model_of(handle)},
                      {"handle", handle},
                      {"embedding_endpoint_type", service},
                      {"embedding_endpoint", endpoint_of(service)},
                      {"embedding_dim", dimension},
                      {"embedding_chunk_size", 300},
                      {"batch_size", 32},
                      {"azure_endpoint", nullptr},
                      {"azure_version", nullptr},
                      {"azure_deployment", nullptr}};
}

json::object model_settings_json(std::string_view handle) {
  json::object out = {{"provider_type", service_of(handle)},
                      {"temperature", 1.0},
                      {"max_output_tokens", 16384},
                      {"parallel_tool_calls", true},
                      {"response_format", nullptr}};
  if (service_of(handle) == "openai") {
    out["reasoning"] = {{"reasoning_effort", "minimal"}};
    out["strict"] = false;
  }
  return out;
}

json::object agent_json(ServerApi& api, Agent& agent) {
  const auto config = agent.config();
  const auto state = agent.state();
  const auto journal = api.home().journal();
  json::array blocks;
  for (const auto& block : wire_blocks(agent.id(), state))
    blocks.push_back(block_json(block, journal->card("block", block.id)));
  json::array tools;
  for (const auto& tool : config.tools) tools.push_back(tool_json(api, tool));
  json::array message_ids;
  for (const auto& item : state.window) message_ids.push_back(json::value(item->message->id));
  auto settings = object_of(config.settings);
  json::object out = {
      {"id", agent.id()},
      {"name", shown_name(agent, config)},
      {"agent_type", config.agent_type},
      {"system", config.system_prompt},
      {"created_at", wire_time(state.agent.created_us)},
      {"updated_at", wire_time(head_time(api, state))},
      {"description", text_or_null(config.description)},
      {"metadata",
       config.metadata.empty() ? json::value() : json::value(object_of(config.metadata))},
      {"timezone", config.timezone},
      {"model", config.model},
      {"embedding", text_or_null(embedding_handle_of(config.embedding))},
      {"llm_config", llm_config_json(api, config)},
      {"embedding_config", embedding_config_json(config.embedding, config.embedding_dimension)},
      {"memory",
       {{"agent_type", config.agent_type},
        {"blocks", blocks},
        {"file_blocks", json::array()},
        {"git_enabled", false},
        {"prompt_template", ""}}},
      {"blocks", std::move(blocks)},
      {"tools", std::move(tools)},
      {"sources", json::array()},
      {"tags", array_of(config.tags)},
      {"identity_ids", json::array()},
      {"identities", json::array()},
      {"message_ids", std::move(message_ids)},
      {"multi_agent_group", nullptr},
      {"managed_group", nullptr},
      {"pending_approval", nullptr},
      {"created_by_id", nullptr},
      {"last_updated_by_id", nullptr}};
  set_last_run(out, RunReader(api).last_ended(agent.id(), state.agent.head));
  for (const char* name :
       {"model_settings", "compaction_settings", "message_buffer_autoclear", "enable_sleeptime",
        "response_format", "max_files_open", "per_file_view_window_char_limit", "hidden",
        "project_id", "template_id", "base_template_id", "deployment_id", "entity_id"})
    if (const auto* value = settings.if_contains(name); value != nullptr) out[name] = *value;
  const auto parameters = model_parameters(config.settings);
  json::object model_settings = model_settings_json(config.model);
  if (parameters.temperature) model_settings["temperature"] = *parameters.temperature;
  if (parameters.max_output_tokens > 0)
    model_settings["max_output_tokens"] = parameters.max_output_tokens;
  if (!parameters.reasoning_effort.empty())
    model_settings["reasoning"] = {{"reasoning_effort", parameters.reasoning_effort}};
  if (const auto* given = out.if_contains("model_settings"); given != nullptr && given->is_object())
    for (const auto& [name, value] : given->get_object()) model_settings[name] = value;
  out["model_settings"] = std::move(model_settings);
  out["tool_rules"] = rules_json(config);
  set_defaults(out, {{"compaction_settings", nullptr},
                     {"message_buffer_autoclear", false},
                     {"enable_sleeptime", nullptr},
                     {"response_format", nullptr},
                     {"max_files_open", 5},
                     {"per_file_view_window_char_limit", 15000},
                     {"hidden", nullptr},
                     {"project_id", nullptr},
                     {"template_id", nullptr},
                     {"base_template_id", nullptr},
                     {"deployment_id", nullptr},
                     {"entity_id", nullptr}});
  // Values of environment variables are secrets: their names are shown.
  json::array secrets;
  if (const auto card = api.home().journal()->card("secrets", agent.id()))
    for (const auto& [name, value] : object_of(card->json))
      secrets.push_back({{"id", "agent-env-" + std::string(name)},
                         {"agent_id", agent.id()},
                         {"key", name},
                         {"value", "********"},
                         {"value_enc", nullptr},
                         {"description", nullptr}});
  out["secrets"] = secrets;
  out["tool_exec_environment_variables"] = std::move(secrets);
  return out;
}

}  // namespace memgpt
