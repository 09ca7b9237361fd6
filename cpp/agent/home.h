// One open database and the agents in it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/agent_config.h"
#include "agent/tool_call_decoder.h"
#include "llm/embedder.h"
#include "llm/provider.h"
#include "memory/policy.h"
#include "memory/time_zone.h"
#include "store/archival.h"
#include "store/file_lock.h"
#include "store/journal.h"
#include "store/purge.h"
#include "store/recall.h"

namespace memgpt {

class Agent;

// The counter that stands in for one that is not to be had.
inline constexpr const char* kEstimate = "estimate:o200k_base";

// In tokens, of a model whose window is not known.
inline constexpr int kUnknownWindow = 32'768;

// The outside world as the kernel sees it; replaced in tests that need the same run twice.
struct Environment {
  std::function<TimeUs()> now_us;
  std::function<std::string()> new_uuid;
  Outside outside;
};
[[nodiscard]] Environment system_environment();

struct AgentOptions {
  std::string agent_type = kAgentV1;
  std::string system_prompt;  // empty = the stock one
  int context_window = 0;     // 0 = the model's, or 32,768 where it is unknown
  int max_steps = 50;
  std::string timezone;   // an IANA name; empty = UTC
  std::string reasoning;  // see Reasoning; empty = as the model does
  std::shared_ptr<LLMProvider> provider;
  std::shared_ptr<Embedder> embedder;             // null: archival memory without vectors
  std::shared_ptr<ArchivalStore> archival_store;  // null: the kernel's own index
  std::shared_ptr<const MemoryPolicy> policy;
  std::shared_ptr<LLMProvider> summarizer;  // null: the agent's own model
  std::string memory_class;
  std::vector<Block> blocks;
  std::vector<std::string> shared_blocks;  // ids of blocks of Home::create_block()
  std::string tool_rules;                  // a JSON array, see tool_rules.h; may be empty
  // What people say of it, see AgentConfig.
  std::string description;
  std::vector<std::string> tags;
  std::string metadata;
  std::string settings;
  std::vector<std::shared_ptr<Tool>> tools;  // memory's and the user's; same name = overridden
  bool base_tools = true;
};

// What home.agent() may bind to an agent that is opened again; null = leave.
struct Binding {
  std::shared_ptr<LLMProvider> provider;
  std::shared_ptr<Embedder> embedder;
  std::shared_ptr<ArchivalStore> archival_store;
  bool own_index = false;  // the kernel's, and no store any more
  std::shared_ptr<const MemoryPolicy> policy;
  std::shared_ptr<LLMProvider> summarizer;
  std::string memory_class;
  std::vector<std::shared_ptr<Tool>> tools;
  int context_window = 0;
  std::string timezone;                    // empty = leave
  std::string reasoning;                   // empty = leave
  std::vector<std::string> detach_blocks;  // by label
  std::vector<std::string> attach_blocks;  // shared ones, by id, see Agent::attach_block()
  // What else of the configuration is to be otherwise: texts and numbers, and which tools there are
  // no more.
  std::function<void(AgentConfig& config)> change = {};
};

// How often what somebody else has forestalled is done again.
inline constexpr int kMaxRedone = 3;
// The same of a plain assignment, which costs next to nothing.
inline constexpr int kMaxOvertaken = 1000;
// Throws Conflict.
[[noreturn]] void throw_changed(const std::string& label);

class Archive;

struct HomeOptions {
  Durability durability = Durability::full;
  double turn_timeout_s = 60;  // how long an agent that is busy is waited for
  // Up to so many passages that an agent sees, searches by vectors miss none.
  std::size_t exact_search = 50'000;
  std::size_t index_memory = std::size_t{1} << 30;  // bytes, of all searches' indexes, about
};

class Home : public std::enable_shared_from_this<Home> {
 public:
  // path: ":memory:" = a private temporary file, removed on close.
  [[nodiscard]] static std::shared_ptr<Home> open(const std::string& path,
                                                  const HomeOptions& options,
                                                  Environment environment);
  ~Home();
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  [[nodiscard]] std::shared_ptr<Agent> create_agent(const std::string& name,
                                                    const AgentOptions& options);
  // Throws AgentNotFound, naming the agents that there are.
  [[nodiscard]] std::shared_ptr<Agent> agent(const std::string& name);
  [[nodiscard]] std::shared_ptr<Agent> agent_by_id(const std::string& id);
  [[nodiscard]] std::vector<AgentRow> agents();
  void delete_agent(const std::string& name);
  // Throws AlreadyExists.
  void rename_agent(const std::string& id, const std::string& name);
  // An agent that Agent::export_to() wrote to a file, with all its history; `name`: what it is
  // called here, as there where it is empty. The file is checked and replayed before, on a copy,
  // and nothing in it is executed. Throws NotADatabase, NewerVersion, StoreError, AlreadyExists.
  [[nodiscard]] std::shared_ptr<Agent> import_agent(const std::string& path,
                                                    const std::string& name);
  // Archives that agents share, see archives.h. `embedder` makes the vectors of its passages; null:
  // without vectors. Throws AlreadyExists.
  [[nodiscard]] std::shared_ptr<Archive> create_archive(const std::string& name,
                                                        const std::string& description,
                                                        const std::shared_ptr<Embedder>& embedder);
  // Throws ArchiveNotFound, naming the archives that there are.
  [[nodiscard]] std::shared_ptr<Archive> archive(const std::string& name);
  [[nodiscard]] std::vector<std::shared_ptr<Archive>> archives();  // oldest first
  // Throws InvalidInput where agents have it, naming them.
  void delete_archive(const std::string& name);
  // A block for several agents: Agent::attach_block() gives it to one. Returns its id.
  // `id`: empty = a new one.
  [[nodiscard]] std::string create_block(const Block& block, std::string id = "");
  // The newest versions, by label.
  [[nodiscard]] std::vector<BlockRecord> shared_blocks();
  [[nodiscard]] std::vector<BlockRecord> shared_history(const std::string& block_id);
  // `expected`: what it has to hold. Throws Conflict where it holds something else.
  void set_shared_block(const std::string& block_id, const std::string& value,
                        const std::optional<std::string>& expected);
  // Another version of it: `change` gets the present one. Throws what a new block does.
  Block change_shared_block(const std::string& block_id,
                            const std::function<void(Block& block)>& change);
  // What is wrong with the file, one line a problem, see store/check.h; with `replay` also what the
  // replay of each agent finds.
  [[nodiscard]] std::vector<std::string> check(bool replay);
  // Drops the indexes of the searches, which are derived: the next searches make them anew.
  void rebuild();
  // The one operation that destroys, see store/purge.h: a text wherever the file holds it, what
  // only deleted agents can see, what living ones have undone or left. Takes the turn of every
  // agent. Throws InvalidInput for a text that cannot be purged, ConfigError where nothing is asked
  // for; StoreError where it is done and the file could not be compacted: called again, that is
  // made up for.
  [[nodiscard]] Purged purge(const std::optional<std::string>& text, bool deleted, bool undone);
  [[nodiscard]] std::vector<PurgeRow> purges();  // oldest first
  // Indexes that are made in the background, see store/lists_builder.h.
  void stop_background() { indexes_.stop(); }
  void wait_for_background() { indexes_.wait(); }
  // Later calls on this home and its agents throw StoreError.
  void close();
  [[nodiscard]] const std::string& path() const { return path_; }

  // Tells a store of the program's own, in any archive, what a purge destroyed and what has another
  // vector than it was told. Throws what the store does.
  void tell_of_changes(ArchivalStore& store);
  // Tells the program that a store is not to be had: once, until the store has answered.
  void warn_of_store(const std::string& store, const std::string& text);
  void store_answered(const std::string& store);
  [[nodiscard]] bool store_failed(const std::string& store);

  // Used by agents. Throws StoreError once closed.
  void add(const std::shared_ptr<Agent>& agent);
  // The embedder that a program has bound to an archive; null = none.
  [[nodiscard]] std::shared_ptr<Embedder> archive_embedder(const std::string& archive_id);
  void bind_archive(const std::string& archive_id, std::shared_ptr<Embedder> embedder);
  [[nodiscard]] std::shared_ptr<Journal> journal();
  [[nodiscard]] std::shared_ptr<FileLock> turns();
  [[nodiscard]] RecallIndexes& recall() { return recall_; }
  [[nodiscard]] ArchivalIndexes& indexes() { return indexes_; }
  [[nodiscard]] const Environment& environment() const { return environment_; }
  [[nodiscard]] double turn_timeout_s() const { return turn_timeout_s_; }

 private:
  Home(std::string path, bool temporary, const HomeOptions& options, Environment environment);
  void open_file(Durability durability);
  std::shared_ptr<Agent> load_agent(const std::string& id);
  [[nodiscard]] std::vector<NewVector> new_vectors(
      const std::string& text, const std::vector<std::shared_ptr<Agent>>& agents);
  void check_open(bool open) const;

  std::string path_;
  bool temporary_;
  double turn_timeout_s_;
  Environment environment_;
  int process_;  // a forked child must not use it
  std::mutex mutex_;
  std::shared_ptr<Journal> journal_;
  std::shared_ptr<FileLock> turns_;  // a byte an agent: held while a process has its turn
  RecallIndexes recall_;
  ArchivalIndexes indexes_;
  std::unordered_map<std::string, std::weak_ptr<Agent>> live_;                    // by id
  std::unordered_map<std::string, std::shared_ptr<Embedder>> archive_embedders_;  // by id
  std::map<std::string, std::set<std::string>> store_failures_;  // that were told of, by name
};

// A new file, empty and private, in the system's folder for such.
[[nodiscard]] std::string temporary_path();

// Throws ConfigError.
void check_agent_name(const std::string& name);

// The clocks of a zone, as the outside, which must outlive them, knows them: they throw ConfigError
// where it does not.
[[nodiscard]] UtcOffset clocks_of(const std::string& zone, const Outside& outside);

// The counter of this name, as a journal has it; null for one that a program brought.
[[nodiscard]] std::shared_ptr<const TokenCounter> counter_named(const std::string& name);
// The provider's own counter, or the one of its tokenizer's name; where that is not known, or no
// provider is, o200k_base as a labelled estimate.
[[nodiscard]] std::shared_ptr<const TokenCounter> counter_for(const LLMProvider* provider);

}  // namespace memgpt
