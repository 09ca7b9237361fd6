// Destroying, and noticing that somebody has.
#include "store/purge.h"

#include <algorithm>
#include <map>

#include "agent/agent.h"
#include "error.h"
#include "llm/offline_embedder.h"
#include "store/purge_text.h"

namespace memgpt {

namespace {

constexpr double kMostWait_s = 10;     // for others who read or write the file
constexpr std::size_t kEmbedded = 64;  // texts at once

std::string not_compacted(const Purged& purged, const std::string& why) {
  return (purged.id > 0 ? "it is destroyed (purge " + std::to_string(purged.id) + ": " +
                              purged.what + "), but "
                        : std::string("there was nothing left to destroy, but ")) +
         "the file could not be compacted, and old pages may still hold it: " + why +
         "; call home.purge() again, which makes up for it";
}

}  // namespace

// A vector stays empty where the embedder is not to be had, or fails: what is to be destroyed is.
std::vector<NewVector> Home::new_vectors(const std::string& text,
                                         const std::vector<std::shared_ptr<Agent>>& agents) {
  auto vectors = journal()->changed_passages(text);
  std::map<std::string, std::shared_ptr<Embedder>> embedders;
  const auto offline = std::make_shared<OfflineEmbedder>();
  embedders[offline->name()] = offline;
  for (const auto& agent : agents)
    if (const auto own = agent->parts()->embedder) embedders.try_emplace(own->name(), own);
  for (const auto& archive : archives())
    if (const auto own = archive_embedder(archive->id())) embedders.try_emplace(own->name(), own);
  std::map<std::string, std::vector<NewVector*>> wanted;
  for (auto& vector : vectors) wanted[vector.embedder].push_back(&vector);
  for (const auto& [name, rows] : wanted) {
    const auto embedder = embedders.find(name);
    if (embedder == embedders.end()) continue;
    for (std::size_t begin = 0; begin < rows.size(); begin += kEmbedded) {
      const auto end = std::min(begin + kEmbedded, rows.size());
      std::vector<std::string> texts;
      for (auto i = begin; i < end; ++i) texts.push_back(rows[i]->text);
      try {
        auto made = embedder->second->embed(texts);
        const auto width = static_cast<std::ptrdiff_t>(embedder->second->dimension());
        normalise_rows(made, static_cast<int>(width), texts.size(), name);
        for (auto i = begin; i < end; ++i) {
          const auto row = made.begin() + static_cast<std::ptrdiff_t>(i - begin) * width;
          rows[i]->vector.assign(row, row + width);
        }
      } catch (const Error&) {
        continue;
      }
    }
  }
  return vectors;
}

Purged Home::purge(const std::optional<std::string>& text, bool deleted, bool undone) {
  if (!text && !deleted && !undone)
    throw ConfigError(
        "home.purge() destroys what it is told to: give text=\"...\", deleted=True or undone=True");
  if (text) static_cast<void>(Eraser(*text));
  const auto journal = this->journal();
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [id, weak] : live_)
      if (const auto agent = weak.lock(); agent && agent->turn_.held_by_this_thread())
        throw Reentrant("agent \"" + agent->name() +
                        "\" is in the middle of a send() of this same call chain, and a purge "
                        "takes the turn of every agent");
  }
  // In the order of their ids, so that two purges do not wait for each other; then those that were
  // made meanwhile.
  std::map<std::string, std::shared_ptr<Agent>> held;
  std::vector<Agent::TurnHold> holds;
  for (bool found = true; found;) {
    found = false;
    auto rows = journal->agents();
    std::sort(rows.begin(), rows.end(),
              [](const AgentRow& a, const AgentRow& b) { return a.id < b.id; });
    for (const auto& row : rows) {
      if (held.contains(row.id)) continue;
      found = true;
      try {
        auto agent = agent_by_id(row.id);
        holds.push_back(agent->take_turn());
        held.emplace(row.id, std::move(agent));
      } catch (const AgentNotFound&) {
        continue;  // deleted meanwhile
      }
    }
  }
  std::vector<std::shared_ptr<Agent>> agents;
  agents.reserve(held.size());
  for (const auto& [id, agent] : held) agents.push_back(agent);

  PurgeRequest request;
  request.deleted = deleted;
  request.undone = undone;
  request.now_us = environment_.now_us();
  request.counter = counter_named;
  request.stand_in = kEstimate;
  request.poll = environment_.outside.poll;
  if (text) {
    request.text = *text;
    request.vectors = new_vectors(*text, agents);
  }
  auto purged = journal->purge(request);
  indexes_.clear();
  for (const auto& agent : agents) {
    try {
      agent->refresh();
    } catch (const Error&) {
      continue;  // its next call says so
    }
  }
  std::map<std::string, std::shared_ptr<ArchivalStore>> stores;
  for (const auto& agent : agents)
    if (const auto store = agent->parts()->store) stores.try_emplace(store->name(), store);
  std::map<std::string, std::string> failures;
  for (const auto& [name, store] : stores) {
    try {
      tell_of_changes(*store);
    } catch (const StoreError& error) {
      failures[name] = error.what();
    }
  }
  try {
    journal->compact(std::min(kMostWait_s, turn_timeout_s_), environment_.outside.poll);
  } catch (const DiskFull& error) {
    throw DiskFull(not_compacted(purged, error.what()));
  } catch (const StoreError& error) {
    throw StoreError(not_compacted(purged, error.what()));
  }
  for (const auto& [name, failure] : failures)
    warn_of_store(name, failure +
                            "; vectors of passages that were destroyed are still in it, until it "
                            "is to be had and an agent that it is bound to searches");
  return purged;
}

std::vector<PurgeRow> Home::purges() { return journal()->purges(); }

// What a purge destroyed, the configuration in memory does not keep. The newest purge that the
// agent has seen is `seen`.
void Agent::follow_purge(std::int64_t seen) {
  const auto journal = home_->journal();
  if (journal->newest_purge() == seen) return;
  const auto config = agent_config_from_json(journal->load(id_, past_).config);
  const auto before = parts();
  Parts now = *before;
  now.config.system_prompt = config.system_prompt;
  for (auto& tool : now.config.tools)
    for (const auto& other : config.tools)
      if (other.schema.name == tool.schema.name && tool.origin != "builtin") {
        tool.schema.description = other.schema.description;
        tool.schema.parameters = other.schema.parameters;
      }
  if (now.config == before->config) return;
  now.compile_tools();
  auto snapshot = std::make_shared<const Parts>(std::move(now));
  const std::scoped_lock lock(mutex_);
  if (parts_ == before) parts_ = std::move(snapshot);
}

// An agent as it was: only a purge changes that.
void Agent::refresh_past() {
  std::shared_ptr<const LiveState> seen;
  {
    const std::scoped_lock lock(mutex_);
    seen = state_;
  }
  const auto journal = home_->journal();
  if (!deleted_ && (!seen || journal->newest_purge() == seen->purge)) return;
  deleted_ = deleted_ || journal->last_seq(past_->branch) < past_->seq;
  if (deleted_)
    throw NotFound("what agent \"" + name() + "\" was at commit " + std::to_string(past_->seq) +
                   " was destroyed by a purge");
  follow_purge(seen->purge);
  publish(load_state(*parts()), seen);
}

}  // namespace memgpt
