// One search of archival memory: the rows that the head sees, filtered, ranked, and put together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/archival.h"
#include "store/file_vectors.h"
#include "store/seen_rows.h"

namespace memgpt {

// None where the journal does not have it.
[[nodiscard]] std::optional<Passage> load_passage(Database& db, std::int64_t id);

struct ArchivalSearch {
  struct Scored {
    std::uint32_t row = 0;
    double score = 0;
    double similarity = 0;
    RankedRow ranked;
  };

  Database& db;
  const ArchivalQuery& query;
  const PendingPassages& pending;
  const Vocabulary& vocabulary;
  std::size_t exact;
  const std::string& embedder;        // of the query's vector
  std::vector<SeenRows> line;         // the last part: what is pending, if anything
  std::vector<std::string> archives;  // of each part that is committed
  std::vector<SeenVectors> vectors = {};
  CodedQuery coded = {};
  const FileVectors* in_file = nullptr;  // in their place
  std::size_t committed = 0;             // rows
  std::size_t rows = 0;                  // with those that are pending
  std::vector<std::uint32_t> hidden = {};
  // That are seen and pass the filters; nothing: all that are seen.
  std::optional<std::vector<std::uint32_t>> passing = {};
  std::vector<std::uint32_t> proposed = {};  // of these, by the program's own store
  RankRequest request = {};
  Ranking ranking = {};

  [[nodiscard]] std::int64_t key(std::uint32_t row) const;
  [[nodiscard]] std::string archive_of(std::uint32_t row) const;
  // Rows of one archive stand in the order in which they were filed; of several their ids tell.
  [[nodiscard]] bool is_newer(std::uint32_t a, std::uint32_t b) const;
  // Of the committed rows with these ids.
  [[nodiscard]] std::vector<std::uint32_t> rows_of(std::vector<std::int64_t> ids) const;

  // Finds out which rows pass.
  void filter();
  [[nodiscard]] std::vector<std::uint32_t> rows_in_time() const;
  [[nodiscard]] std::size_t count() const;  // of those that pass
  [[nodiscard]] bool passes(std::uint32_t row) const;
  // Those that wait for their commit.
  [[nodiscard]] std::vector<std::uint32_t> waiting() const;
  [[nodiscard]] std::size_t wanted() const;
  // False where too few of those pass that the program's own store proposes.
  [[nodiscard]] bool propose();

  // The three kinds of search, best first.
  [[nodiscard]] std::vector<Scored> newest() const;
  [[nodiscard]] std::vector<Scored> by_vector() const;
  [[nodiscard]] std::vector<Scored> best();

  [[nodiscard]] double similarity(std::uint32_t row) const;
  // Rows that are near by their vectors, in order; also those that wait for their commit.
  [[nodiscard]] std::vector<std::uint32_t> near(std::size_t wanted) const;
  [[nodiscard]] std::vector<Scored> fused(bool dense) const;
  void order(std::vector<Scored>& scored) const;
};

}  // namespace memgpt
