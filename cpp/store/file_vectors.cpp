#include "store/file_vectors.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace memgpt {

std::optional<double> FileVectors::cosine(std::int64_t id) const {
  auto& row = db_.prepare(
      "SELECT vector FROM embedding WHERE embedder = ?1 AND passage = ?2 AND dimension = ?3");
  const Reset reset(row);
  row.bind(embedder_, id, static_cast<std::int64_t>(query_.size()));
  if (!row.step()) return std::nullopt;
  const auto bytes = row.view(0);
  if (bytes.size() != query_.size() * sizeof(float)) return std::nullopt;
  std::vector<float> own(query_.size());
  std::memcpy(own.data(), bytes.data(), bytes.size());
  return std::inner_product(query_.begin(), query_.end(), own.begin(), 0.0);
}

std::vector<std::size_t> FileVectors::nearest(const std::vector<std::int64_t>& ids,
                                              std::size_t count) const {
  std::vector<std::pair<double, std::size_t>> scored;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (const auto own = cosine(ids[i])) scored.emplace_back(-*own, i);
  if (scored.size() > count) {
    std::nth_element(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(count),
                     scored.end());
    scored.resize(count);
  }
  std::vector<std::size_t> found;
  found.reserve(scored.size());
  for (const auto& [distance, place] : scored) found.push_back(place);
  return found;
}

}  // namespace memgpt
