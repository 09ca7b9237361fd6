// What the head of an agent's branch holds, in memory; and the changes that one step gathers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "memory/context.h"
#include "store/journal.h"

namespace memgpt {

// A model call that is on record.
struct LastCall {
  std::int64_t seq = 0;
  std::string model;
  std::string tokenizer;
  std::optional<Context> context;  // what it was sent; none where that was not made again

  static LastCall of(const StepRow& call) { return {call.seq, call.model, call.tokenizer, {}}; }
};
// What a context shares with the call before it: nothing where another model is asked, or the same
// one with another tokenizer; unknown without a call before it, or without that call's context.
// The counter as in shared_prefix().
[[nodiscard]] SharedPrefix prefix_after(const LastCall* before, const std::string& model,
                                        const std::string& tokenizer, const Context& now,
                                        const TokenCounter* counter);

// A snapshot: never changed once it is published, so that readers need no lock while they read.
struct LiveState {
  AgentRow agent;
  std::int64_t config_version = 0;
  bool config_elsewhere = false;  // the line of history does not have it yet
  std::vector<BlockVersion> blocks;
  Window window;
  std::optional<SummaryRow> summary;
  bool warned = false;
  std::vector<std::int64_t> pins;  // positions, in order
  std::string outside;             // the line about what lies outside the context
  std::int64_t next_position = 0;
  std::int64_t passages = 0;
  std::size_t archives = 0;  // shared ones that are attached
  std::int64_t session = 0;
  TimeUs last_time_us = 0;
  int correction = kNoCorrection;  // of our counts, by what the provider reported
  std::shared_ptr<const Prefix> prefix;
  std::shared_ptr<const LastCall> last_call;  // null = none yet
  std::int64_t purge = 0;                     // the newest when this was read

  [[nodiscard]] std::vector<Block> block_values() const;
  [[nodiscard]] std::optional<std::int64_t> summary_id() const {
    return summary ? std::optional(summary->id) : std::nullopt;
  }
  // The ranges of a window row: the last one ends at the head, so that what lies between (imported
  // messages) is in no range.
  [[nodiscard]] std::vector<Range> window_ranges() const;
  // The prefix of this state; what the last one has is not made again.
  [[nodiscard]] std::shared_ptr<const Prefix> compile_prefix(
      std::string_view system_prompt, std::shared_ptr<const CompiledTools> tools,
      const TokenCounter& counter) const;
  // The line about what lies outside the context, as it would be now.
  [[nodiscard]] std::string outside_line() const;
  void set_pin(const PinRow& pin);
  [[nodiscard]] const BlockVersion* find_block(std::string_view label) const;
  [[nodiscard]] bool shares_blocks() const;
};

// What was loaded, with the messages rendered. What depends on more is left: the correction and
// the prefix.
[[nodiscard]] LiveState live_state(AgentState loaded, const TokenCounter& counter);

// Effects gathered by a step. Copied before a tool runs and put back if the tool fails.
struct WriteSet {
  LiveState state;
  Commit commit;
  bool prefix_changed = false;  // blocks, summary or tools: the window row must be written

  [[nodiscard]] BlockVersion& edit_block(std::string_view label);
  // Throws LimitExceeded or ReadOnlyBlock; `force` is for the user, whom read_only does not bind.
  void set_value(std::string_view label, const std::string& value, const std::string& author,
                 Trust trust, bool force);
  void create_block(Block block, std::string id);
  // Another version by the user, of a block that is not shared. Throws what a new block does.
  void change_block(std::string_view label, const std::function<void(Block& block)>& change);
  // A block that others have, too. Throws AlreadyExists where the label is taken.
  void attach_block(const BlockRecord& shared);
  // Versions of shared blocks that were seen and that the agent's line does not have yet.
  void record_shared();
  // Throws ReadOnlyBlock unless `force`.
  void detach_block(std::string_view label, bool force);
  void file(Passage passage);
  // A passage that is there, by another version of it.
  void replace(PassageRow row, Passage passage);
  void remove(PassageRow row, const std::string& author);
  // What the step does to an archive that agents share: it is no part of the agent's state.
  [[nodiscard]] const Commit* archive(const std::string& id) const;
  [[nodiscard]] Commit& edit_archive(const std::string& id, const std::string& agent);
  void append(WindowMessage message);
  void log(const Message& message);  // into the log, not into the window

 private:
  void retire(PassageRow row, const std::string& author);
  void sign(Block& block) const;  // with the commit that will write it
  void put(Block block, std::int64_t shared);
  void record(const BlockVersion& version);
};

// The correction of token counts that holds after a model call.
[[nodiscard]] int correction_after(const StepRow& call);

// Positions in the log.
[[nodiscard]] std::vector<Range> positions_of(const Window& window);
// Both lists as one, in order.
[[nodiscard]] std::vector<Range> joined(std::vector<Range> ranges, const std::vector<Range>& more);

// Throws ConfigError: labels are 1 to 50 letters, digits, "_", "-" or "/".
void check_label(std::string_view label);
// Throws ConfigError, LimitExceeded, InvalidInput for what cannot be a block.
void check_block(const Block& block);

}  // namespace memgpt
