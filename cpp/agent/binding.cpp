// What an agent works with: model, embedder, policy, tools; binding them, and replacing them as a
// whole.
#include <algorithm>

#include "agent/agent.h"
#include "agent/builtin_tools.h"
#include "agent/prompts.h"
#include "agent/tool_rules.h"
#include "error.h"
#include "llm/embedder.h"
#include "llm/provider.h"
#include "memory/json.h"

namespace memgpt {

// From the configuration and not from the tools: the journal tells what the model saw.
void Agent::Parts::compile_tools() {
  parameters = model_parameters(config.settings);
  std::vector<ToolSchema> schemas;
  const auto rules = ToolRules::read(config.tool_rules);
  renewable = config.tokenizer != counter->name();
  for (const auto& tool : config.tools) {
    const auto found = tools.find(tool.schema.name);
    if (found == tools.end()) continue;
    schemas.push_back(shown_schema(tool.schema, config, rules));
    schemas.back().author = tool.origin == "builtin" ? "kernel" : "user";
    if (tool.origin == "builtin" && tool_config(*found->second) != tool) renewable = true;
  }
  compiled_tools = memgpt::compile_tools(std::move(schemas), *counter);
}

std::vector<std::string> Agent::Parts::unbound_tools() const {
  std::vector<std::string> names;
  for (const auto& tool : config.tools)
    if (!tools.contains(tool.schema.name)) names.push_back(tool.schema.name);
  return names;
}

// Puts a tool in the place of the one with its name, or at the end.
void Agent::Parts::put_tool(const std::shared_ptr<Tool>& tool) {
  const auto entry = tool_config(*tool);
  static_cast<void>(inject_arguments(entry.schema));  // refuses a schema that cannot work
  const auto found =
      std::find_if(config.tools.begin(), config.tools.end(),
                   [&](const ToolConfig& other) { return other.schema.name == entry.schema.name; });
  if (found == config.tools.end())
    config.tools.push_back(entry);
  else
    *found = entry;
  tools[entry.schema.name] = tool;
}

// What a configuration asks for, out of what is bound and what binds itself.
Agent::Parts Agent::parts_with(AgentConfig config) const {
  const auto now = parts();
  Parts then = *now;
  then.config = std::move(config);
  // Code whose schema was another one is not what the model is shown.
  std::erase_if(then.tools, [&](const auto& entry) {
    return std::none_of(then.config.tools.begin(), then.config.tools.end(),
                        [&](const ToolConfig& tool) {
                          return tool.schema.name == entry.first &&
                                 (tool.origin == "builtin" ||
                                  entry.second->schema().parameters == tool.schema.parameters);
                        });
  });
  bind_own_tools(then.config, then.tools);
  if (then.config.policy != now->config.policy ||
      then.config.policy_parameters != now->config.policy_parameters)
    then.policy = builtin_policy(then.config.policy, then.config.policy_parameters);
  if (then.config.model != now->config.model)
    then.provider = provider_for(then.config.model, home_->environment().outside);
  if (then.config.summarizer != now->config.summarizer)
    then.summarizer = then.config.summarizer.empty()
                          ? nullptr
                          : provider_for(then.config.summarizer, home_->environment().outside);
  if (then.config.tokenizer != now->counter->name()) {
    then.counter = counter_named(then.config.tokenizer);
    if (!then.counter) then.counter = counter_named(kEstimate);
  }
  if (then.config.embedding != now->config.embedding ||
      then.config.embedding_dimension != now->config.embedding_dimension)
    then.embedder = then.config.embedding.empty()
                        ? nullptr
                        : embedder_for(then.config.embedding, then.config.embedding_dimension,
                                       home_->environment().outside);
  if (then.config.archival_store != now->config.archival_store) then.store.reset();
  then.compile_tools();
  return then;
}

std::vector<std::string> Agent::unbound() {
  const auto parts = this->parts();
  const AgentConfig& config = parts->config;
  std::vector<std::string> names;
  if (!parts->provider) names.push_back("model=... (was \"" + config.model + "\")");
  if (!parts->embedder && !config.embedding.empty())
    names.push_back("embedding=... (was \"" + config.embedding + "\")");
  if (!parts->store && !config.archival_store.empty())
    names.push_back("archival_store=... (was \"" + config.archival_store + "\")");
  if (!parts->policy) names.push_back("policy=... (was \"" + config.policy + "\")");
  if (!parts->summarizer && !config.summarizer.empty())
    names.push_back("summarizer=... (was \"" + config.summarizer + "\")");
  for (const auto& tool : config.tools)
    if (!parts->tools.contains(tool.schema.name))
      names.push_back(tool.origin == "memory"
                          ? "memory=" + config.memory_class + " (tool \"" + tool.schema.name + "\")"
                          : "tools=[" + tool.schema.name + "]");
  return names;
}

std::vector<std::shared_ptr<Tool>> Agent::bound_tools() {
  const auto parts = this->parts();
  std::vector<std::shared_ptr<Tool>> bound;
  for (const auto& tool : parts->config.tools)
    if (const auto found = parts->tools.find(tool.schema.name); found != parts->tools.end())
      bound.push_back(found->second);
  return bound;
}

void Agent::check_bound_embedder() {
  const auto parts = this->parts();
  if (parts->embedder || parts->config.embedding.empty()) return;
  throw Unbound("agent \"" + this->name() + "\" needs its embedder \"" + parts->config.embedding +
                "\": open it with home.agent(\"" + this->name() + "\", embedding=...)");
}

void Agent::check_bound() {
  const auto parts = this->parts();
  const auto how = ": open it with home.agent(\"" + this->name() + "\", ";
  if (!parts->provider)
    throw Unbound("agent \"" + this->name() + "\" needs its model \"" + parts->config.model + "\"" +
                  how + "model=...)");
  if (!parts->policy)
    throw Unbound("agent \"" + this->name() + "\" needs its memory policy \"" +
                  parts->config.policy + "\"" + how + "policy=...)");
  if (!parts->summarizer && !parts->config.summarizer.empty())
    throw Unbound("agent \"" + this->name() + "\" needs its summarizer \"" +
                  parts->config.summarizer + "\"" + how + "summarizer=...)");
  check_bound_embedder();
  if (const auto variable = parts->provider->missing_key(); !variable.empty())
    throw MissingKey("the model \"" + parts->config.model + "\" needs a key: set " + variable +
                     " in the environment (for a server that takes any key: to any text)");
}

void Agent::describe(const std::string& description, const std::vector<std::string>& tags,
                     const std::string& metadata, const std::string& settings) {
  Binding binding;
  binding.change = [&](AgentConfig& config) {
    config.description = description;
    config.tags = tags;
    config.metadata = metadata;
    // In a file they stand among what clients set.
    boost::system::error_code failed;
    auto read = json::parse(settings, failed);
    const auto* rules =
        failed || !read.is_object() ? nullptr : read.get_object().if_contains("tool_rules");
    config.tool_rules = rules == nullptr || !rules->is_array() ? "" : json::serialize(*rules);
    if (rules != nullptr) read.get_object().erase("tool_rules");
    config.settings = rules == nullptr            ? settings
                      : read.get_object().empty() ? ""
                                                  : json::serialize(read);
  };
  bind(binding);
}

// Works with other parts from now on: a configuration step where names or schemas changed. Nothing
// is changed where that cannot work.
void Agent::adopt(Parts parts, const Binding& binding) {
  parts.compile_tools();
  WriteSet writes = begin("config", "user");
  writes.state = load_state(parts);
  const bool same_blocks = binding.detach_blocks.empty() && binding.attach_blocks.empty();
  if (!same_blocks || !(parts.config == this->parts()->config)) {
    writes.record_shared();
    for (const auto& label : binding.detach_blocks) writes.detach_block(label, true);
    for (const auto& id : binding.attach_blocks)
      writes.attach_block(home_->journal()->shared_block(id));
    writes.prefix_changed = true;
    refresh_prefix(writes, parts);
    // Without its model its tokens are not known, and it is not sent to.
    if (parts.provider) check_room(writes.state, rules(parts), 0);
    writes.commit.tokenizer = parts.counter->name();
    writes.commit.config = to_json(parts.config);
    writes.commit.step.config = ++writes.state.config_version;
    writes.state.config_elsewhere = false;
    writes.commit.step.passages = static_cast<int>(writes.state.passages);
    writes.state.agent.head = writes.state.agent.line =
        home_->journal()->commit(writes.commit).head;
  }
  auto snapshot = std::make_shared<const LiveState>(std::move(writes.state));
  auto adopted = std::make_shared<const Parts>(std::move(parts));
  const std::scoped_lock lock(mutex_);
  state_ = std::move(snapshot);
  parts_ = std::move(adopted);
}

// What the kernel itself brings may be newer than the journal: a journalled step then, so that the
// journal tells what the model sees. Where there is no room for it, the old form goes on.
void Agent::renew_config() {
  if (!this->parts()->renewable) return;
  Parts parts = *this->parts();
  for (auto& tool : parts.config.tools) {
    const auto found = parts.tools.find(tool.schema.name);
    if (tool.origin == "builtin" && found != parts.tools.end()) tool = tool_config(*found->second);
  }
  parts.config.tokenizer = parts.counter->name();
  try {
    adopt(std::move(parts));
  } catch (const WindowTooSmall&) {
    return;
  }
}

void Agent::add_tool(const std::shared_ptr<Tool>& tool) {
  const auto hold = take_turn();
  refresh();
  Parts parts = *this->parts();
  parts.put_tool(tool);
  adopt(std::move(parts));
}

void Agent::remove_tool(const std::string& name) {
  const auto hold = take_turn();
  refresh();
  Parts parts = *this->parts();
  auto& tools = parts.config.tools;
  if (std::erase_if(tools, [&](const ToolConfig& tool) { return tool.schema.name == name; }) == 0) {
    std::string names;
    for (const auto& tool : tools) names += (names.empty() ? "" : ", ") + tool.schema.name;
    throw ToolNotFound("agent \"" + this->name() + "\" has no tool \"" + name +
                       "\"; tools are: " + names);
  }
  parts.tools.erase(name);
  adopt(std::move(parts));
}

void Agent::bind(const Binding& binding) {
  const auto hold = take_turn();
  refresh();
  Parts parts = *this->parts();
  AgentConfig& config = parts.config;
  if (binding.provider) {
    parts.provider = binding.provider;
    config.model = binding.provider->model();
    parts.counter = counter_for(binding.provider.get());
    config.tokenizer = parts.counter->name();
  }
  if (binding.embedder) {
    const auto& embedder = *binding.embedder;
    const bool same =
        config.embedding == embedder.name() && config.embedding_dimension == embedder.dimension();
    if (!same && state().passages > 0)
      throw ConfigError("agent \"" + this->name() + "\" has " + std::to_string(state().passages) +
                        " passages in archival memory, made with " +
                        (config.embedding.empty()
                             ? "no embedder"
                             : "\"" + config.embedding + "\" (" +
                                   std::to_string(config.embedding_dimension) + " dimensions)") +
                        "; with \"" + embedder.name() + "\" (" +
                        std::to_string(embedder.dimension()) +
                        " dimensions) they would not be found. Open it with the embedder it has, "
                        "and agent.reembed() makes their vectors anew by another one");
    parts.embedder = binding.embedder;
    config.embedding = embedder.name();
    config.embedding_dimension = embedder.dimension();
  }
  if (binding.archival_store || binding.own_index) {
    parts.store = binding.archival_store;
    config.archival_store = binding.archival_store ? binding.archival_store->name() : "";
  }
  if (binding.policy) {
    parts.policy = binding.policy;
    config.policy = binding.policy->name();
    config.policy_parameters = binding.policy->parameters();
  }
  if (binding.summarizer) {
    parts.summarizer = binding.summarizer;
    config.summarizer = binding.summarizer->model();
  }
  if (!binding.memory_class.empty()) config.memory_class = binding.memory_class;
  if (!binding.timezone.empty()) {
    const auto clocks = clocks_of(binding.timezone, home_->environment().outside);
    static_cast<void>(clocks(now_us()));  // refuses a zone that is not known
    config.timezone = binding.timezone;
  }
  if (!binding.reasoning.empty()) {
    const bool stock = config.system_prompt == stock_prompt(config.reasoning, config.agent_type);
    config.reasoning = to_string(reasoning_from_string(binding.reasoning));
    if (stock) config.system_prompt = stock_prompt(config.reasoning, config.agent_type);
  }
  if (binding.context_window > 0) config.context_window = binding.context_window;
  for (const auto& tool : binding.tools) parts.put_tool(tool);
  if (binding.change) {
    binding.change(config);
    check_utf8(config.system_prompt, "the system prompt");
    std::erase_if(parts.tools, [&](const auto& bound) {
      return std::none_of(config.tools.begin(), config.tools.end(),
                          [&](const ToolConfig& tool) { return tool.schema.name == bound.first; });
    });
  }
  adopt(std::move(parts), binding);
}

}  // namespace memgpt
