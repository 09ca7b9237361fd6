// Goes through a history commit by commit.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/past_state.h"
#include "agent/replay.h"
#include "store/purge.h"

namespace memgpt {

// Goes through the commits of one agent in order and holds what its state was after each.
class Replayer {
 public:
  explicit Replayer(const ReplayOptions& options) : options_(options), past_(options) {}

  // Nothing where the commit is as it was recorded.
  [[nodiscard]] std::optional<Divergence> apply(const Commit& commit);
  // Goes on after the commit that `loaded` is of; `tokenizer`: of the next one; `purged`: what of
  // it a purge has changed.
  void begin_after(AgentState loaded, const std::string& tokenizer, PurgedRows purged);
  // What the model saw at the last call that was applied.
  [[nodiscard]] const Context& last_context() const { return called_.value().context.value(); }
  // Else it shows what a purge left of what the model saw.
  [[nodiscard]] bool last_is_exact() const { return called_exactly_; }
  [[nodiscard]] const std::vector<std::string>& unchecked() const { return report_.unchecked; }
  [[nodiscard]] ReplayReport take_report() { return std::move(report_); }

 private:
  struct Found {
    std::string what;
    std::string diff;
  };
  using Finding = std::optional<Found>;

  [[nodiscard]] Finding replay_commit(const Commit& commit);
  [[nodiscard]] Finding replay_call(const Commit& commit, std::size_t before_reply);
  [[nodiscard]] Finding replay_decision(const Commit& commit);
  [[nodiscard]] Finding compare_context(const StepRow& step, const Context& context);
  [[nodiscard]] Finding compare_prefix(const StepRow& step, const Context& context);
  [[nodiscard]] Finding compare_reply(const Commit& commit, std::size_t before_reply);
  [[nodiscard]] Finding append(const Commit& commit, const Message& message, bool to_window);
  [[nodiscard]] Finding end_commit(const Commit& commit);
  void use_counter(const std::string& tokenizer);
  void note_unchecked(const std::string& line);
  // replay_purged.cpp
  void mark_purged(const Commit& commit);
  void mark_purged_blocks(const Commit& commit);
  [[nodiscard]] std::set<std::int64_t> purges_in_context() const;
  // False where there are none.
  bool note_purged(const std::string& what, const std::set<std::int64_t>& purges);

  const ReplayOptions& options_;
  ReplayReport report_;
  PastState past_;
  std::optional<LastCall> called_;        // with its context
  bool called_exactly_ = true;            // that context is as recorded
  bool exact_ = true;                     // so is the one of this commit
  PurgedRows purged_;                     // of the state
  std::set<std::int64_t> called_purges_;  // that the last call's context was changed by
  DigestChain digests_;
  bool had_content_ = false;  // the last commit names what it wrote
};

}  // namespace memgpt
