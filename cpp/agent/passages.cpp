// Many passages at once, and vectors by another embedder: work that takes long, and goes on where
// it was broken off.
#include "agent/passages.h"

#include <chrono>

#include "agent/agent.h"
#include "error.h"
#include "store/passage_vectors.h"

namespace memgpt {

namespace {

// Texts that an embedder is given at once.
constexpr std::size_t kBatch = 256;
// A batch that took longer is worth keeping until its commit.
constexpr std::chrono::milliseconds kWorthStaging{250};
// Passages without a vector that are left to the time when the agent's turn is held.
constexpr std::int64_t kLastFew = 64;

std::vector<float> embed_rows(Embedder& embedder, const std::vector<std::string>& texts) {
  auto rows = embedder.embed(texts);
  normalise_rows(rows, embedder.dimension(), texts.size(), embedder.name());
  return rows;
}

}  // namespace

void check_passage_text(const std::string& text) {
  check_utf8(text, "the passage");
  if (is_blank(text)) throw InvalidInput("the passage is empty: give it a text");
}

void check_tags(const std::vector<std::string>& tags) {
  for (const auto& tag : tags) check_utf8(tag, "a tag");
}

void check_change(const PassageChange& change) {
  if (!change.text && !change.tags && !change.metadata)
    throw InvalidInput("nothing is to be changed: give text, tags or metadata");
  if (change.text) check_passage_text(*change.text);
  if (change.tags) check_tags(*change.tags);
}

std::vector<Passage> checked_passages(const std::vector<NewPassage>& items,
                                      const std::function<std::string()>& new_uuid, TimeUs time_us,
                                      const std::string& author, Trust trust) {
  std::vector<Passage> passages;
  passages.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& item = items[i];
    try {
      check_passage_text(item.text);
      check_tags(item.tags);
    } catch (const InvalidInput& error) {
      throw InvalidInput("item " + std::to_string(i + 1) + " of " + std::to_string(items.size()) +
                         ": " + error.what() + "; nothing was stored");
    }
    auto& passage = passages.emplace_back();
    passage.id = "passage-" + new_uuid();
    passage.text = item.text;
    passage.tags = item.tags;
    passage.metadata = item.metadata;
    passage.time_us = item.time_us.value_or(time_us);
    passage.author = author;
    passage.trust = trust;
  }
  return passages;
}

std::vector<Passage> Agent::insert_passages(const std::vector<NewPassage>& items,
                                            const Progress& progress) {
  check_bound_embedder();
  const bool inside = turn_.held_by_this_thread();
  const auto& environment = home_->environment();
  auto passages =
      checked_passages(items, environment.new_uuid, inside ? now_us() : environment.now_us(),
                       inside ? "agent" : "user", inside ? Trust::model : Trust::user);
  if (passages.empty()) return passages;
  const auto journal = home_->journal();
  // The embedder may be slow: it runs before the turn is taken.
  const auto staged = embed_all(*journal, parts()->embedder.get(), passages, progress);
  file_passages(passages);
  if (!staged.empty()) journal->drop_staged(passages.front().embedder, staged);
  return passages;
}

void embed(Passage& passage, Embedder* embedder) {
  if (embedder == nullptr) return;
  passage.embedder = embedder->name();
  passage.vector = embedder->embed({passage.text});
  normalise_rows(passage.vector, embedder->dimension(), 1, passage.embedder);
}

void retire(Commit& commit, PassageRow row, const std::string& author) {
  if (row.id == 0) {
    std::erase_if(commit.passages,
                  [&](const Passage& filed) { return filed.id == row.passage.id; });
    return;
  }
  row.retired_by = author;
  commit.retired.push_back(std::move(row));
}

Passage changed(Passage passage, const PassageChange& change, const Passage& embedded,
                const std::string& author, Trust trust) {
  if (change.text) {
    passage.text = embedded.text;
    passage.embedder = embedded.embedder;
    passage.vector = embedded.vector;
  }
  if (change.tags) passage.tags = *change.tags;
  if (change.metadata) passage.metadata = *change.metadata;
  passage.author = author;
  passage.trust = trust;
  return passage;
}

std::vector<Digest> embed_all(Journal& journal, Embedder* embedder, std::vector<Passage>& passages,
                              const Progress& progress) {
  std::vector<Digest> staged;
  if (embedder == nullptr) return staged;
  const auto name = embedder->name();
  const auto width = static_cast<std::size_t>(embedder->dimension());
  for (std::size_t begin = 0; begin < passages.size(); begin += kBatch) {
    const auto end = std::min(begin + kBatch, passages.size());
    std::vector<Digest> digests;
    digests.reserve(end - begin);
    for (auto i = begin; i < end; ++i) digests.push_back(sha256(passages[i].text));
    auto known = journal.staged_vectors(name, width, digests);
    std::vector<std::string> texts;
    std::vector<Digest> made;
    std::vector<std::size_t> places;
    for (auto i = begin; i < end; ++i) {
      auto& passage = passages[i];
      passage.embedder = name;
      passage.vector = std::move(known[i - begin]);
      if (passage.vector.empty()) {
        texts.push_back(passage.text);
        made.push_back(digests[i - begin]);
        places.push_back(i);
      } else {
        staged.push_back(digests[i - begin]);
      }
    }
    if (!texts.empty()) {
      const auto before = std::chrono::steady_clock::now();
      const auto rows = embed_rows(*embedder, texts);
      for (std::size_t i = 0; i < places.size(); ++i)
        passages[places[i]].vector.assign(
            rows.begin() + static_cast<std::ptrdiff_t>(i * width),
            rows.begin() + static_cast<std::ptrdiff_t>((i + 1) * width));
      const bool last = end == passages.size() && staged.empty();
      if (!last && std::chrono::steady_clock::now() - before > kWorthStaging) {
        journal.stage_vectors(name, made, rows);
        staged.insert(staged.end(), made.begin(), made.end());
      }
    }
    if (progress) progress(end, passages.size());
  }
  return staged;
}

Reembedded Agent::reembed_some(Embedder& embedder) {
  const auto name = embedder.name();
  const auto journal = home_->journal();
  journal->check_dimension(name, static_cast<std::size_t>(std::max(0, embedder.dimension())));
  const auto archive = state().agent.archive;
  const auto rows = journal->without_vector(archive, name, 0, static_cast<std::int64_t>(kBatch));
  if (!rows.empty()) {
    std::vector<std::string> texts;
    texts.reserve(rows.size());
    for (const auto& row : rows) texts.push_back(row.passage.text);
    journal->add_vectors(archive, name, rows, embed_rows(embedder, texts));
  }
  return {static_cast<std::int64_t>(rows.size()), journal->count_without_vector(archive, name)};
}

bool Agent::finish_reembedding(const std::shared_ptr<Embedder>& embedder) {
  if (turn_.held_by_this_thread())
    throw Reentrant("agent \"" + name_ +
                    "\" is in the middle of a step; its embedder is changed between turns");
  const auto hold = take_turn();
  refresh();
  const auto archive = state().agent.archive;
  if (home_->journal()->count_without_vector(archive, embedder->name()) > kLastFew) return false;
  while (reembed_some(*embedder).left > 0) {
  }
  Parts changed = *parts();
  changed.embedder = embedder;
  changed.config.embedding = embedder->name();
  changed.config.embedding_dimension = embedder->dimension();
  adopt(std::move(changed));
  return true;
}

}  // namespace memgpt
