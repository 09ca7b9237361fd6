// Archives that agents share: passages in a line of history of their own, beside those of agents.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/home.h"
#include "agent/passages.h"
#include "memory/dates.h"

namespace memgpt {

// Throws ConfigError: 1 to 200 characters, none of them a control character.
void check_archive_name(const std::string& name);

// One ranking over all that is seen of the archives; the query's vector is the embedder's, which
// may be null: then by words alone.
[[nodiscard]] ArchivalQuery embedded_query(Home& home, const std::vector<ArchiveView>& views,
                                           Embedder* embedder, const std::string& text,
                                           ArchivalQuery query);
[[nodiscard]] ArchivalPage search_archives(Home& home, const std::vector<ArchiveView>& views,
                                           Embedder* embedder, const std::string& text,
                                           ArchivalQuery query, const PendingPassages& pending);

// A handle: the journal holds all that it is. Every call throws ArchiveNotFound once it is deleted.
// What it changes is a commit of its own by the author "user", behind whatever others have
// committed by then. Used by any number of threads and processes at once.
class Archive {
 public:
  Archive(std::shared_ptr<Home> home, std::string id)
      : home_(std::move(home)), id_(std::move(id)) {}
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] std::shared_ptr<Home> home() const { return home_; }
  [[nodiscard]] AgentRow row() const;
  [[nodiscard]] std::string description() const;
  [[nodiscard]] std::string embedding() const;  // the embedder's name; empty = none
  [[nodiscard]] int embedding_dimension() const;
  [[nodiscard]] std::int64_t size() const;
  // Names of the agents that have it, and whether to read only.
  [[nodiscard]] std::vector<std::pair<std::string, bool>> agents() const;
  // Throws AlreadyExists.
  void rename(const std::string& name);
  void describe(const std::string& description);
  // The embedder that made its vectors. Throws ConfigError for another one.
  void bind(const std::shared_ptr<Embedder>& embedder);
  // Null where it has none. `known`: one that may be it. Throws Unbound where it is not to be had.
  [[nodiscard]] std::shared_ptr<Embedder> embedder(const std::shared_ptr<Embedder>& known) const;

  [[nodiscard]] Passage insert_passage(NewPassage item);
  // All in one commit, or none, as of an agent.
  [[nodiscard]] std::vector<Passage> insert_passages(const std::vector<NewPassage>& items,
                                                     const Progress& progress);
  void file(const std::vector<Passage>& passages);  // that are made already
  // They throw PassageNotFound.
  [[nodiscard]] Passage passage(const std::string& id) const;
  [[nodiscard]] Passage update_passage(const std::string& id, const PassageChange& change);
  void delete_passage(const std::string& id);
  [[nodiscard]] ArchivalPage search_archival(const std::string& text, ArchivalQuery query) const;
  // The span of time that a text names, from now on in UTC. Throws InvalidInput.
  [[nodiscard]] UtcSpan date_span(const std::string& text) const;
  // None where it is not seen.
  [[nodiscard]] std::optional<PassageRow> find(const std::string& id) const;

 private:
  template <typename Edit>
  void edit(Edit&& change);
  [[nodiscard]] PassageRow found(const std::string& id) const;
  [[nodiscard]] Filing filing() const;
  [[nodiscard]] std::vector<Passage> file_new(std::vector<Passage> passages,
                                              const Progress& progress);

  std::shared_ptr<Home> home_;
  std::string id_;
};

}  // namespace memgpt
