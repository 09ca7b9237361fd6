// Snapshots of the vectors' codes and their lists, in files beside the journal: derived, checked
// before they are used, and made anew where they are not what they should be.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "store/vector_codes.h"
#include "store/vector_lists.h"

namespace memgpt {

// What a snapshot is of. Another purge or another epoch: other vectors.
struct VectorsKey {
  std::string archive;
  std::int64_t branch = 0;
  std::string embedder;
  std::size_t dimension = 0;
  std::int64_t purge = 0;
  std::int64_t epoch = 0;
  friend bool operator==(const VectorsKey&, const VectorsKey&) = default;
};

struct VectorSnapshot {
  VectorCodes codes;  // full blocks
  std::shared_ptr<const VectorLists> lists;
  // Of the passage that is the last row: ids are given once, so that what has it has all before.
  std::int64_t last_id = 0;
  std::string last_uid;
};

class VectorFiles {
 public:
  // Empty: nothing is kept.
  explicit VectorFiles(std::string folder) : folder_(std::move(folder)) {}

  // Nothing where there is none of this key, or it is damaged, or another version's or machine's.
  // Read as a whole: what is mapped would change, or be cut off, with the file.
  [[nodiscard]] std::optional<VectorSnapshot> read(const VectorsKey& key) const;
  // False where it could not be written, which loses nothing; what was there before stays then.
  bool write(const VectorsKey& key, const VectorSnapshot& snapshot) const;
  // Whoever has it may write; nothing where another process has.
  [[nodiscard]] std::shared_ptr<const void> try_lock(const VectorsKey& key) const;
  void remove(const VectorsKey& key) const;
  // All of them.
  void remove() const;

 private:
  [[nodiscard]] std::string path(const VectorsKey& key) const;
  std::string folder_;
};

}  // namespace memgpt
