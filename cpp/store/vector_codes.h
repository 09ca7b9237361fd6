// Vectors as whole numbers: two of 8 bits a dimension, of which the first alone gives an estimate
// with a known slack. So a search reads a quarter of what floats would take, misses nothing by it,
// and gives the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace memgpt {

struct CodedQuery {
  std::vector<std::int16_t> codes;
  double step = 0;    // that one of the codes stands for
  double length = 0;  // of what the codes stand for; about 1
};

// Of a vector of unit length.
[[nodiscard]] CodedQuery code_query(std::span<const float> vector);

// Rows of one dimension, in order; a row may have no vector. They only grow.
class VectorCodes {
 public:
  // What a row's codes stand for: scale * (high + low / kFiner).
  struct Row {
    float scale = 0;  // 0: there is no vector
    float rest = 0;   // length of what `low` stands for
  };
  static constexpr double kFiner = 254;
  static constexpr std::size_t kBlockRows = 1024;
  // A block of rows, wherever they lie. All but the last one are full, and stay as they are.
  struct Block {
    const Row* rows = nullptr;
    const std::int8_t* high = nullptr;
    const std::int8_t* low = nullptr;
    std::shared_ptr<const void> owner;
  };

  explicit VectorCodes(std::size_t dimension) : dimension_(dimension) {}

  [[nodiscard]] std::size_t dimension() const { return dimension_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // A vector of unit length; empty where the row has none.
  void add(std::span<const float> vector);
  // Full blocks that somebody else holds, in place of the first ones.
  void replace(std::span<const Block> blocks);
  // The full blocks, which another thread may read.
  [[nodiscard]] VectorCodes full_blocks() const;
  [[nodiscard]] std::span<const Block> blocks() const { return blocks_; }

  [[nodiscard]] const Row& row(std::size_t at) const {
    return blocks_[at / kBlockRows].rows[at % kBlockRows];
  }
  [[nodiscard]] const std::int8_t* high(std::size_t at) const {
    return blocks_[at / kBlockRows].high + at % kBlockRows * dimension_;
  }
  [[nodiscard]] const std::int8_t* low(std::size_t at) const {
    return blocks_[at / kBlockRows].low + at % kBlockRows * dimension_;
  }
  // By the high codes; the cosine is not further away than the slack.
  [[nodiscard]] double estimate(std::size_t at, const CodedQuery& query) const;
  [[nodiscard]] double slack(std::size_t at, const CodedQuery& query) const {
    return slack(row(at), query);
  }
  [[nodiscard]] static double slack(const Row& row, const CodedQuery& query);
  // Within 1e-4 of the cosine of the floats, mostly within 1e-5.
  [[nodiscard]] double cosine(std::size_t at, const CodedQuery& query) const;
  // As floats, by the high codes.
  void decode(std::size_t at, float* vector) const;
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Owned {
    std::vector<Row> rows;
    std::vector<std::int8_t> high;
    std::vector<std::int8_t> low;
  };
  std::size_t dimension_;
  std::size_t size_ = 0;
  std::vector<Block> blocks_;
  std::shared_ptr<Owned> open_;  // the last block, while it is not full
};

// A row of several codes, counted through, and how near it is.
struct NearRow {
  std::uint32_t number = 0;
  double cosine = 0;
};

// Gathers the nearest of the rows that it is offered, by their estimates.
class NearestRows {
 public:
  explicit NearestRows(std::size_t wanted) : wanted_(wanted) {}
  void offer(std::uint32_t number, double estimate, double slack) {
    if (estimate + slack < least_) return;
    keep(number, estimate, slack);
  }
  // Numbers of the rows that may be among the nearest; no other is.
  [[nodiscard]] std::vector<std::uint32_t> candidates() const;
  // Below it a row is not among the nearest, whatever its slack allows.
  [[nodiscard]] double least() const { return least_; }

 private:
  void keep(std::uint32_t number, double estimate, double slack);

  struct Candidate {
    std::uint32_t number = 0;
    double most = 0;
  };
  std::size_t wanted_;
  double least_ = -3;
  std::vector<Candidate> kept_;
  std::vector<double> lowest_;  // a heap of the best lower bounds, the worst first
};

}  // namespace memgpt
