#include "agent/home.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <system_error>

#include "agent/agent.h"
#include "agent/builtin_tools.h"
#include "agent/prompts.h"
#include "error.h"
#include "llm/embedder.h"
#include "memory/summary.h"
#include "store/disk_error.h"

namespace memgpt {

namespace {

constexpr const char* kTurnsSuffix = "-turns";
constexpr const char* kVectorsSuffix = "-vectors";

// The model's tokenizer is not to be had: another one stands in and says so.
class EstimatingCounter final : public TokenCounter {
 public:
  [[nodiscard]] std::string name() const override { return kEstimate; }
  [[nodiscard]] bool exact() const override { return false; }
  [[nodiscard]] std::size_t count(std::string_view text) const override {
    return counter_.count(text);
  }
  [[nodiscard]] std::vector<int> count_parts(std::string_view text,
                                             std::span<const std::size_t> ends) const override {
    return counter_.count_parts(text, ends);
  }
  [[nodiscard]] bool splits_between(std::string_view left, std::string_view right) const override {
    return counter_.splits_between(left, right);
  }

 private:
  BpeTokenCounter counter_{"o200k_base"};
};

// UUIDs of version 7 (RFC 9562): they begin with the time, so that the index of ids grows at its
// end instead of at random places.
std::string uuid7() {
  // One generator a thread: seeding costs a system call. A forked child must not go on with its
  // parent's: both would give the same ids.
  const auto seed = [] {
    return (static_cast<std::uint64_t>(std::random_device{}()) << 32) ^ std::random_device{}();
  };
  thread_local std::mt19937_64 random{seed()};
  thread_local auto process = ::getpid();
  if (process != ::getpid()) {
    random.seed(seed());
    process = ::getpid();
  }
  using namespace std::chrono;
  const auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  static constexpr char hex[] = "0123456789abcdef";
  std::string out;
  for (const auto bits : {static_cast<std::uint64_t>(now) << 16 | (random() & 0xFFFF), random()})
    for (int shift = 60; shift >= 0; shift -= 4) out.push_back(hex[bits >> shift & 15]);
  out[12] = '7';
  out[16] = hex[8 + (out[16] & 3)];
  for (const int at : {8, 13, 18, 23}) out.insert(static_cast<std::size_t>(at), "-");
  return out;
}

}  // namespace

std::string temporary_path() {
  std::error_code error;
  const auto folder = std::filesystem::temp_directory_path(error);
  if (error) throw_disk_error("there is no folder for temporary files (TMPDIR)", error.value());
  auto pattern = (folder / "memgpt-XXXXXX").string();
  const int file = ::mkstemp(pattern.data());
  if (file < 0) throw_disk_error("cannot make a temporary file in " + folder.string(), errno);
  ::close(file);
  return pattern;
}

void check_agent_name(const std::string& name) {
  check_utf8(name, "the agent's name");
  if (is_blank(name) || count_characters(name) > 200)
    throw ConfigError("an agent's name is 1 to 200 characters");
}

Environment system_environment() {
  Environment environment;
  environment.now_us = [] {
    using namespace std::chrono;
    return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  };
  environment.new_uuid = uuid7;
  environment.outside.variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  return environment;
}

UtcOffset clocks_of(const std::string& zone, const Outside& outside) {
  if (zone == "UTC" || !outside.utc_offset_s) return [](TimeUs) { return 0; };
  return [zone, &outside](TimeUs utc_us) { return outside.utc_offset_s(zone, utc_us); };
}

std::shared_ptr<const TokenCounter> counter_named(const std::string& name) {
  if (name == kEstimate) return std::make_shared<const EstimatingCounter>();
  if (name == "o200k_base" || name == "cl100k_base")
    return std::make_shared<const BpeTokenCounter>(name);
  return nullptr;
}

std::shared_ptr<const TokenCounter> counter_for(const LLMProvider* provider) {
  if (provider != nullptr) {
    if (auto own = provider->counter()) return own;
  }
  const std::string tokenizer = provider == nullptr ? "" : provider->tokenizer();
  if (tokenizer.empty()) return std::make_shared<const EstimatingCounter>();
  return std::make_shared<const BpeTokenCounter>(tokenizer);
}

std::shared_ptr<Home> Home::open(const std::string& path, const HomeOptions& options,
                                 Environment environment) {
  if (!(options.turn_timeout_s > 0))
    throw ConfigError("turn_timeout_s must be a positive number of seconds");
  const bool temporary = path == ":memory:";
  auto home = std::shared_ptr<Home>(
      new Home(temporary ? temporary_path() : path, temporary, options, std::move(environment)));
  home->open_file(options.durability);
  return home;
}

void Home::open_file(Durability durability) {
  journal_ = std::make_shared<Journal>(path_, durability, temporary_);
  turns_ = std::make_shared<FileLock>(path_ + kTurnsSuffix);
}

Home::Home(std::string path, bool temporary, const HomeOptions& options, Environment environment)
    : path_(std::move(path)),
      temporary_(temporary),
      turn_timeout_s_(options.turn_timeout_s),
      environment_(std::move(environment)),
      process_(::getpid()),
      recall_(options.index_memory / 2),
      indexes_({temporary ? "" : path_ + kVectorsSuffix, options.exact_search,
                options.index_memory / 2}) {}

Home::~Home() { close(); }

void Home::close() {
  std::shared_ptr<Journal> journal;
  std::shared_ptr<FileLock> turns;
  decltype(archive_embedders_) embedders;  // dropped without the mutex
  {
    const std::scoped_lock lock(mutex_);
    if (process_ == ::getpid()) embedders.swap(archive_embedders_);
    journal = std::move(journal_);
    turns = std::move(turns_);
  }
  if (process_ != ::getpid()) {
    // The parent's: SQLite and locks must not be touched in a forked child, nor the file removed.
    static_cast<void>(new std::shared_ptr<Journal>(std::move(journal)));
    static_cast<void>(new std::shared_ptr<FileLock>(std::move(turns)));
    return;
  }
  indexes_.stop();
  journal.reset();
  turns.reset();
  if (!temporary_) return;
  std::error_code ignored;
  for (const char* suffix : {"", "-wal", "-shm", kTurnsSuffix})
    std::filesystem::remove(path_ + suffix, ignored);
}

void Home::check_open(bool open) const {
  if (process_ != ::getpid())
    throw StoreError("this home was opened before fork(): a child process opens its own");
  if (open) return;
  throw StoreError(temporary_
                       ? "this home is closed, and what was in it is gone: it was \":memory:\""
                       : "this home is closed; open \"" + path_ + "\" again");
}

std::shared_ptr<Journal> Home::journal() {
  const std::scoped_lock lock(mutex_);
  check_open(journal_ != nullptr);
  return journal_;
}

std::shared_ptr<FileLock> Home::turns() {
  const std::scoped_lock lock(mutex_);
  check_open(turns_ != nullptr);
  return turns_;
}

std::shared_ptr<Agent> Home::create_agent(const std::string& name, const AgentOptions& options) {
  check_agent_name(name);
  if (!options.provider) throw ConfigError("an agent needs a model");
  if (!options.policy) throw ConfigError("an agent needs a memory policy");
  if (options.max_steps < 1) throw ConfigError("max_steps must be at least 1");
  AgentConfig config;
  config.agent_type = options.agent_type;
  config.description = options.description;
  config.tags = options.tags;
  config.metadata = options.metadata;
  config.tool_rules = options.tool_rules;
  config.settings = options.settings;
  config.reasoning = to_string(!options.reasoning.empty() ? reasoning_from_string(options.reasoning)
                               : options.provider->reasons_natively() ? Reasoning::native
                                                                      : Reasoning::argument);
  config.system_prompt = options.system_prompt.empty()
                             ? stock_prompt(config.reasoning, options.agent_type)
                             : options.system_prompt;
  check_utf8(config.system_prompt, "the system prompt");
  config.model = options.provider->model();
  config.embedding = options.embedder ? options.embedder->name() : "";
  config.embedding_dimension = options.embedder ? options.embedder->dimension() : 0;
  config.archival_store = options.archival_store ? options.archival_store->name() : "";
  config.policy = options.policy->name();
  config.policy_parameters = options.policy->parameters();
  if (options.summarizer) config.summarizer = options.summarizer->model();
  config.memory_class = options.memory_class;
  config.max_steps = options.max_steps;
  if (!options.timezone.empty()) config.timezone = options.timezone;
  static_cast<void>(clocks_of(config.timezone, environment_.outside)(environment_.now_us()));
  config.context_window = options.context_window;
  if (config.context_window < 0) throw ConfigError("context_window must be positive");
  if (config.context_window == 0) config.context_window = options.provider->context_window();
  if (config.context_window == 0) config.context_window = kUnknownWindow;

  Agent::Parts parts;
  parts.config = config;
  parts.provider = options.provider;
  parts.embedder = options.embedder;
  parts.store = options.archival_store;
  parts.policy = options.policy;
  parts.summarizer = options.summarizer;
  parts.counter = counter_for(options.provider.get());
  parts.config.tokenizer = parts.counter->name();
  if (options.base_tools)
    for (const auto& tool : builtin_tools()) parts.put_tool(tool);
  for (const auto& tool : options.tools) parts.put_tool(tool);

  const std::string id = "agent-" + environment_.new_uuid();
  WriteSet first;
  first.commit.step.time_us = environment_.now_us();
  for (const auto& block : options.blocks)
    first.create_block(block, "block-" + environment_.new_uuid());
  for (const auto& block_id : options.shared_blocks)
    first.attach_block(journal()->shared_block(block_id));
  first.commit.step.kind = "create";
  first.commit.step.author = "user";
  first.commit.step.config = 1;
  first.commit.step.passages = 0;
  first.commit.config = to_json(parts.config);
  first.commit.tokenizer = parts.counter->name();
  const std::shared_ptr<Agent> agent(
      new Agent(shared_from_this(), {id, name, 0, {}, {}, id}, std::move(parts)));
  // Nothing is written for an agent that could not take a single message.
  first.prefix_changed = true;
  agent->refresh_prefix(first);
  check_room(first.state, agent->rules(), 0);
  static_cast<void>(journal()->create_agent(id, name, std::move(first.commit)));
  agent->refresh();
  add(agent);
  return agent;
}

void Home::rename_agent(const std::string& id, const std::string& name) {
  check_agent_name(name);
  const auto agent = agent_by_id(id);
  journal()->rename(id, name, AgentKind::agent);
  agent->rename(name);
}

void Home::add(const std::shared_ptr<Agent>& agent) {
  const std::scoped_lock lock(mutex_);
  live_[agent->id()] = agent;
}

std::shared_ptr<Embedder> Home::archive_embedder(const std::string& archive_id) {
  const std::scoped_lock lock(mutex_);
  const auto found = archive_embedders_.find(archive_id);
  return found == archive_embedders_.end() ? nullptr : found->second;
}

// What was bound before goes without the mutex: it may be written in Python.
void Home::bind_archive(const std::string& archive_id, std::shared_ptr<Embedder> embedder) {
  const std::scoped_lock lock(mutex_);
  archive_embedders_[archive_id].swap(embedder);
}

std::shared_ptr<Agent> Home::load_agent(const std::string& id) {
  const AgentState state = journal()->load(id);
  Agent::Parts parts;
  parts.config = agent_config_from_json(state.config);
  bind_own_tools(parts.config, parts.tools);
  // A handle binds itself; a model that a program gave by an object does not.
  parts.provider = provider_for(parts.config.model, environment_.outside);
  if (!parts.provider) parts.counter = counter_named(parts.config.tokenizer);
  if (!parts.counter) parts.counter = counter_for(parts.provider.get());
  if (!parts.config.summarizer.empty())
    parts.summarizer = provider_for(parts.config.summarizer, environment_.outside);
  if (const auto& name = parts.config.embedding; !name.empty())
    parts.embedder = embedder_for(name, parts.config.embedding_dimension, environment_.outside);
  parts.policy = builtin_policy(parts.config.policy, parts.config.policy_parameters);
  const std::shared_ptr<Agent> agent(new Agent(shared_from_this(), state.agent, std::move(parts)));
  agent->refresh();
  return agent;
}

std::shared_ptr<Agent> Home::agent_by_id(const std::string& id) {
  {
    const std::scoped_lock lock(mutex_);
    if (auto live = live_[id].lock()) return live;
  }
  auto agent = load_agent(id);
  const std::scoped_lock lock(mutex_);
  // Another thread may have been faster; there is one Agent object for each agent.
  if (auto live = live_[id].lock()) return live;
  live_[id] = agent;
  return agent;
}

std::shared_ptr<Agent> Home::agent(const std::string& name) {
  const auto journal = this->journal();
  if (const auto row = journal->find_agent(name)) return agent_by_id(row->id);
  std::string names;
  for (const auto& row : journal->agents()) names += (names.empty() ? "" : ", ") + row.name;
  throw AgentNotFound("there is no agent \"" + std::string(utf8_prefix(name, 200)) + "\" in \"" +
                      path_ + "\"; agents are: " + (names.empty() ? "none" : names));
}

std::vector<AgentRow> Home::agents() { return journal()->agents(); }

std::string Home::create_block(const Block& block, std::string id) {
  // As an agent would make it, so that the same is refused.
  WriteSet made;
  if (id.empty()) id = "block-" + environment_.new_uuid();
  made.create_block(block, std::move(id));
  Block first = std::move(made.state.blocks.front().block);
  first.version = 1;
  journal()->add_shared_version(first, environment_.now_us());
  return first.id;
}

std::vector<BlockRecord> Home::shared_blocks() { return journal()->shared_blocks(); }

std::vector<BlockRecord> Home::shared_history(const std::string& block_id) {
  return journal()->shared_versions(block_id);
}

void throw_changed(const std::string& label) {
  throw Conflict("the memory block \"" + label + "\" does not hold any more what was expected");
}

void Home::set_shared_block(const std::string& block_id, const std::string& value,
                            const std::optional<std::string>& expected) {
  static_cast<void>(change_shared_block(block_id, [&](Block& block) {
    if (expected && block.value != *expected) throw_changed(block.label);
    block.value = value;
  }));
}

Block Home::change_shared_block(const std::string& block_id,
                                const std::function<void(Block& block)>& change) {
  for (int tries = 0;; ++tries) {
    const Block before = journal()->shared_block(block_id).block;
    Block block = before;
    change(block);
    check_block(block);
    if (block == before) return block;
    block.author = "user";
    block.trust = Trust::user;
    ++block.version;
    block.time_us = environment_.now_us();
    try {
      journal()->add_shared_version(block, block.time_us);
      return block;
    } catch (const Conflict&) {
      if (tries == kMaxOvertaken) throw;
    }
  }
}

std::vector<std::string> Home::check(bool replay) {
  auto problems = journal()->check(environment_.outside.poll);
  if (!replay) return problems;
  std::vector<AgentRow> rows;
  try {
    rows = agents();
  } catch (const StoreError&) {
    return problems;  // that agents cannot be read is among them
  }
  for (const auto& row : rows) {
    const std::string name = "agent \"" + row.name + "\" ";
    try {
      const auto found = agent_by_id(row.id)->replay().first_divergence;
      if (found)
        problems.push_back(name + "does not replay: commit " + std::to_string(found->seq) + " (" +
                           found->kind + "), " + found->what + "; agent.replay() shows it");
    } catch (const AgentNotFound&) {
      continue;  // deleted meanwhile
    } catch (const Error& error) {
      problems.push_back(name + "cannot be replayed: " + error.what());
    }
  }
  return problems;
}

void Home::delete_agent(const std::string& name) {
  const auto agent = this->agent(name);
  const auto hold = agent->take_turn();
  journal()->delete_agent(agent->id(), environment_.now_us());
  agent->deleted_ = true;
  const std::scoped_lock lock(mutex_);
  live_.erase(agent->id());
}

}  // namespace memgpt
