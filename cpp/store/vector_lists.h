// Inverted lists over vectors' codes: each row in the list of the nearest of some centres, which
// Faiss's k-means finds. A search looks into the lists of the nearest centres, and may miss some:
// how many rows it has to look at for that to be few is measured on the vectors themselves.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "store/vector_codes.h"

namespace memgpt {

class VectorLists {
 public:
  // Of rows of `codes`, in order. Keeps the centres of `grown` where it has half of the rows.
  // `go_on`, asked again and again, says whether to; nothing where it did not.
  [[nodiscard]] static std::shared_ptr<const VectorLists> build(
      const VectorCodes& codes, const std::vector<std::uint32_t>& rows, const VectorLists* grown,
      const std::function<bool()>& go_on);

  // Scaled by the row's scale: a centre.
  struct Centres {
    std::vector<float> scales;
    std::vector<std::int8_t> codes;  // of one after the other
    [[nodiscard]] std::size_t nearest(const CodedQuery& query,
                                      std::vector<std::int32_t>& sums) const;
  };
  // The rows' codes once more, list by list: a search reads on instead of going anywhere.
  struct Listed {
    const VectorCodes::Row* rows = nullptr;
    const std::int8_t* high = nullptr;
    std::shared_ptr<const void> owner;
  };
  // From what the accessors below gave; nothing where it cannot be that, for rows below `end`.
  [[nodiscard]] static std::shared_ptr<const VectorLists> read(Centres&& centres,
                                                               std::vector<std::uint32_t> begins,
                                                               std::vector<std::uint32_t> rows,
                                                               Listed listed, std::size_t dimension,
                                                               std::size_t end, std::size_t looks);

  // Calls `take` with the lists whose centres are nearest, as places in rows(), until it says that
  // it has enough.
  void search(const CodedQuery& query,
              const std::function<bool(std::size_t begin, std::size_t end)>& take) const;

  [[nodiscard]] const Centres& centres() const { return centres_; }
  // Where each list begins in rows(), and the end of the last one.
  [[nodiscard]] const std::vector<std::uint32_t>& begins() const { return begins_; }
  [[nodiscard]] const std::vector<std::uint32_t>& rows() const { return rows_; }
  [[nodiscard]] const Listed& listed() const { return listed_; }
  // Rows to look at for the nearest ten; all of them where lists are of no use.
  [[nodiscard]] std::size_t looks() const { return looks_; }
  // In memory of its own.
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Owned {
    std::vector<VectorCodes::Row> rows;
    std::vector<std::int8_t> high;
  };
  [[nodiscard]] std::optional<std::size_t> measured_looks(std::size_t dimension,
                                                          const std::function<bool()>& go_on) const;

  Listed listed_;
  std::size_t looks_ = 0;
  Centres centres_;
  std::vector<std::uint32_t> begins_;
  std::vector<std::uint32_t> rows_;  // list by list, in order within each
};

}  // namespace memgpt
