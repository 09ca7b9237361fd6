#include "agent/context_at.h"

#include "agent/replayer.h"
#include "error.h"

namespace memgpt {

void check_commit(std::int64_t seq, Head head) {
  if (seq >= 1 && seq <= head.seq) return;
  throw NotFound("there is no commit " + std::to_string(seq) +
                 "; the agent's history has commits 1 to " + std::to_string(head.seq));
}

namespace {

Commit read_call(Journal& journal, const std::string& agent_id, Head head, std::int64_t seq) {
  check_commit(seq, head);
  auto cursor = journal.cursor_after({head.branch, seq - 1});
  auto commits = journal.commits(agent_id, {head.branch, seq}, cursor, 1);
  if (commits.empty()) throw StoreError("commit " + std::to_string(seq) + " is gone from the file");
  const StepRow& step = commits.front().step;
  if (step.digest.empty())
    throw InvalidInput("commit " + std::to_string(seq) + " (" + step.kind +
                       ") called no model: choose one whose .digest is not empty");
  if (step.compiler != kCompilerVersion)
    throw StoreError("the context of commit " + std::to_string(seq) + " was compiled by version " +
                     std::to_string(step.compiler) + ", this is version " +
                     std::to_string(kCompilerVersion));
  return std::move(commits.front());
}

}  // namespace

PastContext context_at(Journal& journal, const std::string& agent_id, Head head, std::int64_t seq,
                       const ReplayOptions& options) {
  const Commit commit = read_call(journal, agent_id, head, seq);
  const Head before{head.branch, seq - 1};
  AgentState loaded = journal.load(agent_id, before);
  PastContext past;
  past.call = commit.step;
  past.before = loaded.last_call;
  Replayer replayer(options);
  auto purged = journal.purged_rows(loaded);
  replayer.begin_after(std::move(loaded), commit.step.tokenizer, std::move(purged));
  if (const auto divergence = replayer.apply(commit))
    throw StoreError("commit " + std::to_string(seq) + " is not as it was recorded (" +
                     divergence->what + "); agent.replay() says more: " + divergence->diff);
  past.context = replayer.last_context();
  past.exact = replayer.last_is_exact();
  return past;
}

}  // namespace memgpt
