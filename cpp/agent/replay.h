// Replay: every context of an agent's history, made again from the journal alone and compared with
// what was recorded when the model saw it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "memory/token_counter.h"
#include "store/journal.h"

namespace memgpt {

// Where the journal does not give what it recorded.
struct Divergence {
  std::int64_t seq = 0;  // of the commit
  std::string kind;      // of the commit: step, input, edit, ...
  // What differs: context, tokens, correction, prefix, window, reply, messages, or the rows that
  // are not as they were written: step, config, blocks, passages, summary, pins, tool_runs,
  // unreadable.
  std::string what;
  std::string diff;  // for people: what was recorded and what there is
};

struct ReplayReport {
  std::int64_t commits = 0;  // read, up to the divergence if there is one
  std::int64_t steps = 0;    // model calls whose context was made again
  std::optional<Divergence> first_divergence;
  // What could not be compared, and why; one line each.
  std::vector<std::string> unchecked;
};

struct ReplayOptions {
  // The counter of a tokenizer's name; null where it is not to be had: its counts are not compared.
  std::function<std::shared_ptr<const TokenCounter>(const std::string&)> counter;
  std::function<void()> poll;  // called between batches; may throw
  // "purge 1 destroyed (2026-11-21: a text of 19 characters in 3 messages)".
  std::function<std::string(std::int64_t id)> purge_named;
};

// Commits of the agent from the first one to `head`. Costs what the history holds.
[[nodiscard]] ReplayReport replay(Journal& journal, const std::string& agent_id, Head head,
                                  const ReplayOptions& options);

}  // namespace memgpt
