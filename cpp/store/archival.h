// Archival memory: passages by words and by meaning. Both indexes are derived from the journal's
// passages and embeddings.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/journal.h"
#include "store/lists_builder.h"
#include "store/passage_vectors.h"
#include "store/ranking.h"
#include "store/snippet.h"

namespace memgpt {

// One archive, as it is seen from a head.
struct ArchiveView {
  std::string archive;  // its id
  Head head;
  std::string name = "";  // of an archive that agents share; empty = the agent's own
};

struct ArchivalQuery {
  std::string text;           // empty = by the vector, or newest first where that is empty, too
  std::vector<float> vector;  // of unit length; empty = words alone
  double dense = 0;           // weight of the vectors beside the words
  // A store of the program's own has the index: vectors are read from the file one by one.
  bool from_file = false;
  // Ids of rows that it finds near, whatever they are; none: all that pass are compared.
  std::optional<std::vector<std::int64_t>> proposed;
  std::vector<std::string> tags;  // empty = no filter
  bool all_tags = false;          // all of them, else any
  // Keys of the metadata and the values that they have to have, as JSON.
  std::vector<std::pair<std::string, std::string>> metadata;
  std::optional<TimeUs> start;  // inclusive
  std::optional<TimeUs> end;    // exclusive
  int limit = 10;
  int offset = 0;
  AskedTimes times;  // that the text names
  RankingOptions ranking;
  // Which archive an agent looks into: the name of one, or "" for its own; none = all it has.
  std::optional<std::string> archive = {};
};

struct ArchivalHit {
  Passage passage;
  std::string archive;  // the name of the one that holds it; empty = the agent's own
  // Words and vectors, each as a share of the best hit's, in a weighted mean; without vectors the
  // words' own score, without a word in common the cosine.
  double score = 0;
  double similarity = 0;  // cosine of the vectors; 0 without them
  Snippet snippet;
  std::vector<std::pair<std::string, double>> terms;    // what the words' score is the sum of,
  std::vector<std::pair<std::string, double>> factors;  // times these
};

struct ArchivalPage {
  std::vector<ArchivalHit> hits;
  std::int64_t total = 0;  // visible passages that pass the filters
  // Of those that were proposed too few pass, and others would: nothing was ranked.
  bool too_few_proposed = false;
};

// What a step that is not committed yet has done to the passages.
struct PendingPassages {
  std::vector<Passage> inserted;
  std::vector<std::string> archives;  // of each, as in ArchivalHit
  std::vector<std::int64_t> retired;  // rows
};

struct ArchivalOptions {
  std::string folder;          // of the vectors' snapshots; empty: none are kept
  std::size_t exact = 50'000;  // up to so many passages that are seen the nearest vectors are exact
  std::size_t bytes = std::size_t{1} << 30;  // of memory, about, beside what a search uses
};

// Brought up to date from the journal before each search.
class ArchivalIndexes {
 public:
  explicit ArchivalIndexes(ArchivalOptions options);
  ~ArchivalIndexes();

  // One ranking over all of the archives. Passages that have no vector by the embedder, of the
  // query's dimension, are found by words.
  [[nodiscard]] ArchivalPage search(Journal& journal, const std::vector<ArchiveView>& views,
                                    const std::string& embedder, const ArchivalQuery& query,
                                    const PendingPassages& pending = {});
  // What a store of vectors may show of an archive.
  [[nodiscard]] Sight sight(Journal& journal, const ArchiveView& view,
                            const PendingPassages& pending);
  // How much a word says among the passages that are seen: BM25's idf of its stem; 0 where no
  // passage has it.
  [[nodiscard]] double idf(Journal& journal, const std::vector<ArchiveView>& views,
                           std::string_view word);
  // Drops the indexes and their files: the next searches make them anew.
  void clear();
  // The same of an archive's vectors by an embedder that is not used any more.
  void clear(Journal& journal, const VectorSet& vectors);
  // Stops what is done in the background; the next search may begin it again.
  void stop();
  // Waits for what is done in the background.
  void wait();

 private:
  struct Branch;
  // The rows of each branch of a line, read as far as the journal goes. Hold the mutex.
  struct Line {
    std::vector<SeenRows> parts;
    std::vector<Branch*> branches;       // one a part
    std::vector<std::string> archives;   // the name of each part's, as in ArchivalHit
    std::vector<std::uint32_t> retired;  // rows that were deleted, counted through; in order
  };
  // What a head sees of one archive.
  struct Segment {
    Branch* branch = nullptr;
    std::size_t rows = 0;
    std::size_t retired = 0;  // of Branch::retired
  };
  // Rows of an archive that were deleted, as the last search from a branch saw them: what was
  // deleted since is added.
  struct Retired {
    std::vector<std::pair<std::size_t, std::size_t>> seen;  // rows and retired of each segment
    std::vector<std::uint32_t> rows;
  };
  void forget();
  [[nodiscard]] std::vector<SeenVectors> vectors_of(Database& db, const Line& line,
                                                    const std::string& embedder,
                                                    std::size_t dimension);
  void improve(Database& db, Branch& branch, PassageVectors& vectors);
  void put_to_use(const VectorsKey& key, VectorSnapshot made);
  [[nodiscard]] Line catch_up(Journal& journal, Database& db,
                              const std::vector<ArchiveView>& views);
  [[nodiscard]] std::vector<Segment> segments_of(Journal& journal, Database& db,
                                                 const ArchiveView& view);
  [[nodiscard]] const std::vector<std::uint32_t>& retired_rows(
      const std::string& view, const std::vector<Segment>& segments);

  const ArchivalOptions options_;
  const VectorFiles files_;
  std::mutex mutex_;
  Vocabulary vocabulary_;
  std::unordered_map<std::string, std::unique_ptr<Branch>> branches_;  // by archive and branch
  std::unordered_map<std::string, Retired> retired_;                   // of heads on these branches
  std::uint64_t searches_ = 0;
  std::int64_t purge_ = 0;  // the newest when they were made
  std::unique_ptr<ListsBuilder> builder_;
};

}  // namespace memgpt
