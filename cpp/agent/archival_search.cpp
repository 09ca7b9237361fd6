// Searching archival memory: by the kernel's own index, or by a store of vectors that the program
// brings, which only proposes, and is told of what the journal has.
#include <algorithm>

#include "agent/agent.h"
#include "agent/archives.h"
#include "error.h"

namespace memgpt {

namespace {

// Rows that a store is told of at once.
constexpr std::int64_t kToldAtOnce = 500;
// Rows that it is asked for at first, at least: an approximate index misses some.
constexpr std::size_t kAskedFor = 100;
// It is asked again for as many times more, up to a number from which on all are compared.
constexpr std::size_t kMoreEachTime = 8;
constexpr std::size_t kMostAskedFor = 10'000;
// Of one store until it answers: a text that has the time in it is another one each time.
constexpr std::size_t kWarnings = 20;

VectorSet set_of(const std::string& archive, const Embedder& embedder) {
  return {archive, embedder.name(), embedder.dimension()};
}

}  // namespace

ArchivalPage Agent::search_archival_at(const std::vector<ArchiveView>& views,
                                       const std::string& text, ArchivalQuery query,
                                       const PendingPassages& pending) {
  query.times = asked_times(text, now_us());
  const auto parts = this->parts();
  const auto& embedder = parts->embedder;
  if (!query.vector.empty() || (!is_blank(text) && query.ranking.dense.value_or(1) > 0))
    check_bound_embedder();
  if (!query.vector.empty() && !embedder)
    throw ConfigError("agent \"" + name() + "\" has no embedder: its passages have no vectors");
  query = embedded_query(*home_, views, embedder.get(), text, std::move(query));
  query.from_file = !parts->config.archival_store.empty() && !query.vector.empty();
  if (query.from_file && (query.dense > 0 || query.text.empty()))
    return search_by_store(*parts, views, query, pending);
  return home_->indexes().search(*home_->journal(), views, embedder ? embedder->name() : "", query,
                                 pending);
}

// By words alone where the store is not to be had; where there are none, by all vectors. No mutex
// is held while it is asked.
ArchivalPage Agent::search_by_store(const Parts& parts, const std::vector<ArchiveView>& views,
                                    const ArchivalQuery& query, const PendingPassages& pending) {
  const auto& name = parts.config.archival_store;
  auto asked = query;
  std::string failure;
  const std::string instead =
      query.text.empty() ? "all vectors are compared" : "words alone are searched";
  try {
    if (!parts.store) throw_unbound_store(parts);
    for (const auto& view : views) tell_store(parts, view.archive);
    auto page = ask_store(parts, views, asked, pending);
    home_->store_answered(name);
    if (page) return *std::move(page);
  } catch (const Unbound& error) {
    failure = std::string(error.what()) + "; until then " + instead;
  } catch (const StoreError& error) {
    failure = std::string(error.what()) + "; " + instead + " until it is to be had";
  }
  asked.proposed.reset();
  if (!failure.empty()) {
    if (!query.text.empty()) asked.vector.clear();
    home_->warn_of_store(name, failure);
  }
  return home_->indexes().search(*home_->journal(), views, parts.embedder->name(), asked, pending);
}

// None where it proposes too few that the head sees and that pass the filters.
std::optional<ArchivalPage> Agent::ask_store(const Parts& parts,
                                             const std::vector<ArchiveView>& views,
                                             ArchivalQuery& asked, const PendingPassages& pending) {
  const auto journal = home_->journal();
  auto& indexes = home_->indexes();
  const auto& embedder = *parts.embedder;
  auto wanted = static_cast<std::size_t>(asked.limit) + static_cast<std::size_t>(asked.offset);
  wanted = std::max(kAskedFor, wanted);
  if (wanted > kMostAskedFor) return std::nullopt;
  std::vector<Sight> sights;
  sights.reserve(views.size());
  for (const auto& view : views) sights.push_back(indexes.sight(*journal, view, pending));
  for (;;) {
    auto& proposed = asked.proposed.emplace();
    bool has_no_more = true;
    for (std::size_t i = 0; i < views.size(); ++i) {
      const auto found =
          parts.store->search(set_of(views[i].archive, embedder), asked.vector, wanted, sights[i]);
      has_no_more = has_no_more && found.size() < wanted;
      proposed.insert(proposed.end(), found.begin(), found.end());
    }
    auto page = indexes.search(*journal, views, embedder.name(), asked, pending);
    if (!page.too_few_proposed) return page;
    wanted *= kMoreEachTime;
    // So few pass that it is as well to compare them all.
    const bool few = page.total <= static_cast<std::int64_t>(wanted);
    if (has_no_more || few || wanted > kMostAskedFor) return std::nullopt;
  }
}

void Agent::throw_unbound_store(const Parts& parts) const {
  throw Unbound("agent \"" + name() + "\" needs its archival store \"" +
                parts.config.archival_store + "\": open it with home.agent(\"" + name() +
                "\", archival_store=...)");
}

bool Agent::catch_up_store() {
  const auto parts = this->parts();
  const auto& name = parts->config.archival_store;
  if (name.empty() || parts->config.embedding.empty()) return false;
  if (!parts->store) throw_unbound_store(*parts);
  check_bound_embedder();
  for (const auto& view : views_of(state().agent, ArchivalQuery().archive))
    tell_store(*parts, view.archive);
  home_->store_answered(name);
  return true;
}

// What an acknowledgement is lost of is told again: a store takes rows that it has.
void Agent::tell_store(const Parts& parts, const std::string& archive) {
  const auto journal = home_->journal();
  const auto& name = parts.config.archival_store;
  const auto set = set_of(archive, *parts.embedder);
  home_->tell_of_changes(*parts.store);
  journal->begin_telling(name, set);
  for (;;) {
    const auto batch = journal->untold(name, set, kToldAtOnce);
    if (batch.rows.ids.empty()) return;
    parts.store->insert(set, batch.rows);
    journal->acknowledge(name, set, batch);
    if (const auto& poll = home_->environment().outside.poll) poll();
  }
}

// The passages are filed, whatever becomes of this. A store that has failed is not waited for: the
// next search asks it again.
void Agent::tell_store_of_inserts(const AgentRow& row) {
  const auto parts = this->parts();
  const auto& name = parts->config.archival_store;
  if (!parts->store || !parts->embedder || home_->store_failed(name)) return;
  try {
    tell_store(*parts, row.archive);
  } catch (const StoreError& error) {
    home_->warn_of_store(
        name, std::string(error.what()) +
                  "; what was filed is in the journal, and the store is told of it by a search");
  }
}

void Home::rebuild() {
  journal()->tell_all_again();  // throws where the home is closed
  indexes_.clear();
  recall_.clear();
}

void Home::tell_of_changes(ArchivalStore& store) {
  const auto journal = this->journal();
  const auto name = store.name();
  while (const auto batch = journal->changed(name, kToldAtOnce)) {
    store.remove(batch->set, batch->ids);
    if (!batch->rows.ids.empty()) store.insert(batch->set, batch->rows);
    journal->acknowledge(name, *batch);
    if (environment_.outside.poll) environment_.outside.poll();
  }
}

void Home::warn_of_store(const std::string& store, const std::string& text) {
  {
    const std::scoped_lock lock(mutex_);
    auto& told = store_failures_[store];
    if (told.size() >= kWarnings || !told.insert(text).second) return;
  }
  if (environment_.outside.warn) environment_.outside.warn(text);
}

void Home::store_answered(const std::string& store) {
  const std::scoped_lock lock(mutex_);
  store_failures_.erase(store);
}

bool Home::store_failed(const std::string& store) {
  const std::scoped_lock lock(mutex_);
  return store_failures_.contains(store);
}

}  // namespace memgpt
