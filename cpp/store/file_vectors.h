// The vectors of passages where a store of the program's own has the index: read from the file one
// by one, and none is kept in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "store/sqlite.h"
#include "store/vector_codes.h"

namespace memgpt {

class FileVectors {
 public:
  // `db` must outlive it.
  FileVectors(Database& db, std::string embedder, std::span<const float> query)
      : db_(db), embedder_(std::move(embedder)), query_(code_query(query)) {}

  // With the query, as PassageVectors has it; nothing where the passage has no vector of this
  // length.
  [[nodiscard]] std::optional<double> cosine(std::int64_t id) const;

 private:
  Database& db_;
  std::string embedder_;
  CodedQuery query_;
};

// The nearest of the rows that it is offered; each one is compared.
class NearestInFile {
 public:
  NearestInFile(const FileVectors& vectors, std::size_t wanted)
      : vectors_(vectors), wanted_(wanted) {}
  void offer(std::uint32_t row, std::int64_t id);
  // In no order; of those that are as near as each other, the newest.
  [[nodiscard]] std::vector<std::uint32_t> rows();

 private:
  void cut();

  const FileVectors& vectors_;
  std::size_t wanted_;
  std::vector<std::pair<double, std::uint32_t>> kept_;  // cosine, row
};

}  // namespace memgpt
