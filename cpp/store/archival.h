// Archival memory: passages by meaning. The Faiss index is derived from the journal's embeddings.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/journal.h"

namespace memgpt {

struct ArchivalQuery {
  std::vector<float> vector;      // of the text; empty = newest first
  std::vector<std::string> tags;  // any of them; empty = no filter
  std::optional<TimeUs> start;    // inclusive
  std::optional<TimeUs> end;      // exclusive
  int limit = 10;
  int offset = 0;
};

struct ArchivalHit {
  Passage passage;
  double score = 0;  // cosine
};

struct ArchivalPage {
  std::vector<ArchivalHit> hits;
  std::int64_t total = 0;  // visible passages that pass the filters
};

// One exact index an (archive, embedder), brought up to date from the journal before each search.
class ArchivalIndexes {
 public:
  ArchivalIndexes();
  ~ArchivalIndexes();

  // Throws StoreError where the query's dimension is not the index's.
  [[nodiscard]] ArchivalPage search(Journal& journal, const std::string& archive,
                                    const std::string& embedder, Head head,
                                    const ArchivalQuery& query);
  // Drops the indexes: the next searches make them anew.
  void clear();

 private:
  struct Index;
  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<Index>> indexes_;
  std::int64_t purge_ = 0;  // the newest when they were made
};

// The page as if passages of a step that is not committed yet were there: `page` holds the hits
// from the first on, `query` says which of them are wanted.
[[nodiscard]] ArchivalPage with_pending(ArchivalPage page, const std::vector<Passage>& pending,
                                        const ArchivalQuery& query);

// Scales each row to unit length. Throws ConfigError for NaN, infinity or a wrong size.
void normalise_rows(std::vector<float>& rows, int dimension, std::size_t count,
                    const std::string& embedder);

}  // namespace memgpt
