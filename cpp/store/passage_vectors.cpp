#include "store/passage_vectors.h"

#include <faiss/IndexFlat.h>
#include <faiss/impl/IDSelector.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "error.h"

namespace memgpt {

PassageVectors::PassageVectors() = default;
PassageVectors::~PassageVectors() = default;

// Rows come in order of id, so what is new lies after the last one we have.
void PassageVectors::catch_up(Database& db, const std::string& archive, const std::string& embedder,
                              std::int64_t dimension) {
  auto& row = db.prepare(
      "SELECT p.id, e.vector FROM passage p JOIN embedding e ON e.passage = p.id "
      "AND e.embedder = ?2 AND e.dimension = ?4 WHERE p.archive = ?1 AND p.id > ?3 "
      "ORDER BY p.id");
  const Reset reset(row);
  row.bind(archive, embedder, ids_.empty() ? std::int64_t{0} : ids_.back(), dimension);
  while (row.step()) {
    const auto bytes = row.view(1);
    if (!faiss_) faiss_ = std::make_unique<faiss::IndexFlatIP>(dimension);
    // Faiss may abort on what it does not expect, so nothing wrong may reach it.
    if (dimension <= 0 || dimension != faiss_->d ||
        bytes.size() != static_cast<std::size_t>(dimension) * sizeof(float))
      throw StoreError("the embedding of a passage has the wrong size in this file");
    std::vector<float> vector(static_cast<std::size_t>(dimension));
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(vector.data()));
    faiss_->add(1, vector.data());
    ids_.push_back(row.integer(0));
  }
}

std::vector<std::int64_t> PassageVectors::nearest(const std::vector<std::int64_t>& among,
                                                  const std::vector<float>& vector,
                                                  std::size_t count) const {
  std::vector<std::int64_t> found;
  if (!faiss_ || faiss_->ntotal == 0 || among.empty()) return found;
  std::vector<std::uint8_t> bitmap((ids_.size() + 7) / 8, 0);
  std::size_t at = 0;
  for (const auto id : among) {
    at = static_cast<std::size_t>(
        std::lower_bound(ids_.begin() + static_cast<std::ptrdiff_t>(at), ids_.end(), id) -
        ids_.begin());
    if (at < ids_.size() && ids_[at] == id)
      bitmap[at / 8] = static_cast<std::uint8_t>(bitmap[at / 8] | (1U << (at % 8)));
  }
  faiss::IDSelectorBitmap selector(ids_.size(), bitmap.data());
  faiss::SearchParameters parameters;
  parameters.sel = &selector;
  const auto wanted = std::min<std::int64_t>(static_cast<std::int64_t>(count), faiss_->ntotal);
  std::vector<float> scores(static_cast<std::size_t>(wanted));
  std::vector<faiss::Index::idx_t> labels(static_cast<std::size_t>(wanted), -1);
  faiss_->search(1, vector.data(), wanted, scores.data(), labels.data(), &parameters);
  for (const auto label : labels)
    if (label >= 0) found.push_back(ids_[static_cast<std::size_t>(label)]);
  return found;
}

std::optional<double> PassageVectors::cosine(std::int64_t id,
                                             const std::vector<float>& vector) const {
  const auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
  if (!faiss_ || at == ids_.end() || *at != id) return std::nullopt;
  const float* own = faiss_->get_xb() + (at - ids_.begin()) * faiss_->d;
  return std::inner_product(vector.begin(), vector.end(), own, 0.0);
}

void normalise_rows(std::vector<float>& rows, int dimension, std::size_t count,
                    const std::string& embedder) {
  const auto width = static_cast<std::size_t>(std::max(0, dimension));
  if (width == 0 || rows.size() != width * count)
    throw ConfigError("embedder \"" + embedder + "\" must return " + std::to_string(count) +
                      " rows of " + std::to_string(dimension) + " floats; it returned " +
                      std::to_string(rows.size()) + " floats");
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < width; ++k)
      sum += static_cast<double>(rows[i * width + k]) * static_cast<double>(rows[i * width + k]);
    if (!std::isfinite(sum) || sum <= 0)
      throw ConfigError("embedder \"" + embedder + "\" returned " +
                        (sum == 0 ? "only zeros" : "NaN or infinity") + " for text " +
                        std::to_string(i + 1) + " of " + std::to_string(count) +
                        "; return finite float32 numbers that are not all zero");
    // In double: the inverse of a tiny row's length is more than a float holds.
    const double scale = 1.0 / std::sqrt(sum);
    for (std::size_t k = 0; k < width; ++k)
      rows[i * width + k] = static_cast<float>(static_cast<double>(rows[i * width + k]) * scale);
  }
}

}  // namespace memgpt
