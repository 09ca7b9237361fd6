// The vectors of the passages of one branch, by one embedder, and the search over those that a
// head sees.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/lists_builder.h"
#include "store/sqlite.h"
#include "store/vector_codes.h"
#include "store/vector_files.h"
#include "store/vector_lists.h"

namespace memgpt {

// Row i is the i-th passage of the branch, with or without a vector.
class PassageVectors {
 public:
  explicit PassageVectors(VectorsKey key) : key_(std::move(key)), codes_(key_.dimension) {}

  // Reads what the journal has since, at first from a snapshot where there is one. Throws
  // StoreError for a vector of the wrong size.
  void catch_up(Database& db, const VectorFiles& files);

  [[nodiscard]] const VectorsKey& key() const { return key_; }
  [[nodiscard]] const VectorCodes& codes() const { return codes_; }
  [[nodiscard]] const VectorLists* lists() const { return lists_.get(); }
  // Rows below listed_rows() that are in no list.
  [[nodiscard]] const std::vector<std::uint32_t>& left_out() const { return left_out_; }
  // Rows that the lists were made over.
  [[nodiscard]] std::size_t listed_rows() const { return listed_rows_; }
  [[nodiscard]] std::size_t bytes() const {
    return codes_.bytes() + (lists_ ? lists_->bytes() : 0);
  }

  // Lists to be made by another thread, over the rows of full blocks that are not `retired`,
  // which are in order. `id`: of the passage of a row.
  [[nodiscard]] std::optional<ListsJob> job(
      Database& db, const std::vector<std::uint32_t>& retired,
      const std::function<std::int64_t(std::size_t row)>& id) const;
  void use(VectorSnapshot made);
  bool in_work = false;  // one job at a time

 private:
  VectorsKey key_;
  VectorCodes codes_;
  std::shared_ptr<const VectorLists> lists_;
  std::size_t listed_rows_ = 0;
  std::vector<std::uint32_t> left_out_;
  std::int64_t last_id_ = 0;
};

// What a head sees of a branch's vectors; none where nothing of it has any.
struct SeenVectors {
  const PassageVectors* vectors = nullptr;
  std::size_t rows = 0;
};

// The nearest rows of a line, counted through, best first and ties newest first. `hidden` are as if
// they were not there, and `only` count where given; both in order. Up to `exact` rows that are
// seen, and where `only` leaves few of more, the nearest are found for certain.
[[nodiscard]] std::vector<NearRow> nearest(const std::vector<SeenVectors>& line,
                                           const CodedQuery& query, std::size_t wanted,
                                           const std::vector<std::uint32_t>* only,
                                           const std::vector<std::uint32_t>& hidden,
                                           std::size_t exact);

// Rounded, so that rows that are as near as each other are told apart by their age.
[[nodiscard]] double rounded_cosine(double cosine);

// Scales each row to unit length. Throws ConfigError for NaN, infinity or a wrong size.
void normalise_rows(std::vector<float>& rows, int dimension, std::size_t count,
                    const std::string& embedder);

}  // namespace memgpt
