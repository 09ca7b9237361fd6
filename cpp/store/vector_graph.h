// A graph of near neighbours over vectors' codes (HNSW, Malkov and Yashunin 2016), by Faiss: a
// search that looks at few of many rows, and may miss some.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "store/vector_codes.h"

namespace memgpt {

class VectorGraph {
 public:
  // Links of a row on the lowest level: twice as many.
  static constexpr int kLinks = 32;

  ~VectorGraph();
  VectorGraph(const VectorGraph&) = delete;
  VectorGraph& operator=(const VectorGraph&) = delete;

  // Of some rows of full blocks, in order. Goes on from `grown` where that has no other rows.
  // Nothing where `go_on`, asked again and again, says no.
  [[nodiscard]] static std::shared_ptr<const VectorGraph> build(
      const VectorCodes& codes, std::vector<std::uint32_t> rows, const VectorGraph* grown,
      const std::function<bool()>& go_on);
  // From what links() and rows() gave. Nothing where they are no graph.
  [[nodiscard]] static std::shared_ptr<const VectorGraph> read(
      std::vector<std::uint32_t> rows, std::span<const std::int32_t> levels,
      std::span<const std::int32_t> neighbours, std::int32_t entry);

  struct Found {
    std::uint32_t row = 0;
    float estimate = 0;
  };
  // About the nearest of the rows that `seen` lets through. `effort`: how many rows are kept in
  // view; at least `wanted`.
  [[nodiscard]] std::vector<Found> search(const VectorCodes& codes, const CodedQuery& query,
                                          std::size_t wanted, std::size_t effort,
                                          const std::function<bool(std::uint32_t row)>& seen) const;

  [[nodiscard]] const std::vector<std::uint32_t>& rows() const { return rows_; }
  [[nodiscard]] std::span<const std::int32_t> levels() const;
  [[nodiscard]] std::span<const std::int32_t> neighbours() const;
  [[nodiscard]] std::int32_t entry() const;
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Faiss;
  VectorGraph();
  std::unique_ptr<Faiss> faiss_;
  std::vector<std::uint32_t> rows_;  // of the graph's places, in order
};

}  // namespace memgpt
