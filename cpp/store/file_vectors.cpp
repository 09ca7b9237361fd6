#include "store/file_vectors.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "store/passage_vectors.h"

namespace memgpt {

std::optional<double> FileVectors::cosine(std::int64_t id) const {
  const auto dimension = query_.codes.size();
  auto& row = db_.prepare(
      "SELECT vector FROM embedding WHERE embedder = ?1 AND passage = ?2 AND dimension = ?3");
  const Reset reset(row);
  row.bind(embedder_, id, static_cast<std::int64_t>(dimension));
  if (!row.step()) return std::nullopt;
  const auto bytes = row.view(0);
  if (bytes.size() != dimension * sizeof(float)) return std::nullopt;
  std::vector<float> own(dimension);
  std::memcpy(own.data(), bytes.data(), bytes.size());
  VectorCodes codes(dimension);
  codes.add(own);
  return codes.cosine(0, query_);
}

void NearestInFile::offer(std::uint32_t row, std::int64_t id) {
  const auto cosine = vectors_.cosine(id);
  if (!cosine) return;
  kept_.emplace_back(rounded_cosine(*cosine), row);
  if (kept_.size() >= 2 * wanted_ + 1000) cut();
}

void NearestInFile::cut() {
  if (kept_.size() <= wanted_) return;
  std::nth_element(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(wanted_), kept_.end(),
                   std::greater<>());
  kept_.resize(wanted_);
}

std::vector<std::uint32_t> NearestInFile::rows() {
  cut();
  std::vector<std::uint32_t> found;
  found.reserve(kept_.size());
  for (const auto& [cosine, row] : kept_) found.push_back(row);
  return found;
}

}  // namespace memgpt
