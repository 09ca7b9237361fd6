#include "server/source_tools.h"

#include "agent/mend_json.h"
#include "memory/block.h"
#include "memory/text.h"
#include "server/api.h"
#include "server/tool_library.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr std::string_view kFingerprint = "source:";

// What a model says of a call that was refused, so that it does not try again.
constexpr const char* kNotAllowed =
    "this server runs tools from source only with a token, or where it was started with "
    "--allow-local-tools";

SourceResult failure(std::string text) { return {true, std::move(text), {}, {}}; }

// Names of what it needs and the sandbox does not have.
std::string requirements_of(const json::object& tool) {
  std::string names;
  for (const char* kind : {"pip_requirements", "npm_requirements"}) {
    const auto* list = tool.if_contains(kind);
    if (list == nullptr || !list->is_array()) continue;
    for (const auto& item : list->get_array())
      if (item.is_object())
        names += (names.empty() ? "" : ", ") + string_or(item.get_object(), "name");
  }
  return names;
}

// As Letta says it. Whether the text was longer.
bool limit_text(std::string& text, std::int64_t limit) {
  const auto length = count_characters(text);
  if (limit <= 0 || length <= static_cast<std::size_t>(limit)) return false;
  std::size_t bytes = 0;
  for (std::int64_t kept = 0; bytes < text.size(); ++bytes)
    if ((static_cast<unsigned char>(text[bytes]) & 0xC0U) != 0x80 && kept++ == limit) break;
  text.resize(bytes);
  text += "... [NOTE: function output was truncated since it exceeded the character limit (" +
          std::to_string(length) + " > " + std::to_string(limit) + ")]";
  return true;
}

// `exact`: with the injected arguments, or empty where none of the numbers needs it.
std::string text_of(const json::object& arguments, std::string_view exact) {
  if (exact.empty()) return json::serialize(arguments);
  std::string text;
  for (const auto& [name, value] : mend_json(exact).members) {
    if (!arguments.contains(name)) continue;
    text += text.empty() ? '{' : ',';
    append_json_string(text, name);
    text += ':' + value;
  }
  return text.empty() ? "{}" : text + '}';
}

class SourceTool final : public Tool {
 public:
  SourceTool(std::shared_ptr<const SourceRunner> runner, std::string card_id, ToolSchema schema,
             std::string source)
      : runner_(std::move(runner)),
        card_id_(std::move(card_id)),
        schema_(std::move(schema)),
        source_(std::move(source)) {}
  [[nodiscard]] const ToolSchema& schema() const override { return schema_; }
  [[nodiscard]] Effects effects() const override { return Effects::outside; }
  [[nodiscard]] ToolOrigin origin() const override { return ToolOrigin::user; }
  [[nodiscard]] std::string fingerprint() const override {
    return std::string(kFingerprint) + to_hex(sha256(source_)).substr(0, 16);
  }
  [[nodiscard]] ToolResult run(ToolScope& scope, const json::object& arguments) override {
    auto result = runner_->run_for(card_id_, source_, schema_.name,
                                   text_of(arguments, scope.exact_arguments()), scope.agent_id());
    auto printed = printed_json(result);
    return {result.failed, std::move(result.value), std::move(printed), std::move(result.json)};
  }

 private:
  std::shared_ptr<const SourceRunner> runner_;
  std::string card_id_;
  ToolSchema schema_;
  std::string source_;
};

}  // namespace

SourceResult SourceRunner::run(const json::object& tool, const std::string& name,
                               const std::string& arguments,
                               const json::object& environment) const {
  if (!allowed()) return failure(name + " was not run: " + kNotAllowed);
  const auto type = string_or(tool, "source_type", "python");
  if (type != "python")
    return failure(name + " was not run: it is of the source_type \"" + type +
                   "\", and tools run here in Python alone");
  if (const auto names = requirements_of(tool); !names.empty())
    return failure(name + " was not run: it asks for packages (" + names +
                   "), and the sandbox has Python's standard library alone. Write it without them");
  const auto* schema = tool.if_contains("args_json_schema");
  const bool has_schema = schema != nullptr && schema->is_object();
  try {
    auto result = hooks_.run({string_or(tool, "source_code"), name, json::serialize(environment),
                              has_schema ? json::serialize(*schema) : ""},
                             arguments);
    result.value = valid_utf8(std::move(result.value));
    for (auto* texts : {&result.out, &result.err})
      for (auto& text : *texts) text = valid_utf8(std::move(text));
    if (limit_text(result.value, int_or(tool, "return_char_limit", 50'000))) result.json.clear();
    return result;
  } catch (const Error& error) {
    return failure(name + " was not run: " + error.what());
  }
}

SourceResult SourceRunner::run_for(const std::string& card_id, const std::string& source,
                                   const std::string& name, const std::string& arguments,
                                   const std::string& agent_id) const {
  json::object tool;
  json::object environment;
  try {
    const auto home = home_.lock();
    if (!home) return failure(name + " was not run: its home was closed");
    const auto card = home->journal()->card("tool", card_id);
    if (!card) return failure(name + " was not run: this tool was deleted");
    tool = object_of(card->json);
    if (const auto secrets = home->journal()->card("secrets", agent_id))
      environment = object_of(secrets->json);
  } catch (const Error& error) {
    return failure(name + " was not run: " + error.what());
  }
  // What the journal says that the agent has.
  tool["source_code"] = source;
  return run(tool, name, arguments, environment);
}

json::object SourceRunner::derive(const json::object& body) const {
  if (!hooks_.derive) throw ToolError("tools from source are not taken here");
  return object_of(hooks_.derive(json::serialize(body)));
}

void SourceBindings::keep(const std::shared_ptr<Tool>& tool) {
  const std::scoped_lock lock(mutex_);
  kept_[tool->schema().name] = tool;
}

std::shared_ptr<Tool> SourceBindings::kept(const std::string& id) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, tool] : kept_)
    if (base_tool_id(name) == id) return tool;
  return nullptr;
}

std::shared_ptr<Tool> SourceBindings::made_for(ServerApi& api, const ToolConfig& tool,
                                               bool unbound) {
  if (is_source_tool(tool)) {
    const auto card = tool_card(api, tool.schema.name);
    if (!card) return nullptr;
    auto made = source_tool(api, *card);
    return unbound || tool_config(*made) != tool ? made : nullptr;
  }
  if (!unbound) return nullptr;
  const std::scoped_lock lock(mutex_);
  const auto kept = kept_.find(tool.schema.name);
  return kept != kept_.end() && tool_config(*kept->second) == tool ? kept->second : nullptr;
}

void SourceBindings::follow(ServerApi& api, Agent& agent) {
  const std::int64_t version = version_;
  {
    const std::scoped_lock lock(mutex_);
    const auto seen = seen_.find(agent.id());
    if (seen != seen_.end() && seen->second == version && agent.unbound().empty()) return;
  }
  if (agent.is_busy()) return;
  const auto unbound = agent.unbound();
  Binding binding;
  for (const auto& tool : agent.config().tools) {
    const auto missing = "tools=[" + tool.schema.name + "]";
    const bool is_unbound = std::find(unbound.begin(), unbound.end(), missing) != unbound.end();
    if (auto made = made_for(api, tool, is_unbound)) binding.tools.push_back(std::move(made));
  }
  try {
    if (!binding.tools.empty()) agent.bind(binding);
  } catch (const Busy&) {
    return;
  }
  const std::scoped_lock lock(mutex_);
  seen_[agent.id()] = version;
}

void SourceBindings::forget(const std::string& agent_id) {
  const std::scoped_lock lock(mutex_);
  seen_.erase(agent_id);
}

std::string not_allowed_text() { return kNotAllowed; }

std::string printed_json(const SourceResult& result) {
  if (result.out.empty() && result.err.empty()) return "";
  return json::serialize(
      json::object{{"stdout", array_of(result.out)}, {"stderr", array_of(result.err)}});
}

std::shared_ptr<Tool> source_tool(ServerApi& api, const Card& card) {
  const auto fields = object_of(card.json);
  ToolSchema schema;
  schema.name = card.name;
  schema.description = string_or(fields, "description");
  schema.parameters = R"({"type": "object", "properties": {}, "required": []})";
  if (const auto* given = fields.if_contains("json_schema");
      given != nullptr && given->is_object()) {
    const auto* parameters = given->get_object().if_contains("parameters");
    if (parameters != nullptr && parameters->is_object())
      schema.parameters = json::serialize(*parameters);
  }
  return std::make_shared<SourceTool>(api.sources(), card.id, std::move(schema),
                                      string_or(fields, "source_code"));
}

bool is_source_tool(const ToolConfig& tool) {
  return tool.origin == "user" && tool.fingerprint.starts_with(kFingerprint);
}

}  // namespace memgpt
