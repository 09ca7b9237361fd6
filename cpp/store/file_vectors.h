// The vectors of passages where a store of the program's own has the index: read from the file one
// by one, and none is kept in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/sqlite.h"

namespace memgpt {

class FileVectors {
 public:
  // `query` and `db` must outlive it.
  FileVectors(Database& db, std::string embedder, const std::vector<float>& query)
      : db_(db), embedder_(std::move(embedder)), query_(query) {}

  // With the query; nothing where the passage has no vector of this length.
  [[nodiscard]] std::optional<double> cosine(std::int64_t id) const;
  // Places of the nearest in `ids`, in no order; each one is compared.
  [[nodiscard]] std::vector<std::size_t> nearest(const std::vector<std::int64_t>& ids,
                                                 std::size_t count) const;

 private:
  Database& db_;
  std::string embedder_;
  const std::vector<float>& query_;
};

}  // namespace memgpt
