// The journal: the one SQLite file that is the truth. Nothing in it is overwritten but pointers.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "memory/block.h"
#include "memory/context.h"
#include "memory/message.h"
#include "memory/policy.h"
#include "memory/text.h"
#include "store/archival_store.h"
#include "store/commit_queue.h"
#include "store/export.h"
#include "store/lineage.h"
#include "store/lists.h"
#include "store/passage.h"
#include "store/sqlite.h"

namespace memgpt {

// full: every commit is on the disk. process: survives a kill, perhaps not a power cut.
enum class Durability { full, process };

// What has a line of history of its own, and a name. An archive holds passages that agents share.
enum class AgentKind { agent, archive };
[[nodiscard]] inline std::string_view name_of(AgentKind kind) {
  return kind == AgentKind::agent ? "agent" : "archive";
}

struct AgentRow {
  std::string id;
  std::string name;
  TimeUs created_us = 0;
  Head head;
  Head line;            // the end of its line of history: after an undo the head stands before it
  std::string archive;  // where its passages are; shared with its forks
};

// A name for a place in an agent's history.
struct TagRow {
  std::string name;
  Head head;
  TimeUs time_us = 0;
};

struct BranchRow {
  std::int64_t id = 0;
  std::string agent_id;  // who writes on it
  Head parent;           // {0, 0} = none
  std::int64_t last_seq = 0;
  TimeUs created_us = 0;
  TimeUs changed_us = 0;  // of its last commit
};

// The row of a commit. Fields of the model call stay empty where there was none.
struct StepRow {
  std::string kind;
  std::string author;
  TimeUs time_us = 0;
  std::int64_t config = 0;
  std::int64_t seed = 0;
  std::string model;
  std::string tokenizer;
  int compiler = 0;
  std::string digest;
  int context_tokens = 0;
  int overhead_tokens = 0;
  int prompt_tokens = -1;
  int completion_tokens = -1;
  int correction = 0;                      // of our counts, in thousandths; 0 = not recorded
  std::vector<std::string> unbound_tools;  // of the configuration, and not offered
  // What the last request began with, too, byte for byte, in tokens; -1 = not recorded.
  int prefix_tokens = -1;
  std::string prefix_broken;  // the origin of the last request's first span that is not there
  std::string decision;
  std::string reply;
  int passages = -1;        // that are seen after the commit; -1 = not recorded
  std::int64_t purged = 0;  // the last purge that changed what it wrote
  std::int64_t seq = 0;     // set when read, as is what follows
  std::string content;      // what the commit held, see content_of()
};

struct SummaryRow {
  std::int64_t id = 0;
  std::string text;
  std::vector<Range> covers;  // of positions
  std::int64_t covered = 0;
  std::optional<std::int64_t> replaces;
  std::string author;
  Trust trust = Trust::user;
  int tokens = 0;
  std::string failure;  // why it is a digest, where a model should have written it
};

// A message that a policy shall keep, or no longer.
struct PinRow {
  std::int64_t position = 0;
  bool pinned = true;
};

// The last range ends at the head, whatever its `end` says.
struct WindowRow {
  std::vector<Range> ranges;  // of positions
  std::optional<std::int64_t> summary;
  bool warned = false;
  std::string outside;  // the line about what lies outside the context
};

struct ToolRunRow {
  std::string call_id;
  std::string phase;  // intent, result
  std::string tool;
  std::string arguments;
  std::string effects;
  std::string idempotency_key;
  std::string status;
  std::string result;
  TimeUs time_us = 0;
};

struct BlockVersion {
  Block block;
  int place = 0;
  bool detached = false;
  std::int64_t shared = 0;  // version of the shared block; 0 = the agent's own
  // Written by this commit, which another agent's may have forestalled. Else the commit only
  // repeats what it saw.
  bool edits_shared = false;
  bool unrecorded = false;  // when read: the agent's line does not have this version yet
};

// A version of a passage, as the file has it.
struct PassageRow {
  std::int64_t id = 0;   // of the row; 0 = it is not in the file yet
  std::int64_t seq = 0;  // the commit that wrote it
  Passage passage;
  std::string retired_by;  // the author of the commit from which on it is not seen
};

// A commit, and where it stands.
struct PlacedStep {
  Head place;
  StepRow step;
};

// Which commits of a line, of those that an agent wrote itself: inputs, or calls of a model.
struct StepRange {
  bool calls = false;
  std::int64_t after = 0;
  std::int64_t before = std::numeric_limits<std::int64_t>::max();
  bool newest_first = false;
  std::int64_t limit = 1;
};

struct Card;
struct ImportRequest;

// See purge.h.
struct NewVector;
struct Purged;
struct PurgedRows;
struct PurgeRequest;
struct PurgeRow;

// A version of a block, and who wrote it. Of a block that agents share: block.version is the
// block's own count.
struct BlockRecord {
  Block block;
  std::string agent;  // the name of an agent; empty = none
};

// Everything that one commit writes: all of it is there, or none.
struct Commit {
  std::string agent_id;
  Head expected;  // the head this commit was made from
  StepRow step;
  std::string tokenizer;
  std::vector<Message> messages;
  std::vector<BlockVersion> blocks;
  std::vector<Passage> passages;
  // Rows of passages that were deleted or that `passages` has a new version of. When read: of the
  // passage its id alone.
  std::vector<PassageRow> retired;
  std::optional<SummaryRow> summary;
  std::optional<WindowRow> window;  // its summary id is set when `summary` is given
  std::vector<ToolRunRow> tool_runs;
  std::vector<PinRow> pins;
  std::optional<std::string> config;  // a new version
  // What it does to archives that agents share: a commit of each, whose `agent_id` is the
  // archive's, behind whatever the archive's head is by then. Not read.
  std::vector<Commit> archives;
  std::int64_t branch = 0;  // when read: that holds it

  // When read: a row that contradicts the others of the commit, by kind and in words.
  struct Contradiction {
    std::string what;
    std::string text;
  };
  std::optional<Contradiction> contradiction;
};

// What an agent's branch holds at a commit: mostly its head.
struct AgentState {
  AgentRow agent;
  std::int64_t config_version = 0;
  std::string config;
  bool config_elsewhere = false;  // it was set on another line of history
  std::int64_t passages = 0;
  std::vector<BlockVersion> blocks;
  WindowRow window;
  std::optional<SummaryRow> summary;
  std::vector<Message> messages;        // those in the window
  std::vector<std::string> tokenizers;  // of their counts, one a message
  std::vector<std::int64_t> pins;       // positions, in order
  std::int64_t next_position = 0;
  std::int64_t session = 0;
  TimeUs last_time_us = 0;
  std::optional<StepRow> last_call;  // of a model
  std::int64_t purge = 0;            // the newest of the file; 0 = none
};

// How far a reader of commits has come.
struct CommitCursor {
  std::int64_t seq = 0;       // of the last commit that was read
  std::int64_t position = 0;  // of the next message
  std::int64_t passage = 0;   // the last row
};

class Journal {
 public:
  // `is_private`: nobody else knows the file.
  Journal(const std::string& path, Durability durability, bool is_private = false);

  // Throws AlreadyExists where a living one of the kind has the name.
  [[nodiscard]] AgentRow create_agent(const std::string& id, const std::string& name, Commit first,
                                      AgentKind kind = AgentKind::agent);
  [[nodiscard]] std::optional<AgentRow> find_agent(const std::string& name,
                                                   AgentKind kind = AgentKind::agent);
  [[nodiscard]] std::vector<AgentRow> agents(AgentKind kind = AgentKind::agent);  // oldest first
  // A new agent whose history goes on from `from`; its first commit lies behind that. Costs the
  // same however long the history is.
  [[nodiscard]] AgentRow fork_agent(const std::string& id, const std::string& name,
                                    const AgentRow& from, Commit first);
  // The name is free afterwards; the history stays in the file, and forks of it go on.
  void delete_agent(const std::string& id, TimeUs now_us);

  struct Committed {
    Head head;
    std::optional<std::int64_t> summary;  // id of the summary that was written
  };
  // Throws Conflict where the head is not `expected`, or an archive's passage that the commit
  // retires is not seen any more. Where the head is not the end of its branch, a new branch begins.
  // Commits of several threads reach the disk together.
  Committed commit(const Commit& commit);

  // Archives that agents share, see archives.cpp. One that is alive, by its id.
  [[nodiscard]] std::optional<AgentRow> archive(const std::string& archive_id);
  // A commit of an archive alone. Throws Conflict as commit() does for its archives, and where
  // there was a purge since `purge`.
  void commit_archive(const Commit& commit, std::int64_t purge);
  // Throws AlreadyExists.
  void rename(const std::string& id, const std::string& name, AgentKind kind);
  // Throws InvalidInput where agents have it, naming them.
  void delete_archive(const std::string& archive_id, TimeUs now_us);
  // Names of the living agents that have it, and whether to read only.
  [[nodiscard]] std::vector<std::pair<std::string, bool>> agents_with(
      const std::string& archive_id);
  // The configuration of an agent or archive that is in force.
  [[nodiscard]] std::string newest_config(const std::string& agent_id);
  // Where an archive, which stands at `head`, stood when a commit was made, by the clocks of both.
  [[nodiscard]] Head archive_at(Head head, Head commit);
  // Names of archives that the commits of (after, head] wrote into.
  [[nodiscard]] std::vector<std::string> archives_written(Head head, std::int64_t after);

  // The head of an agent that is alive, and the end of its line.
  [[nodiscard]] AgentRow agent_row(const std::string& agent_id);
  [[nodiscard]] Head head(const std::string& agent_id) { return agent_row(agent_id).head; }
  // Throws Conflict where the head is not `expected`.
  void move_head(const std::string& agent_id, Head expected, Head head, Head line);
  // All branches that an agent's history lies on or was written on, oldest first.
  [[nodiscard]] std::vector<BranchRow> branches(const std::string& agent_id);
  // Throws AlreadyExists.
  void add_tag(const std::string& agent_id, const TagRow& tag);
  void delete_tag(const std::string& agent_id, const std::string& name);
  [[nodiscard]] std::vector<TagRow> tags(const std::string& agent_id);  // oldest first
  // At the agent's head, or as it was at an earlier commit. Costs what the window holds then.
  [[nodiscard]] AgentState load(const std::string& agent_id, std::optional<Head> at = std::nullopt);
  // The blocks alone of an agent that stands at `head`, with the newest versions of those that are
  // shared.
  [[nodiscard]] std::vector<BlockVersion> blocks(Head head);
  // That the agent sees from its head.
  [[nodiscard]] std::int64_t passages(const AgentRow& agent);
  // The version of a passage that is seen from the agent's head, with its vector by the embedder;
  // none where there is no passage of this id, or it was deleted.
  [[nodiscard]] std::optional<PassageRow> find_passage(const AgentRow& agent, const std::string& id,
                                                       const std::string& embedder);
  // Passages that are seen of agents and archives, by their time; a part of the list, see lists.h.
  [[nodiscard]] std::vector<ListedPassage> list_passages(const std::vector<AgentRow>& holders,
                                                         const PassageRange& range);
  // Changes whenever another process has committed. Where this one is writing it is waited for, or
  // there is nothing: ask head() then.
  [[nodiscard]] std::optional<std::int64_t> data_version(bool wait);

  [[nodiscard]] std::vector<StepRow> steps(Head head);
  // Numbers and kinds of commits from `head` back, newest first, while `more` returns true.
  void kinds_back(Head head,
                  const std::function<bool(std::int64_t seq, const std::string& kind)>& more);
  // The commit that wrote the message at a position, 0 where the head does not see it.
  [[nodiscard]] std::int64_t commit_of(Head head, std::int64_t position);
  // The place of a commit in the line of history that ends at `head`.
  [[nodiscard]] Head place(Head head, std::int64_t seq);
  [[nodiscard]] bool sees(Head head, Head other) { return place(head, other.seq) == other; }
  // The last commit that both lines have.
  [[nodiscard]] std::int64_t last_common(Head a, Head b);
  // Of commits (after, head].
  [[nodiscard]] std::vector<ToolRunRow> tool_runs(Head head, std::int64_t after);
  // Every version of a block, oldest first.
  [[nodiscard]] std::vector<BlockVersion> block_versions(Head head, const std::string& block_id);
  // Blocks that agents share, see shared_blocks.cpp. The newest versions, by label.
  [[nodiscard]] std::vector<BlockRecord> shared_blocks();
  // Versions of one, oldest first. Throws BlockNotFound.
  [[nodiscard]] std::vector<BlockRecord> shared_versions(const std::string& block_id);
  [[nodiscard]] BlockRecord shared_block(const std::string& block_id);
  // A version behind those that there are. Throws Conflict where it is not the next one.
  void add_shared_version(const Block& block, TimeUs now_us);
  // Brings an agent's blocks to the newest versions of those that are shared. True where one was
  // not.
  bool follow_shared(std::vector<BlockVersion>& blocks, Head head);
  // Labels of shared blocks that the commits of (after, head] edited.
  [[nodiscard]] std::vector<std::string> shared_edits(Head head, std::int64_t after);
  [[nodiscard]] std::vector<SummaryRow> summaries(Head head);
  // The newest commit on a branch, 0 where it has none.
  [[nodiscard]] std::int64_t last_seq(std::int64_t branch);
  // The next commits of an agent up to `head`, at most `limit`, with all that they wrote but the
  // vectors of passages; moves the cursor.
  [[nodiscard]] std::vector<Commit> commits(const std::string& agent_id, Head head,
                                            CommitCursor& cursor, std::int64_t limit);
  // The cursor of a reader that has read the commits up to `head`.
  [[nodiscard]] CommitCursor cursor_after(Head head);
  [[nodiscard]] std::vector<Message> messages(Head head, std::int64_t from_position,
                                              std::int64_t limit);

  // The commits of the same messages as messages() gives.
  [[nodiscard]] std::vector<Head> places(Head head, std::int64_t from_position, std::int64_t limit);
  // Where a message stands in the log that the head sees; none where it does not.
  [[nodiscard]] std::optional<std::int64_t> position_of(Head head, const std::string& message_id);
  // Messages of several logs in one list, as they were committed; one that several see is there
  // once.
  [[nodiscard]] std::vector<LoggedMessage> list_messages(const std::vector<LogView>& views,
                                                         const ListRange& range);
  // None where none of the logs has it.
  [[nodiscard]] std::optional<LoggedMessage> find_message(const std::vector<LogView>& views,
                                                          const std::string& id);
  // One commit, and the agent that wrote it; none where there is no such commit.
  [[nodiscard]] std::optional<std::pair<StepRow, std::string>> step(Head place);
  // Some of the line that ends at `head`, without what a fork has from before it was one.
  [[nodiscard]] std::vector<PlacedStep> steps_in(const std::string& agent_id, Head head,
                                                 const StepRange& range);
  // Of the same commits, all of them: when each was made, and where it stands.
  [[nodiscard]] std::vector<std::pair<TimeUs, Head>> times_of_steps(const std::string& agent_id,
                                                                    Head head, bool calls);
  // What commits in (after, before) of a line wrote, and where.
  [[nodiscard]] std::vector<std::pair<Message, Head>> messages_between(Head head,
                                                                       std::int64_t after,
                                                                       std::int64_t before);
  // A version of an agent's configuration; "" where it has none.
  [[nodiscard]] std::string config(const std::string& agent_id, std::int64_t version);

  // Vectors, see journal_vectors.cpp. Those that were staged for some texts, by their digests;
  // empty where there is none.
  [[nodiscard]] std::vector<std::vector<float>> staged_vectors(const std::string& embedder,
                                                               std::size_t dimension,
                                                               const std::vector<Digest>& texts);
  // Keeps vectors for a commit that is yet to come, one a text; and lets go of them.
  void stage_vectors(const std::string& embedder, const std::vector<Digest>& texts,
                     std::span<const float> vectors);
  void drop_staged(const std::string& embedder, const std::vector<Digest>& texts);
  // Of an archive's passages on all branches, without a vector by this embedder: the first behind
  // the row `after`, with their texts; and how many there are.
  [[nodiscard]] std::vector<PassageRow> without_vector(const std::string& archive,
                                                       const std::string& embedder,
                                                       std::int64_t after, std::int64_t limit);
  [[nodiscard]] std::int64_t count_without_vector(const std::string& archive,
                                                  const std::string& embedder);
  // Throws ConfigError where the embedder's vectors in the file have another dimension.
  void check_dimension(const std::string& embedder, std::size_t dimension);
  // One a row, behind each other.
  void add_vectors(const std::string& archive, const std::string& embedder,
                   const std::vector<PassageRow>& rows, std::span<const float> vectors);

  // Messages that were imported under this id of their transcript, oldest first.
  [[nodiscard]] std::vector<Message> imported(Head head, const std::string& source_id);

  // What is wrong with the file, see check.h.
  [[nodiscard]] std::vector<std::string> check(const std::function<void()>& poll);

  // Everything that an agent is, in one file, see export.h.
  void export_agent(const ExportRequest& request);
  // The other way, see import.h: all of it, or nothing. Gives the agent's id here.
  [[nodiscard]] std::string import_agent(const ImportRequest& request);
  // Texts that came with an agent, by the names of its tools.
  [[nodiscard]] ToolSources tool_sources(const std::string& agent_id);
  void keep_sources(const std::string& agent_id, const ToolSources& sources);

  // Destroys, see purge.h. Throws StoreError, and nothing was destroyed then.
  Purged purge(const PurgeRequest& request);
  // Makes the file anew where a purge has left pages that may still hold what it destroyed. Throws
  // StoreError where others keep it from that for `wait_s` seconds.
  void compact(double wait_s, const std::function<void()>& poll);
  [[nodiscard]] std::int64_t newest_purge();  // 0 = none
  [[nodiscard]] std::vector<PurgeRow> purges();
  // Passages that a purge of the text will change, with their texts then, without the vectors.
  [[nodiscard]] std::vector<NewVector> changed_passages(const std::string& text);
  [[nodiscard]] PurgedRows purged_rows(const AgentState& state);

  // What clients say of things, see card.h. Not those that were deleted.
  [[nodiscard]] std::optional<Card> card(const std::string& kind, const std::string& id);
  // Those of some things, in any order; costs nothing where there is none of the kind.
  [[nodiscard]] std::vector<Card> cards_of(const std::string& kind,
                                           const std::vector<std::string>& ids);
  [[nodiscard]] std::optional<Card> tool_card(const std::string& name);
  [[nodiscard]] std::vector<Card> cards(const std::string& kind);  // oldest first
  // Also of one that was deleted. Throws AlreadyExists where another tool has the name.
  void put_card(const Card& card);
  void delete_card(const std::string& kind, const std::string& id, TimeUs now_us);

  // A program's own stores of vectors, by their names, see store_progress.cpp. Before the first
  // vector of a set is sent to a store:
  void begin_telling(const std::string& store, const VectorSet& set);
  // The next rows of which the store has acknowledged nothing; none: it has all.
  [[nodiscard]] Untold untold(const std::string& store, const VectorSet& set, std::int64_t limit);
  void acknowledge(const std::string& store, const VectorSet& set, const Untold& batch);
  // Rows of one set that the store is to forget, and those of them that it is to have anew; none:
  // there are none.
  [[nodiscard]] std::optional<ChangedRows> changed(const std::string& store, std::int64_t limit);
  void acknowledge(const std::string& store, const ChangedRows& batch);
  // As if no store had acknowledged anything.
  void tell_all_again();

  // The two connections, for the search indexes of this room. Hold the mutex while in use.
  struct Reader {
    std::unique_lock<std::mutex> lock;
    Database& db;
  };
  [[nodiscard]] Reader reader();
  // What a head sees. `db` is the reader's.
  [[nodiscard]] Lineage lineage(Database& db, Head head);

 private:
  std::string path_;
  Durability durability_;
  bool is_private_;
  Database writer_db_;
  Database reader_db_;
  std::mutex writer_mutex_;
  CommitQueue queue_{writer_db_, writer_mutex_};
  std::mutex reader_mutex_;
  // Branches never change but by a purge; guarded by the reader's mutex.
  std::unordered_map<std::int64_t, Lineage> lineages_;
  std::int64_t lineages_purge_ = 0;  // the newest when they were read
};

// Digests of what a commit writes, by kind of row: "step=0123456789abcdef messages=...". Ids that
// only this file gives (of summaries, branches) are left out.
[[nodiscard]] std::string content_of(const Commit& commit);
// Which kinds of rows differ between two of these: "messages, step". Empty where none does.
[[nodiscard]] std::string changed_parts(std::string_view recorded, std::string_view now);

}  // namespace memgpt
