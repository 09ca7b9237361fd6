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
// What took longer is worth keeping until its commit, where a text takes longer than it does to
// write its vector.
constexpr std::chrono::milliseconds kWorthStaging{250};
constexpr std::chrono::microseconds kSlowText{100};
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

Passage checked_passage(NewPassage item, const Filing& filing) {
  check_passage_text(item.text);
  check_tags(item.tags);
  Passage passage;
  passage.id = "passage-" + filing.new_uuid();
  passage.text = std::move(item.text);
  passage.tags = std::move(item.tags);
  passage.metadata = std::move(item.metadata);
  passage.time_us = item.time_us.value_or(filing.time_us);
  passage.author = filing.author;
  passage.trust = filing.trust;
  return passage;
}

std::vector<Passage> checked_passages(const std::vector<NewPassage>& items, const Filing& filing) {
  std::vector<Passage> passages;
  passages.reserve(items.size());
  for (const auto& item : items) {
    try {
      passages.push_back(checked_passage(item, filing));
    } catch (const InvalidInput& error) {
      throw InvalidInput("item " + std::to_string(passages.size() + 1) + " of " +
                         std::to_string(items.size()) + ": " + error.what() +
                         "; nothing was stored");
    }
  }
  return passages;
}

Filing Agent::filing(const std::string& by_model) {
  const auto& environment = home_->environment();
  if (turn_.held_by_this_thread()) return {environment.new_uuid, now_us(), by_model, Trust::model};
  return {environment.new_uuid, environment.now_us(), "user", Trust::user};
}

Passage Agent::insert_passage(NewPassage item, const std::string& archive) {
  if (!archive.empty()) {
    const auto attached = find_attached(archive);
    return file_shared(attached, {checked_passage(std::move(item), filing(this->name()))}, {})
        .front();
  }
  check_bound_embedder();
  // The embedder may be slow: it runs before the turn is taken.
  auto passage = checked_passage(std::move(item), filing("agent"));
  embed(passage, parts()->embedder.get());
  file_passages({passage});
  return passage;
}

std::vector<Passage> Agent::insert_passages(const std::vector<NewPassage>& items,
                                            const std::string& archive, const Progress& progress) {
  if (!archive.empty()) {
    const auto attached = find_attached(archive);
    return file_shared(attached, checked_passages(items, filing(this->name())), progress);
  }
  check_bound_embedder();
  auto passages = checked_passages(items, filing("agent"));
  embed_and_file(*home_->journal(), parts()->embedder.get(), passages, progress,
                 [&] { file_passages(passages); });
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

namespace {

// Gives the digests of texts whose vectors are staged until their commit.
std::vector<Digest> embed_all(Journal& journal, Embedder* embedder, std::vector<Passage>& passages,
                              const Progress& progress) {
  std::vector<Digest> staged;
  if (embedder == nullptr) return staged;
  std::vector<Digest> not_staged;
  std::vector<float> not_staged_rows;
  std::chrono::steady_clock::duration spent{0};
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
      spent += std::chrono::steady_clock::now() - before;
      not_staged.insert(not_staged.end(), made.begin(), made.end());
      not_staged_rows.insert(not_staged_rows.end(), rows.begin(), rows.end());
      const bool last = end == passages.size() && staged.empty();
      if (!last && spent > kWorthStaging &&
          spent > kSlowText * static_cast<std::int64_t>(not_staged.size())) {
        journal.stage_vectors(name, not_staged, not_staged_rows);
        staged.insert(staged.end(), not_staged.begin(), not_staged.end());
      }
      if (spent > kWorthStaging) {
        not_staged.clear();
        not_staged_rows.clear();
        spent = {};
      }
    }
    if (progress) progress(end, passages.size());
  }
  return staged;
}

}  // namespace

void embed_and_file(Journal& journal, Embedder* embedder, std::vector<Passage>& passages,
                    const Progress& progress, const std::function<void()>& file) {
  if (passages.empty()) return;
  const auto staged = embed_all(journal, embedder, passages, progress);
  file();
  if (!staged.empty()) journal.drop_staged(passages.front().embedder, staged);
}

std::int64_t Agent::to_reembed(Embedder& embedder) {
  const auto name = embedder.name();
  const auto journal = home_->journal();
  journal->check_dimension(name, static_cast<std::size_t>(std::max(0, embedder.dimension())));
  return journal->count_without_vector(state().agent.archive, name);
}

Reembedded Agent::reembed_some(Embedder& embedder, std::int64_t after) {
  const auto name = embedder.name();
  const auto journal = home_->journal();
  const auto archive = state().agent.archive;
  const auto rows =
      journal->without_vector(archive, name, after, static_cast<std::int64_t>(kBatch));
  if (rows.empty()) return {};
  std::vector<std::string> texts;
  texts.reserve(rows.size());
  for (const auto& row : rows) texts.push_back(row.passage.text);
  journal->add_vectors(archive, name, rows, embed_rows(embedder, texts));
  return {static_cast<std::int64_t>(rows.size()), rows.back().id};
}

bool Agent::finish_reembedding(const std::shared_ptr<Embedder>& embedder) {
  if (turn_.held_by_this_thread())
    throw Reentrant("agent \"" + this->name() +
                    "\" is in the middle of a step; its embedder is changed between turns");
  const auto hold = take_turn();
  refresh();
  if (to_reembed(*embedder) > kLastFew) return false;
  for (Reembedded some; (some = reembed_some(*embedder, some.last)).made > 0;) {
  }
  const auto before = parts()->config;
  Parts changed = *parts();
  changed.embedder = embedder;
  changed.config.embedding = embedder->name();
  changed.config.embedding_dimension = embedder->dimension();
  adopt(std::move(changed));
  // Forks that keep the old one have theirs made anew.
  if (!before.embedding.empty() && before.embedding != embedder->name())
    home_->indexes().clear(*home_->journal(),
                           {state().agent.archive, before.embedding, before.embedding_dimension});
  return true;
}

}  // namespace memgpt
