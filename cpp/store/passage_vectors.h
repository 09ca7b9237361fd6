// The vectors of an archive's passages by one embedder, in a Faiss index.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/sqlite.h"

namespace faiss {
struct IndexFlatIP;
}

namespace memgpt {

class PassageVectors {
 public:
  PassageVectors();
  ~PassageVectors();

  // Reads what the journal has since. Throws StoreError for a vector of the wrong size.
  void catch_up(Database& db, const std::string& archive, const std::string& embedder,
                std::int64_t dimension);
  // The nearest of some passages, given in order of id.
  [[nodiscard]] std::vector<std::int64_t> nearest(const std::vector<std::int64_t>& among,
                                                  const std::vector<float>& vector,
                                                  std::size_t count) const;
  // Nothing where the passage has no vector.
  [[nodiscard]] std::optional<double> cosine(std::int64_t id,
                                             const std::vector<float>& vector) const;

 private:
  // Places in the Faiss index, and the passages' row ids, in order.
  std::unique_ptr<faiss::IndexFlatIP> faiss_;
  std::vector<std::int64_t> ids_;
};

// Scales each row to unit length. Throws ConfigError for NaN, infinity or a wrong size.
void normalise_rows(std::vector<float>& rows, int dimension, std::size_t count,
                    const std::string& embedder);

}  // namespace memgpt
