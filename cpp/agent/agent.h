// One agent: its turn, its loop, and what may be asked of it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/archives.h"
#include "agent/fit.h"
#include "agent/home.h"
#include "agent/items.h"
#include "agent/live_state.h"
#include "agent/moved.h"
#include "agent/recompile.h"
#include "agent/replay.h"
#include "agent/turn.h"
#include "agent/turn_events.h"
#include "memory/dates.h"
#include "store/recall.h"

namespace memgpt {

class ContextOverflow;
class ToolRules;

struct Input {
  std::string text;
  // user, system; or assistant: what the agent is to have said, which its model sees as its own
  Role role = Role::user;
  std::string type;  // empty = by role: user_message, system_message, assistant_message
  std::string name;
  std::optional<TimeUs> time_us;
  std::string id = {};  // that the message will have; empty = a new one
};

struct Response {
  std::vector<std::string> spoken;                       // what send_message said, in order
  std::vector<std::shared_ptr<const Message>> messages;  // all that the turn appended
  int steps = 0;                                         // model calls
  std::int64_t prompt_tokens = 0;      // of all calls: the provider's figure, or ours
  std::int64_t completion_tokens = 0;  // the provider's figure only
  int evicted = 0;                     // messages that left the window
  Head input;                          // the commit of the input
  bool cut = false;                    // the last reply was too long for what the model may write
  // end_turn, max_steps, no_tool_call, invalid_tool_call
  std::string stop_reason = "end_turn";
};

// Times that a search query names, asked at `now_us`, on these clocks; on those of UTC where this
// machine does not know them.
[[nodiscard]] AskedTimes asked_times_on(UtcOffset offset, const std::string& query, TimeUs now_us);

// What a built-in tool may do while its step is under way.
class ToolScope {
 public:
  ToolScope(Agent& agent, WriteSet& writes, std::int64_t turn_begin,
            std::vector<std::string>& found, std::string idempotency_key,
            std::string_view exact_arguments)
      : agent_(agent),
        writes_(writes),
        turn_begin_(turn_begin),
        found_(found),
        idempotency_key_(std::move(idempotency_key)),
        exact_arguments_(exact_arguments) {}
  void insert_passage(const std::string& text, std::vector<std::string> tags);
  // Throws BlockNotFound, ReadOnlyBlock, LimitExceeded, and what `change` does.
  bool edit_block(const std::string& label,
                  const std::function<std::string(const std::string& value)>& change);
  // Older than the current turn, so that a question does not find itself.
  [[nodiscard]] RecallPage search_recall(RecallQuery query) const;
  [[nodiscard]] ArchivalPage search_archival(const std::string& text, ArchivalQuery query) const;
  // The span of time that a text names, from the time of the turn on. Throws InvalidInput.
  [[nodiscard]] UtcSpan date_span(const std::string& text) const;
  // On the agent's clocks; UTC where this machine does not know them.
  [[nodiscard]] std::string shown_time(TimeUs time_us) const;
  // The same however often this call is repeated; empty for a tool that may not be.
  [[nodiscard]] const std::string& idempotency_key() const { return idempotency_key_; }
  // Of the agent that calls it.
  [[nodiscard]] const std::string& agent_id() const;
  // DecodedCall::exact, for a tool that can read it.
  [[nodiscard]] std::string_view exact_arguments() const { return exact_arguments_; }

 private:
  Agent& agent_;
  WriteSet& writes_;
  std::int64_t turn_begin_;
  std::vector<std::string>& found_;
  std::string idempotency_key_;
  std::string_view exact_arguments_;
};

// Throws InvalidInput for what is no message.
void check_input(const Input& input);

class Agent {
 public:
  class SendTask;

  // Appends the input durably, then steps until no heartbeat is requested.
  // `on_event`: is told what happens meanwhile, on this thread; may be empty.
  [[nodiscard]] Response send(const Input& input, const OnTurnEvent& on_event = {});

  // Whether a SendTask may leave its thread: the model's server can be waited for without one.
  [[nodiscard]] bool splits_calls() const {
    const auto parts = this->parts();
    return parts->provider && parts->provider->splits_calls();
  }

  // Reading; never waits for a turn. Inside a tool of this agent: the step's own writes.
  [[nodiscard]] LiveState state();
  [[nodiscard]] AgentConfig config();
  [[nodiscard]] std::shared_ptr<const MemoryPolicy> policy();  // null = unbound
  [[nodiscard]] Context context();
  // What the model would see if these were sent now. Nothing is written: where messages would have
  // to leave the window a digest stands for the summary that a model would write. Throws what
  // send() does for them.
  [[nodiscard]] Context context_with(const std::vector<Input>& inputs);
  // The same as the request that its model would be sent, see LLMProvider::payload().
  [[nodiscard]] std::string payload_with(const std::vector<Input>& inputs);
  // As the model saw it in the commit `seq`. Throws NotFound where there is no such commit,
  // InvalidInput where it called no model, StoreError where the journal does not give it.
  [[nodiscard]] Context past_context(std::int64_t seq);
  [[nodiscard]] std::vector<std::string> unbound();
  // Whether somebody in this process has its turn.
  [[nodiscard]] bool busy() { return turn_.held(); }
  // The tools that are bound, of those that the model sees.
  [[nodiscard]] std::vector<std::shared_ptr<Tool>> bound_tools();
  [[nodiscard]] RecallPage search_recall(RecallQuery query);
  [[nodiscard]] ArchivalPage search_archival(const std::string& text, ArchivalQuery query);
  // By their time; of attached archives, too. Without what a step that is under way has filed.
  [[nodiscard]] std::vector<ListedPassage> list_passages(const PassageRange& range);
  // Tells the program's own store of vectors all that it has not acknowledged. Throws Unbound where
  // it is not bound, ArchivalStoreError where it fails. False where the agent has none.
  bool catch_up_store();
  // The clocks of the agent's time zone. They throw ConfigError where this machine does not know
  // it.
  [[nodiscard]] UtcOffset clocks() const;
  [[nodiscard]] AskedTimes asked_times(const std::string& query, TimeUs now_us) const {
    return asked_times_on(clocks(), query, now_us);
  }
  // The span of time that a text names, from now on and on these clocks. Throws InvalidInput.
  [[nodiscard]] UtcSpan date_span(const std::string& text) const;
  // Throws PassageNotFound.
  [[nodiscard]] Passage passage(const std::string& id);
  [[nodiscard]] std::vector<StepRow> steps();
  // Every summary of the history, oldest first.
  [[nodiscard]] std::vector<SummaryRow> summaries();
  // Makes the summary anew from all messages that it stands for: a step of its own. Throws
  // InvalidInput where nothing has left the window, ProviderError where the summariser fails: then
  // the old one stays.
  void resummarize();
  // Makes room in the window now, as the policy does when it is full; what goes is summarised.
  struct Compacted {
    std::size_t before = 0;  // messages in the window
    std::size_t after = 0;
  };
  Compacted compact();
  // An empty window without a summary. What was said stays in recall memory.
  void reset_messages();
  // Messages of the window that would have to go for `tokens` more.
  [[nodiscard]] std::vector<std::shared_ptr<const Message>> would_evict(int tokens);
  // Makes every context of the history again from the journal, see replay.h.
  [[nodiscard]] ReplayReport replay();
  // What the model would have seen, see recompile.h; null and 0: as on record.
  [[nodiscard]] Recompilation recompile(std::shared_ptr<const MemoryPolicy> policy,
                                        int context_window);
  // The same for one model call. Throws what past_context() does, and InvalidInput where the call
  // would not have been made.
  [[nodiscard]] Context recompiled_context(std::shared_ptr<const MemoryPolicy> policy,
                                           int context_window, std::int64_t seq);
  [[nodiscard]] std::vector<Message> messages(std::int64_t from_position, std::int64_t limit);

  // What a user message with this text would take of the window.
  [[nodiscard]] int message_cost(const std::string& text);
  // Whether such a message would be taken now without anything having to leave the window.
  [[nodiscard]] bool fits(const std::string& text);
  // The tokens above which the policy evicts; without one, the budget's limit.
  [[nodiscard]] int eviction_line();

  // Lines of history, see branches.cpp. Undo and redo move the head in every tier at once; nothing
  // is lost by either. They throw InvalidInput where there is not so much to undo or redo.
  Moved undo(std::int64_t count, Unit unit);
  Moved redo(std::int64_t count, Unit unit);
  // The fewest steps that hold the last `count` messages; 0: back to before the last user message.
  Moved undo_messages(std::int64_t count);
  // A name for the head. Throws AlreadyExists.
  TagRow save_tag(const std::string& name);
  [[nodiscard]] std::vector<TagRow> tags();
  void delete_tag(const std::string& name);
  // Throws NotFound, naming the tags that there are.
  [[nodiscard]] TagRow find_tag(const std::string& name);
  // Moves the head to a tag, "" = the newest, or to any place in the agent's lines of history;
  // redo() comes back.
  Moved load_tag(const std::string& name);
  Moved load(Head place);
  [[nodiscard]] std::vector<BranchRow> branches();
  // Every version of a block that the agent has, oldest first; of a shared one, whoever wrote it.
  [[nodiscard]] std::vector<BlockRecord> block_history(const std::string& label);
  // A commit of the present line. Throws NotFound.
  [[nodiscard]] Head place(std::int64_t seq);
  // The agent as it was after a commit of any of its lines: it can be read, and not changed. Throws
  // NotFound for a commit that is none of its own.
  [[nodiscard]] std::shared_ptr<Agent> at(Head place);
  [[nodiscard]] std::optional<Head> past() const { return past_; }
  // A new agent that goes on from a commit of this one, by default the head, with the
  // configuration of now. `tools`: those of a program, bound to the new agent.
  [[nodiscard]] std::shared_ptr<Agent> fork(const std::string& name, std::optional<Head> place,
                                            const std::vector<std::shared_ptr<Tool>>& tools);

  // Everything that the agent is, in one file, see store/export.h; it need not wait for its turn.
  // Throws InvalidInput for an agent as it was.
  void export_to(const std::string& path, bool overwrite, std::optional<ToolSources> sources);
  // Of tools, by name: texts that came with the agent when it was imported, and are not run.
  [[nodiscard]] ToolSources tool_sources();

  // Writing: a step of its own by `author`, or part of the step whose tool is running.
  // `expected`: what the block has to hold. Throws Conflict where it holds something else.
  void set_block(const std::string& label, const std::string& value, const std::string& author,
                 const std::optional<std::string>& expected);
  void create_block(const Block& block);
  // Of a block that is not shared: value, limit, description, label, and whether it is read-only.
  void change_block(const std::string& label, const std::function<void(Block& block)>& change);
  // Makes a block of this agent's own one that others can have, by this id: with what it holds now.
  void share_block(const std::string& label, const std::string& block_id);
  // Makes a block of Home::create_block() one of this agent's, too.
  void attach_block(const std::string& block_id);
  void detach_block(const std::string& label);
  // Asks the policy to keep a message of the window, or no longer. Throws InvalidInput for one that
  // is not in it, WindowFull where the pinned messages would leave no room.
  void pin(std::int64_t position, bool pinned);
  // `time_us`: when it was written; none = now. `archive`: the name of a shared one. What is done
  // to such a one inside of a step is committed with it, by the agent's name; else it is the
  // user's, and no step of the agent. Throws ArchiveNotFound, ReadOnlyArchive.
  [[nodiscard]] Passage insert_passage(NewPassage item, const std::string& archive = "");
  // All in one commit, or none. Where that is broken off, vectors that took long to make are there
  // when it is called again.
  [[nodiscard]] std::vector<Passage> insert_passages(const std::vector<NewPassage>& items,
                                                     const std::string& archive,
                                                     const Progress& progress);
  // Passages without a vector by this embedder. Throws ConfigError where the file has vectors of
  // another dimension by its name.
  [[nodiscard]] std::int64_t to_reembed(Embedder& embedder);
  // Makes vectors for some of them, from those behind a row on, while the agent goes on with the
  // embedder that it has.
  [[nodiscard]] Reembedded reembed_some(Embedder& embedder, std::int64_t after);
  // Makes the last few and gives the agent the embedder, in its turn; false where more than a few
  // are left.
  [[nodiscard]] bool finish_reembedding(const std::shared_ptr<Embedder>& embedder);
  // Of this agent or of an archive that it has. A version in place of the one that is seen, with
  // its id and time. Throws PassageNotFound.
  [[nodiscard]] Passage update_passage(const std::string& id, const PassageChange& change);
  // Not seen from here on; lines of history that have it keep it. Throws PassageNotFound.
  void delete_passage(const std::string& id);

  // Shared archives, see attached.cpp: a step of the configuration. They throw ArchiveNotFound.
  void attach_archive(const std::string& archive_id, bool read_only);
  void detach_archive(const std::string& archive_id);
  struct Attached {
    AgentRow archive;  // as the agent sees it
    bool read_only = false;
  };
  [[nodiscard]] std::vector<Attached> attached_archives();

  // Puts a recorded conversation into recall memory, in one commit: one message an item, in order;
  // the window stays as it is. An item whose id was imported before, with the same words, is not
  // stored again. An item without a time gets that of the item before it (the first
  // ones: of the first that has one; none has: now).
  [[nodiscard]] std::vector<std::shared_ptr<const Message>> import_transcript(
      const std::vector<TranscriptItem>& items);

  // The same of a whole log, with calls and their returns. Of those that stood in the context as
  // many of the newest go into the window as it takes before messages are evicted; gives their
  // number. Throws InvalidInput where a call has not its one return behind it.
  [[nodiscard]] std::int64_t import_history(const std::vector<HistoryItem>& items);
  // Texts of tools that are not bound afterwards: they are there to be read.
  void keep_sources(const ToolSources& sources);

  // What people say of it: texts of JSON objects, the last two; "" = nothing.
  void describe(const std::string& description, const std::vector<std::string>& tags,
                const std::string& metadata, const std::string& settings);

  // Tools and bindings; a change of a schema is a journalled configuration step.
  void add_tool(const std::shared_ptr<Tool>& tool);
  void remove_tool(const std::string& name);
  void bind(const Binding& binding);
  // Somebody has its turn: to change it is to wait.
  [[nodiscard]] bool is_busy() { return turn_.held(); }
  // Runs one of its tools outside of a turn, as a user does. What a tool of the kernel or of its
  // memory does to the agent is a step of its own; one of the program's own runs beside turns, and
  // what it does is no part of the agent. `arguments`: a JSON object's text. Throws ToolNotFound;
  // what is wrong with the arguments is a failed result, like any failure of the tool.
  [[nodiscard]] ToolResult run_tool_now(const std::string& name, const std::string& arguments);

  void rename(const std::string& name);  // of the home
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] std::string name() const;
  [[nodiscard]] std::shared_ptr<Home> home() const { return home_; }

 private:
  friend class ToolScope;
  friend class Home;
  struct TurnRun;
  struct ModelCall;

  // What the agent works with. Replaced as a whole, like the state, so that a reader on another
  // thread never sees half of a change.
  struct Parts {
    AgentConfig config;
    ToolMap tools;  // bound
    // The bound tools as the model sees them, in the configuration's order.
    std::shared_ptr<const CompiledTools> compiled_tools;
    std::shared_ptr<LLMProvider> provider;
    ModelParameters parameters;  // what the configuration's settings say of them
    std::shared_ptr<Embedder> embedder;
    std::shared_ptr<ArchivalStore> store;     // null: the kernel's own index, or unbound
    std::shared_ptr<LLMProvider> summarizer;  // null: the provider
    std::shared_ptr<const MemoryPolicy> policy;
    std::shared_ptr<const TokenCounter> counter;
    // What the kernel itself brings is newer than the configuration, see renew_config().
    bool renewable = false;
    void compile_tools();
    // Names of the configuration's tools that are not bound, and so not offered.
    [[nodiscard]] std::vector<std::string> unbound_tools() const;
    void put_tool(const std::shared_ptr<Tool>& tool);
  };
  Agent(std::shared_ptr<Home> home, const AgentRow& row, Parts parts);
  [[nodiscard]] std::shared_ptr<const Parts> parts() const;

  // loop.cpp
  void append_inputs(const std::vector<Input>& inputs, TurnRun& run);
  int append_input(const Input& input, WriteSet& writes, int before);
  void go_back(TurnRun& run, const TurnRun& before, int tries);
  void poll() const;
  [[nodiscard]] WriteSet begin_step();
  [[nodiscard]] ModelCall begin_call(TurnRun& run);
  void show_call(TurnRun& run, ModelCall& call);
  void make_room(TurnRun& run, ModelCall& call, const ContextOverflow& overflow);
  bool finish_step(TurnRun& run, ModelCall& call, const Reply& raw);
  bool run_calls(TurnRun& run, WriteSet& writes, const DecodedReply& decoded_reply);
  [[nodiscard]] bool goes_on(TurnRun& run, WriteSet& writes, const ToolRules& rules,
                             const std::string& called, bool asked);
  [[nodiscard]] std::vector<std::string> offered_tools() const;
  void append_alert(WriteSet& writes, std::string_view text);
  bool record_no_call(TurnRun& run, WriteSet& writes, const DecodedReply& decoded);

  // calls.cpp
  ToolResult run_tool(TurnRun& run, WriteSet& writes, const ToolCall& call,
                      const DecodedCall& decoded);
  ToolResult run_on(TurnRun& run, WriteSet& writes, const DecodedCall& call,
                    const std::string& idempotency_key);
  void record_outcome(WriteSet& writes, const ToolCall& call, const std::string& key,
                      const std::string& status, const std::string& printed);
  void append_returns(WriteSet& writes, const Reply& reply, const ToolResult& result, Trust trust);
  void take_back(TurnRun& run, WriteSet& writes, const Reply& reply, const std::string& why);
  void append_return(WriteSet& writes, const ToolCall& call, ToolResult result, Trust trust,
                     TimeUs time_us);
  [[nodiscard]] static std::vector<ToolCall> open_calls(const LiveState& state);
  void close_open_calls(WriteSet& writes, TimeUs time_us);
  void recover_open_calls(const TurnRun* broken_off);
  struct Outcome {  // of a call that was broken off
    ToolResult result;
    Trust trust = Trust::kernel;
    std::string key;     // where it was repeated
    std::string status;  // empty: as the result says
  };
  [[nodiscard]] std::optional<Outcome> repeat_call(WriteSet& writes, const ToolCall& call);
  void append_outcomes(WriteSet& writes, const std::vector<ToolCall>& calls,
                       const std::vector<Outcome>& outcomes);

  // window.cpp
  // True where the agent has to be warned.
  [[nodiscard]] bool fit_window(WriteSet& writes, TurnRun& run, bool forced = false);
  void warn(WriteSet& writes, const TurnRun& run);
  void check_pins(const LiveState& state) const;
  void evict(WriteSet& writes, Window kept, const Window& evicted, const Fit& fit, bool preview);
  [[nodiscard]] SummaryRow write_summary(const LiveState& state, const Window& messages,
                                         const std::string& prompt, bool preview) const;
  [[nodiscard]] Budget budget(const LiveState& state) const;
  [[nodiscard]] static WindowRules rules(const Parts& parts);
  [[nodiscard]] WindowRules rules() const { return rules(*parts()); }
  void refresh_prefix(WriteSet& writes);
  void refresh_prefix(WriteSet& writes, const Parts& parts);
  [[nodiscard]] static std::shared_ptr<const Prefix> compile_state(const LiveState& state,
                                                                   const Parts& parts);
  [[nodiscard]] WindowMessage measure_input(const LiveState& state, const std::string& text);

  // past.cpp
  [[nodiscard]] ReplayOptions replay_options() const;
  [[nodiscard]] LastCall remade(LastCall call, Head head);
  [[nodiscard]] std::shared_ptr<const LastCall> last_call(const LiveState& state);
  [[nodiscard]] Recompilation recompile_to(Head head, std::shared_ptr<const MemoryPolicy> policy,
                                           int context_window);
  void record_prefix(WriteSet& writes, const Context& context);

  // binding.cpp
  [[nodiscard]] Parts parts_with(AgentConfig config) const;
  void check_bound();
  void check_bound_embedder();
  void adopt(Parts parts, const Binding& binding = {});
  void renew_config();

  // branches.cpp
  [[nodiscard]] std::int64_t begin_of(Head head, std::int64_t count, Unit unit);
  Moved move_to(Head target, Head line);
  [[nodiscard]] Head line_of(const AgentRow& agent);
  [[nodiscard]] Head own_place(Head place);

  // purge.cpp
  void follow_purge(std::int64_t seen);
  void refresh_past();

  // attached.cpp
  [[nodiscard]] std::vector<Attached> attached() const;
  [[nodiscard]] Attached find_attached(const std::string& name);
  [[nodiscard]] std::vector<ArchiveView> views_of(const AgentRow& row,
                                                  const std::optional<std::string>& only);
  using SharedPassage = std::pair<Attached, PassageRow>;
  [[nodiscard]] std::optional<SharedPassage> shared_passage(const std::string& id);
  [[nodiscard]] std::vector<Passage> file_shared(const Attached& attached,
                                                 std::vector<Passage> passages,
                                                 const Progress& progress);
  [[nodiscard]] Passage update_shared(const SharedPassage& shared, const PassageChange& change);
  void delete_shared(const SharedPassage& shared);
  [[nodiscard]] Archive to_write(const Attached& attached);

  // agent.cpp
  [[nodiscard]] TimeUs now_us() const;
  void check_not_past() const;
  [[nodiscard]] WriteSet* running_step();
  struct TurnHold {  // the file's lock is given back first
    Turn::Hold thread;
    FileLockHold process;
  };
  [[nodiscard]] TurnHold take_turn();
  void refresh();
  void reload(const std::shared_ptr<const LiveState>& seen);
  void follow_shared();
  [[nodiscard]] WriteSet begin(const std::string& kind, const std::string& author);
  void commit(WriteSet& writes);
  void publish(LiveState state);
  void publish(LiveState state, const std::shared_ptr<const LiveState>& instead_of);
  template <typename Edit>
  void edit(const std::string& author, Edit&& change);
  [[nodiscard]] Message new_message(const LiveState& state, Role role, std::string type,
                                    TimeUs time_us);
  // Of what is filed now: inside of a step by the model, by this name.
  [[nodiscard]] Filing filing(const std::string& by_model);
  [[nodiscard]] std::optional<PassageRow> seen_passage(const AgentRow& row, const Commit& step,
                                                       const std::string& id,
                                                       const std::string& embedder);
  void file_passages(const std::vector<Passage>& passages);
  [[nodiscard]] PassageRow find_passage(const AgentRow& agent, const Commit& step,
                                        const std::string& id);
  [[nodiscard]] LiveState load_state(const Parts& parts);
  [[nodiscard]] static LiveState state_of(AgentState loaded, const Parts& parts);
  [[nodiscard]] static PendingPassages pending_of(const Commit& step,
                                                  const std::vector<ArchiveView>& views);

  // archival_search.cpp
  [[nodiscard]] ArchivalPage search_archival_at(const std::vector<ArchiveView>& views,
                                                const std::string& text, ArchivalQuery query,
                                                const PendingPassages& pending);
  [[nodiscard]] ArchivalPage search_by_store(const Parts& parts,
                                             const std::vector<ArchiveView>& views,
                                             const ArchivalQuery& query,
                                             const PendingPassages& pending);
  [[nodiscard]] std::optional<ArchivalPage> ask_store(const Parts& parts,
                                                      const std::vector<ArchiveView>& views,
                                                      ArchivalQuery& asked,
                                                      const PendingPassages& pending);
  [[noreturn]] void throw_unbound_store(const Parts& parts) const;
  void tell_store(const Parts& parts, const std::string& archive);
  void tell_store_of_inserts(const AgentRow& row);

  std::shared_ptr<Home> home_;
  std::string id_;
  std::optional<Head> past_;  // see at()
  Turn turn_;
  mutable std::mutex mutex_;  // guards what follows; never held while anything else runs
  std::string name_;
  std::shared_ptr<const LiveState> state_;
  std::shared_ptr<const Parts> parts_;
  DigestChain digests_;                 // of the turn holder
  std::optional<TimeUs> turn_time_us_;  // where the input was given a time; of the turn holder
  WriteSet* active_ = nullptr;          // of the tool that runs now, on the turn holder's thread
  std::int64_t data_version_ = 0;
  std::atomic<bool> deleted_{false};  // in this process
};

}  // namespace memgpt
