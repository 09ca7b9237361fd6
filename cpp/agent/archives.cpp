#include "agent/archives.h"

#include <algorithm>
#include <cmath>

#include "agent/agent.h"
#include "error.h"
#include "llm/embedder.h"
#include "memory/json.h"

namespace memgpt {

namespace {

// Bytes of a query that an embedder is given: it sees no more of a text than its beginning.
constexpr std::size_t kEmbeddedQuery = 4096;

struct ArchiveConfig {
  std::string description;
  std::string embedding;
  int embedding_dimension = 0;
};

std::string to_json(const ArchiveConfig& config) {
  return json::serialize(json::object{{"description", config.description},
                                      {"embedding", config.embedding},
                                      {"embedding_dimension", config.embedding_dimension}});
}

ArchiveConfig config_of(Journal& journal, const std::string& archive_id) {
  boost::system::error_code error;
  const auto value = json::parse(journal.newest_config(archive_id), error);
  if (error || !value.is_object())
    throw StoreError("an archive's configuration in this file is not JSON; restore it from a copy");
  const auto& object = value.as_object();
  return {string_or(object, "description"), string_or(object, "embedding"),
          static_cast<int>(int_or(object, "embedding_dimension", 0))};
}

bool makes_vectors_of(const Embedder* embedder, const ArchiveConfig& config) {
  return embedder != nullptr && embedder->name() == config.embedding &&
         embedder->dimension() == config.embedding_dimension;
}

// The caller's, and none that the embedder has returned.
void check_given_vector(const std::vector<float>& vector, const Embedder& embedder) {
  const auto dimension = static_cast<std::size_t>(std::max(0, embedder.dimension()));
  if (vector.size() != dimension)
    throw InvalidInput("the vector has " + std::to_string(vector.size()) +
                       " numbers, and those of embedder \"" + embedder.name() + "\" have " +
                       std::to_string(dimension) + "; give one that it has made");
  if (!std::all_of(vector.begin(), vector.end(), [](float x) { return std::isfinite(x); }))
    throw InvalidInput("the vector holds NaN or infinity; give finite float32 numbers");
  if (std::all_of(vector.begin(), vector.end(), [](float x) { return x == 0; }))
    throw InvalidInput("the vector is only zeros, which point nowhere; give another one");
}

std::string shown(const std::string& text) {
  return '"' + std::string(utf8_prefix(text, 200)) + '"';
}

}  // namespace

void check_archive_name(const std::string& name) {
  check_utf8(name, "the archive's name");
  const bool printable =
      std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (is_blank(name) || !printable || count_characters(name) > 200)
    throw ConfigError("an archive's name is 1 to 200 characters of one line");
}

ArchivalQuery embedded_query(Home& home, const std::vector<ArchiveView>& views, Embedder* embedder,
                             const std::string& text, ArchivalQuery query) {
  const auto journal = home.journal();
  query.text = is_blank(text) ? "" : text;
  query.dense = query.ranking.dense.value_or(embedder != nullptr ? embedder->weight() : 1);
  if (!query.vector.empty() && embedder != nullptr) {
    check_given_vector(query.vector, *embedder);
    normalise_rows(query.vector, embedder->dimension(), 1, embedder->name());
  } else if (query.dense > 0 && embedder != nullptr && !query.text.empty()) {
    query.vector = embedder->embed_query(
        std::string(utf8_prefix(text, kEmbeddedQuery)),
        [&](std::string_view word) { return home.indexes().idf(*journal, views, word); });
    normalise_rows(query.vector, embedder->dimension(), 1, embedder->name());
  }
  return query;
}

ArchivalPage search_archives(Home& home, const std::vector<ArchiveView>& views, Embedder* embedder,
                             const std::string& text, ArchivalQuery query,
                             const PendingPassages& pending) {
  query = embedded_query(home, views, embedder, text, std::move(query));
  return home.indexes().search(*home.journal(), views, embedder != nullptr ? embedder->name() : "",
                               query, pending);
}

AgentRow Archive::row() const {
  if (auto row = home_->journal()->archive(id_)) return *std::move(row);
  throw ArchiveNotFound("this archive was deleted; its name is free for a new one");
}

std::string Archive::description() const {
  static_cast<void>(row());
  return config_of(*home_->journal(), id_).description;
}

std::string Archive::embedding() const {
  static_cast<void>(row());
  return config_of(*home_->journal(), id_).embedding;
}

int Archive::embedding_dimension() const {
  static_cast<void>(row());
  return config_of(*home_->journal(), id_).embedding_dimension;
}

std::int64_t Archive::size() const { return home_->journal()->passages(row()); }

std::vector<std::pair<std::string, bool>> Archive::agents() const {
  static_cast<void>(row());
  return home_->journal()->agents_with(id_);
}

void Archive::rename(const std::string& name) {
  check_archive_name(name);
  if (row().name != name) home_->journal()->rename(id_, name, AgentKind::archive);
}

void Archive::describe(const std::string& description) {
  check_utf8(description, "the archive's description");
  auto config = config_of(*home_->journal(), id_);
  if (config.description == description) return;
  config.description = description;
  edit([&](Commit& commit) {
    commit.step.kind = "config";
    commit.config = to_json(config);
  });
}

void Archive::bind(const std::shared_ptr<Embedder>& embedder) {
  const auto config = config_of(*home_->journal(), id_);
  if (!makes_vectors_of(embedder.get(), config))
    throw ConfigError("the vectors of archive " + shown(row().name) + " are made by " +
                      (config.embedding.empty() ? "no embedder" : '"' + config.embedding + '"') +
                      "; others cannot be compared with them. Open it with the embedder it has");
  home_->bind_archive(id_, embedder);
}

std::shared_ptr<Embedder> Archive::embedder(const std::shared_ptr<Embedder>& known) const {
  const auto config = config_of(*home_->journal(), id_);
  if (config.embedding.empty()) return nullptr;
  if (auto bound = home_->archive_embedder(id_)) return bound;
  const auto by_handle =
      embedder_for(config.embedding, config.embedding_dimension, home_->environment().outside);
  for (const auto& embedder : {known, by_handle})
    if (makes_vectors_of(embedder.get(), config)) {
      home_->bind_archive(id_, embedder);
      return embedder;
    }
  const auto name = shown(row().name);
  throw Unbound("archive " + name + " needs its embedder \"" + config.embedding +
                "\": open it with home.archive(" + name + ", embedding=...)");
}

// Made again from what there is now, where somebody else came first.
template <typename Edit>
void Archive::edit(Edit&& change) {
  const auto journal = home_->journal();
  for (int tries = 0;; ++tries) {
    static_cast<void>(row());
    const auto purge = journal->newest_purge();
    Commit commit;
    commit.agent_id = id_;
    commit.step.kind = "edit";
    commit.step.author = "user";
    commit.step.time_us = home_->environment().now_us();
    change(commit);
    try {
      journal->commit_archive(commit, purge);
      return;
    } catch (const Conflict&) {
      if (tries == kMaxOvertaken) throw;
    }
  }
}

Passage Archive::insert_passage(NewPassage item) {
  return file_new({checked_passage(std::move(item), filing())}, {}).front();
}

std::vector<Passage> Archive::insert_passages(const std::vector<NewPassage>& items,
                                              const Progress& progress) {
  return file_new(checked_passages(items, filing()), progress);
}

Filing Archive::filing() const {
  const auto& environment = home_->environment();
  return {environment.new_uuid, environment.now_us(), "user", Trust::user};
}

std::vector<Passage> Archive::file_new(std::vector<Passage> passages, const Progress& progress) {
  static_cast<void>(row());
  embed_and_file(*home_->journal(), embedder(nullptr).get(), passages, progress,
                 [&] { file(passages); });
  return passages;
}

void Archive::file(const std::vector<Passage>& passages) {
  edit([&](Commit& commit) {
    commit.passages.insert(commit.passages.end(), passages.begin(), passages.end());
  });
}

std::optional<PassageRow> Archive::find(const std::string& id) const {
  const auto journal = home_->journal();
  return journal->find_passage(row(), id, config_of(*journal, id_).embedding);
}

PassageRow Archive::found(const std::string& id) const {
  check_utf8(id, "the passage's id");
  if (auto row = find(id)) return *std::move(row);
  throw PassageNotFound("archive " + shown(row().name) + " has no passage " + shown(id) +
                        ": it never had, or it was deleted; archive.search() finds those that it "
                        "has");
}

Passage Archive::passage(const std::string& id) const { return found(id).passage; }

Passage Archive::update_passage(const std::string& id, const PassageChange& change) {
  check_change(change);
  Passage made;
  if (change.text) {
    static_cast<void>(row());
    made.text = *change.text;
    embed(made, embedder(nullptr).get());
  }
  Passage updated;
  edit([&](Commit& commit) {
    auto before = found(id);
    updated = changed(before.passage, change, made, "user", Trust::user);
    retire(commit, std::move(before), "user");
    commit.passages.push_back(updated);
  });
  return updated;
}

void Archive::delete_passage(const std::string& id) {
  edit([&](Commit& commit) { retire(commit, found(id), "user"); });
}

ArchivalPage Archive::search_archival(const std::string& text, ArchivalQuery query) const {
  check_utf8(text, "the query");
  query.times = asked_times_on([](TimeUs) { return 0; }, text, home_->environment().now_us());
  const auto now = row();
  const bool by_words = query.vector.empty();
  const auto embedder = by_words && is_blank(text) ? nullptr : this->embedder(nullptr);
  if (!by_words && !embedder)
    throw ConfigError("archive " + shown(now.name) +
                      " has no embedder: its passages have no vectors; search it by words");
  return search_archives(*home_, {{id_, now.head, now.name}}, embedder.get(), text,
                         std::move(query), {});
}

UtcSpan Archive::date_span(const std::string& text) const {
  return parse_date_in(text, home_->environment().now_us(), [](TimeUs) { return 0; });
}

std::shared_ptr<Archive> Home::create_archive(const std::string& name,
                                              const std::string& description,
                                              const std::shared_ptr<Embedder>& embedder) {
  check_archive_name(name);
  check_utf8(description, "the archive's description");
  ArchiveConfig config{description, "", 0};
  if (embedder) {
    config.embedding = embedder->name();
    config.embedding_dimension = embedder->dimension();
  }
  Commit first;
  first.step.kind = "create";
  first.step.author = "user";
  first.step.time_us = environment_.now_us();
  first.step.config = 1;
  first.step.passages = 0;
  first.config = to_json(config);
  const std::string id = "archive-" + environment_.new_uuid();
  static_cast<void>(journal()->create_agent(id, name, std::move(first), AgentKind::archive));
  if (embedder) bind_archive(id, embedder);
  return std::make_shared<Archive>(shared_from_this(), id);
}

std::shared_ptr<Archive> Home::archive(const std::string& name) {
  const auto journal = this->journal();
  if (const auto row = journal->find_agent(name, AgentKind::archive))
    return std::make_shared<Archive>(shared_from_this(), row->id);
  std::string names;
  for (const auto& row : journal->agents(AgentKind::archive))
    names += (names.empty() ? "" : ", ") + row.name;
  throw ArchiveNotFound("there is no archive " + shown(name) + " in \"" + path_ +
                        "\"; archives are: " + (names.empty() ? "none" : names));
}

std::vector<std::shared_ptr<Archive>> Home::archives() {
  std::vector<std::shared_ptr<Archive>> archives;
  for (const auto& row : journal()->agents(AgentKind::archive))
    archives.push_back(std::make_shared<Archive>(shared_from_this(), row.id));
  return archives;
}

void Home::delete_archive(const std::string& name) {
  const auto archive = this->archive(name);
  journal()->delete_archive(archive->id(), environment_.now_us());
  bind_archive(archive->id(), nullptr);
}

}  // namespace memgpt
