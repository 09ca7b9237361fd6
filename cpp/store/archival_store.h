// A store of vectors that the program brings. The journal stays the truth of what was filed, and
// has the vectors too: the store finds what may be near, and nothing hangs on what it says.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace memgpt {

// Vectors of one length, made by one embedder, of one archive: a store keeps them apart.
struct VectorSet {
  std::string archive;
  std::string embedder;
  std::int64_t dimension = 0;
  // What the store knows it by.
  [[nodiscard]] std::string key() const {
    return archive + '/' + embedder + '/' + std::to_string(dimension);
  }
};

// Rows of passages with their vectors, one behind the other.
struct VectorRows {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> branches;
  std::vector<std::int64_t> seqs;
  std::vector<float> vectors;
};

// What a head sees: of each branch the commits up to one, less the rows that were retired.
struct Sight {
  std::vector<std::pair<std::int64_t, std::int64_t>> line;  // branch, last seq
  std::vector<std::int64_t> hidden;                         // ids
};

// Each call throws ArchivalStoreError where it fails; it is asked again the next time then.
class ArchivalStore {
 public:
  virtual ~ArchivalStore() = default;

  [[nodiscard]] virtual std::string name() const = 0;
  // A row that is there is replaced: what was not acknowledged is told again.
  virtual void insert(const VectorSet& set, const VectorRows& rows) = 0;
  virtual void remove(const VectorSet& set, const std::vector<std::int64_t>& ids) = 0;
  // Ids of rows that are near, best first; whatever they are, the caller checks them.
  [[nodiscard]] virtual std::vector<std::int64_t> search(const VectorSet& set,
                                                         const std::vector<float>& vector,
                                                         std::size_t limit, const Sight& sight) = 0;
};

// What a store has not been told yet.
struct Untold {
  VectorRows rows;
  std::int64_t last = 0;   // the last of the rows
  std::int64_t purge = 0;  // the newest when they were read
};

// Rows that a purge has destroyed, or that were given a vector after others were told, and those of
// them that are there, if only because the file gave their id to another passage.
struct ChangedRows {
  VectorSet set;
  std::vector<std::int64_t> ids;
  VectorRows rows;
  std::int64_t purge = 0;
};

}  // namespace memgpt
