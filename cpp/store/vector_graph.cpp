#include "store/vector_graph.h"

#include <faiss/IndexHNSW.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/IDSelector.h>
#include <omp.h>

#include <algorithm>

#include "error.h"
#include "store/vector_kernels.h"

namespace memgpt {

namespace {

constexpr int kBuildEffort = 80;
// Rows that are added between two questions whether to go on.
constexpr std::size_t kBatch = 256;

// Distances by the high codes; the smaller the nearer.
class Distances : public faiss::DistanceComputer {
 public:
  Distances(const VectorCodes& codes, const std::vector<std::uint32_t>& rows)
      : codes_(codes), rows_(rows) {}
  void set_query(const float* vector) override {
    own_ = code_query({vector, codes_.dimension()});
    query_ = &own_;
  }
  void set_query(const CodedQuery& query) { query_ = &query; }
  float operator()(idx_t i) override { return -static_cast<float>(codes_.estimate(row(i), *query_)); }
  float symmetric_dis(idx_t i, idx_t j) override {
    const auto sum =
        vector_kernels().between(codes_.high(row(i)), codes_.high(row(j)), codes_.dimension());
    return -codes_.row(row(i)).scale * codes_.row(row(j)).scale * static_cast<float>(sum);
  }

 private:
  [[nodiscard]] std::size_t row(idx_t i) const { return rows_[static_cast<std::size_t>(i)]; }

  const VectorCodes& codes_;
  const std::vector<std::uint32_t>& rows_;
  CodedQuery own_;
  const CodedQuery* query_ = &own_;
};

// What Faiss takes for the vectors: they lie in the codes.
class Storage : public faiss::Index {
 public:
  Storage(const VectorCodes& codes, const std::vector<std::uint32_t>& rows)
      : Index(static_cast<idx_t>(codes.dimension())), codes_(codes), rows_(rows) {}
  void add(idx_t n, const float* /*x*/) override { ntotal += n; }
  void reset() override { ntotal = 0; }
  void search(idx_t, const float*, idx_t, float*, idx_t*,
              const faiss::SearchParameters*) const override {
    throw StoreError("vectors are searched by their graph");
  }
  [[nodiscard]] faiss::DistanceComputer* get_distance_computer() const override {
    return new Distances(codes_, rows_);  // the caller's, as Faiss has it
  }

 private:
  const VectorCodes& codes_;
  const std::vector<std::uint32_t>& rows_;
};

class Seen : public faiss::IDSelector {
 public:
  Seen(const std::vector<std::uint32_t>& rows, const std::function<bool(std::uint32_t)>& seen)
      : rows_(rows), seen_(seen) {}
  [[nodiscard]] bool is_member(idx_t id) const override {
    return seen_(rows_[static_cast<std::size_t>(id)]);
  }

 private:
  const std::vector<std::uint32_t>& rows_;
  const std::function<bool(std::uint32_t)>& seen_;
};

}  // namespace

struct VectorGraph::Faiss {
  faiss::HNSW hnsw{kLinks};
};

VectorGraph::VectorGraph() : faiss_(std::make_unique<Faiss>()) {}
VectorGraph::~VectorGraph() = default;

std::shared_ptr<const VectorGraph> VectorGraph::build(const VectorCodes& codes,
                                                      std::vector<std::uint32_t> rows,
                                                      const VectorGraph* grown,
                                                      const std::function<bool()>& go_on) {
  std::shared_ptr<VectorGraph> graph(new VectorGraph());
  graph->rows_ = std::move(rows);
  Storage storage(codes, graph->rows_);
  faiss::IndexHNSW index(&storage, kLinks);
  index.hnsw.efConstruction = kBuildEffort;
  std::size_t done = 0;
  if (grown != nullptr && grown->rows_.size() <= graph->rows_.size() &&
      std::equal(grown->rows_.begin(), grown->rows_.end(), graph->rows_.begin())) {
    index.hnsw = grown->faiss_->hnsw;
    done = grown->rows_.size();
    index.ntotal = storage.ntotal = static_cast<faiss::Index::idx_t>(done);
  }
  // One thread, which is the caller's: others have work to do.
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  std::vector<float> batch;
  while (done < graph->rows_.size() && go_on()) {
    const auto count = std::min(kBatch, graph->rows_.size() - done);
    batch.resize(count * codes.dimension());
    for (std::size_t i = 0; i < count; ++i)
      codes.decode(graph->rows_[done + i], batch.data() + i * codes.dimension());
    index.add(static_cast<faiss::Index::idx_t>(count), batch.data());
    done += count;
  }
  omp_set_num_threads(threads);
  if (done < graph->rows_.size()) return nullptr;
  graph->faiss_->hnsw = std::move(index.hnsw);
  return graph;
}

std::shared_ptr<const VectorGraph> VectorGraph::read(std::vector<std::uint32_t> rows,
                                                     std::span<const std::int32_t> levels,
                                                     std::span<const std::int32_t> neighbours,
                                                     std::int32_t entry) {
  std::shared_ptr<VectorGraph> graph(new VectorGraph());
  auto& hnsw = graph->faiss_->hnsw;
  const auto count = static_cast<std::int32_t>(rows.size());
  const auto highest = static_cast<std::int32_t>(hnsw.cum_nneighbor_per_level.size()) - 1;
  if (levels.size() != rows.size() || entry < 0 || entry >= count) return nullptr;
  hnsw.levels.assign(levels.begin(), levels.end());
  hnsw.offsets.reserve(rows.size() + 1);
  for (const auto level : levels) {
    if (level < 1 || level > highest) return nullptr;
    hnsw.offsets.push_back(hnsw.offsets.back() +
                           static_cast<std::size_t>(hnsw.cum_nb_neighbors(level)));
  }
  if (neighbours.size() != hnsw.offsets.back()) return nullptr;
  if (std::any_of(neighbours.begin(), neighbours.end(),
                  [&](std::int32_t other) { return other < -1 || other >= count; }))
    return nullptr;
  // A link on a level leads to a row that is on it.
  for (std::size_t i = 0; i < levels.size(); ++i)
    for (int level = 1; level < levels[i]; ++level) {
      std::size_t begin = 0;
      std::size_t end = 0;
      hnsw.neighbor_range(static_cast<faiss::Index::idx_t>(i), level, &begin, &end);
      for (auto at = begin; at < end; ++at)
        if (neighbours[at] >= 0 && levels[static_cast<std::size_t>(neighbours[at])] <= level)
          return nullptr;
    }
  hnsw.neighbors.assign(neighbours.begin(), neighbours.end());
  hnsw.entry_point = entry;
  hnsw.max_level = levels[static_cast<std::size_t>(entry)] - 1;
  // The levels of rows to come are drawn on, not from the beginning.
  hnsw.rng = faiss::RandomGenerator(static_cast<std::int64_t>(rows.size()));
  graph->rows_ = std::move(rows);
  return graph;
}

std::vector<VectorGraph::Found> VectorGraph::search(
    const VectorCodes& codes, const CodedQuery& query, std::size_t wanted, std::size_t effort,
    const std::function<bool(std::uint32_t row)>& seen) const {
  std::vector<Found> found;
  if (rows_.empty() || wanted == 0) return found;
  wanted = std::min(wanted, rows_.size());
  Distances distances(codes, rows_);
  distances.set_query(query);
  const Seen selector(rows_, seen);
  faiss::SearchParametersHNSW parameters;
  parameters.efSearch = static_cast<int>(std::max(wanted, effort));
  if (seen) parameters.sel = const_cast<Seen*>(&selector);
  std::vector<faiss::Index::idx_t> places(wanted, -1);
  std::vector<float> nearness(wanted);
  faiss::VisitedTable visited(static_cast<int>(rows_.size()));
  faiss_->hnsw.search(distances, static_cast<int>(wanted), places.data(), nearness.data(), visited,
                      &parameters);
  for (std::size_t i = 0; i < wanted; ++i)
    if (places[i] >= 0) found.push_back({rows_[static_cast<std::size_t>(places[i])], -nearness[i]});
  return found;
}

std::span<const std::int32_t> VectorGraph::levels() const { return faiss_->hnsw.levels; }
std::span<const std::int32_t> VectorGraph::neighbours() const { return faiss_->hnsw.neighbors; }
std::int32_t VectorGraph::entry() const { return faiss_->hnsw.entry_point; }

std::size_t VectorGraph::bytes() const {
  const auto& hnsw = faiss_->hnsw;
  return rows_.size() * sizeof(std::uint32_t) + hnsw.levels.size() * sizeof(int) +
         hnsw.offsets.size() * sizeof(std::size_t) + hnsw.neighbors.size() * sizeof(std::int32_t);
}

}  // namespace memgpt
