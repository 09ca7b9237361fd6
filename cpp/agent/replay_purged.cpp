// Which contexts hold what a purge has changed: those cannot be what was sent, all others must be.
#include "agent/replayer.h"

namespace memgpt {

// Before the commit is applied: what it has written stands in the context of its own call.
void Replayer::mark_purged(const Commit& commit) {
  const auto purge = commit.step.purged;
  if (commit.config) purged_.config = purge;
  if (commit.summary) purged_.summary = purge;
  if (purge == 0) return;
  for (const auto& message : commit.messages) purged_.messages[message.position] = purge;
}

// After its call: what its tools have edited.
void Replayer::mark_purged_blocks(const Commit& commit) {
  for (const auto& version : commit.blocks) {
    if (commit.step.purged > 0)
      purged_.blocks[version.block.id] = commit.step.purged;
    else
      purged_.blocks.erase(version.block.id);
  }
}

std::set<std::int64_t> Replayer::purges_in_context() const {
  std::set<std::int64_t> purges;
  const LiveState& state = past_.state();
  if (purged_.config > 0) purges.insert(purged_.config);
  if (state.summary && purged_.summary > 0) purges.insert(purged_.summary);
  if (!purged_.blocks.empty())
    for (const auto& version : state.blocks)
      if (const auto found = purged_.blocks.find(version.block.id); found != purged_.blocks.end())
        purges.insert(found->second);
  if (!purged_.messages.empty())
    for (const auto& item : state.window)
      if (const auto found = purged_.messages.find(item->message->position);
          found != purged_.messages.end())
        purges.insert(found->second);
  return purges;
}

bool Replayer::note_purged(const std::string& what, const std::set<std::int64_t>& purges) {
  for (const auto id : purges)
    note_unchecked(what + (options_.purge_named ? options_.purge_named(id)
                                                : "purge " + std::to_string(id) + " destroyed"));
  return !purges.empty();
}

}  // namespace memgpt
