#include "store/vector_lists.h"

#include <faiss/Clustering.h>
#include <faiss/Index.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "error.h"
#include "store/vector_kernels.h"

// Of the OpenMP that Faiss is built with; not every compiler that reads this has its header.
extern "C" void omp_set_num_threads(int);

namespace memgpt {

namespace {

// Lists, as a multiple of the root of the rows: then a search looks at about as many centres as
// rows.
constexpr double kListsEach = 4;
// Rows that the centres are found by, for each; and rounds of k-means.
constexpr std::size_t kSampled = 40;
constexpr int kRounds = 8;
constexpr std::size_t kAskEvery = 512;
// Queries that the looks are measured by, and the nearest of each; as many of those are to be
// found.
constexpr std::size_t kAsked = 200;
constexpr std::size_t kNearest = 10;
constexpr double kFound = 0.975;
constexpr double kOther = 0.5;
// Where more than this share of the rows has to be looked at, a scan of all costs no more.
constexpr double kMostLooks = 0.4;

class Stopped : public Error {
 public:
  using Error::Error;
};

VectorLists::Centres centres_of(const float* vectors, std::size_t count, std::size_t dimension) {
  VectorLists::Centres centres;
  VectorCodes codes(dimension);
  std::vector<float> unit(dimension);
  for (std::size_t i = 0; i < count; ++i) {
    const float* own = vectors + i * dimension;
    const double length = std::sqrt(std::inner_product(own, own + dimension, own, 0.0));
    std::transform(own, own + dimension, unit.begin(), [&](float x) {
      return length > 0 ? static_cast<float>(static_cast<double>(x) / length) : 0;
    });
    codes.add(unit);
    centres.scales.push_back(codes.row(i).scale);
    centres.codes.insert(centres.codes.end(), codes.high(i), codes.high(i) + dimension);
  }
  return centres;
}

// What Faiss's k-means finds the nearest centres by: our kernels, which are several times as fast
// as its own on vectors of this size.
class Assigner : public faiss::Index {
 public:
  Assigner(std::size_t dimension, const std::function<bool()>& go_on)
      : Index(static_cast<idx_t>(dimension), faiss::METRIC_INNER_PRODUCT), go_on_(go_on) {}
  void add(idx_t n, const float* x) override {
    centres = centres_of(x, static_cast<std::size_t>(n), static_cast<std::size_t>(d));
    ntotal = n;
  }
  void reset() override {
    centres = {};
    ntotal = 0;
  }
  void search(idx_t n, const float* x, idx_t k, float* distances, idx_t* labels,
              const faiss::SearchParameters* /*params*/) const override {
    if (k != 1) throw StoreError("one centre a row is asked for");
    std::vector<std::int32_t> sums;
    const auto width = static_cast<std::size_t>(d);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      if (i % kAskEvery == 0 && !go_on_()) throw Stopped("stopped");
      const auto query = code_query({x + i * width, width});
      const auto nearest = centres.nearest(query, sums);
      labels[i] = static_cast<idx_t>(nearest);
      distances[i] = static_cast<float>(static_cast<double>(centres.scales[nearest]) * query.step *
                                        sums[nearest]);
    }
  }

  VectorLists::Centres centres;

 private:
  const std::function<bool()>& go_on_;
};

VectorLists::Centres train(const VectorCodes& codes, const std::vector<std::uint32_t>& rows,
                           const std::function<bool()>& go_on) {
  const auto count = std::max<std::size_t>(
      1, std::min(rows.size(), static_cast<std::size_t>(
                                   kListsEach * std::sqrt(static_cast<double>(rows.size())))));
  const auto sampled = std::min(rows.size(), count * kSampled);
  const auto width = codes.dimension();
  std::vector<float> sample(sampled * width);
  for (std::size_t i = 0; i < sampled; ++i)
    codes.decode(rows[i * rows.size() / sampled], sample.data() + i * width);
  faiss::ClusteringParameters parameters;
  parameters.niter = kRounds;
  parameters.spherical = true;
  parameters.min_points_per_centroid = 1;  // fewer than that it would print
  parameters.max_points_per_centroid = static_cast<int>(sampled / count + 1);
  faiss::Clustering clustering(static_cast<int>(width), static_cast<int>(count), parameters);
  Assigner assigner(width, go_on);
  clustering.train(static_cast<faiss::Index::idx_t>(sampled), sample.data(), assigner);
  return centres_of(clustering.centroids.data(), count, width);
}

}  // namespace

std::size_t VectorLists::Centres::nearest(const CodedQuery& query,
                                          std::vector<std::int32_t>& sums) const {
  sums.resize(scales.size());
  vector_kernels().scan(codes.data(), query.codes.data(), query.codes.size(), scales.size(),
                        sums.data());
  std::size_t best = 0;
  double most = -1e300;
  for (std::size_t i = 0; i < scales.size(); ++i)
    if (const double near = static_cast<double>(scales[i]) * sums[i]; near > most) {
      most = near;
      best = i;
    }
  return best;
}

std::shared_ptr<const VectorLists> VectorLists::build(const VectorCodes& codes,
                                                      const std::vector<std::uint32_t>& rows,
                                                      const VectorLists* grown,
                                                      const std::function<bool()>& go_on) {
  auto lists = std::make_shared<VectorLists>();
  // On the caller's thread alone, which has nothing else to do: others have.
  omp_set_num_threads(1);
  try {
    lists->centres_ = grown != nullptr && grown->rows_.size() >= rows.size() / 2
                          ? grown->centres_
                          : train(codes, rows, go_on);
  } catch (const Stopped&) {
    return nullptr;
  }

  std::vector<std::uint32_t> list_of(rows.size());
  std::vector<std::int32_t> sums;
  std::vector<float> vector(codes.dimension());
  lists->begins_.assign(lists->centres_.scales.size() + 1, 0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i % kAskEvery == 0 && !go_on()) return nullptr;
    codes.decode(rows[i], vector.data());
    list_of[i] = static_cast<std::uint32_t>(lists->centres_.nearest(code_query(vector), sums));
    ++lists->begins_[list_of[i] + 1];
  }
  std::partial_sum(lists->begins_.begin(), lists->begins_.end(), lists->begins_.begin());
  lists->rows_.resize(rows.size());
  auto next = lists->begins_;
  for (std::size_t i = 0; i < rows.size(); ++i) lists->rows_[next[list_of[i]]++] = rows[i];

  const auto owned = std::make_shared<Owned>();
  owned->rows.reserve(rows.size());
  owned->high.reserve(rows.size() * codes.dimension());
  for (const auto row : lists->rows_) {
    owned->rows.push_back(codes.row(row));
    owned->high.insert(owned->high.end(), codes.high(row), codes.high(row) + codes.dimension());
  }
  lists->listed_ = {owned->rows.data(), owned->high.data(), owned};
  const auto looks = lists->measured_looks(codes.dimension(), go_on);
  if (!looks) return nullptr;
  lists->looks_ = *looks;
  return lists;
}

// Asks for what lies between two rows, nearer to one of them: a question is like what was filed,
// and as a rule not quite like any of it. Its nearest rows are found by a scan, and then in the
// lists: how many rows would have been looked at before each?
std::optional<std::size_t> VectorLists::measured_looks(std::size_t dimension,
                                                       const std::function<bool()>& go_on) const {
  const auto count = rows_.size();
  const auto asked = std::min(kAsked, count);
  std::vector<std::uint32_t> list_of(count);
  for (std::uint32_t list = 0; list + 1 < begins_.size(); ++list)
    std::fill(list_of.begin() + begins_[list], list_of.begin() + begins_[list + 1], list);
  std::vector<std::size_t> looks;
  std::vector<std::int32_t> sums(count);
  std::vector<float> between(dimension);
  std::vector<std::size_t> before(centres_.scales.size());
  std::vector<std::pair<double, std::size_t>> near(count);
  const auto& kernels = vector_kernels();
  for (std::size_t i = 0; i < asked; ++i) {
    if (!go_on()) return std::nullopt;
    const auto one = i * count / asked;
    const auto other = (one + count / 2 + i * 7919) % count;
    double length = 0;
    for (std::size_t k = 0; k < dimension; ++k) {
      const double x =
          static_cast<double>(listed_.rows[one].scale) * listed_.high[one * dimension + k] +
          kOther * static_cast<double>(listed_.rows[other].scale) *
              listed_.high[other * dimension + k];
      between[k] = static_cast<float>(x);
      length += x * x;
    }
    if (length <= 0) continue;
    for (auto& x : between) x = static_cast<float>(static_cast<double>(x) / std::sqrt(length));
    const auto query = code_query(between);
    kernels.scan(listed_.high, query.codes.data(), dimension, count, sums.data());
    for (std::size_t row = 0; row < count; ++row)
      near[row] = {-static_cast<double>(listed_.rows[row].scale) * sums[row], row};
    const auto nearest = std::min(kNearest, count);
    std::partial_sort(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(nearest),
                      near.end());
    std::size_t seen = 0;
    search(query, [&](std::size_t begin, std::size_t end) {
      seen += end - begin;
      if (begin < end) before[list_of[begin]] = seen;
      return false;
    });
    for (std::size_t k = 0; k < nearest; ++k) looks.push_back(before[list_of[near[k].second]]);
  }
  if (looks.empty()) return count;
  const auto found =
      looks.begin() + static_cast<std::ptrdiff_t>(kFound * static_cast<double>(looks.size() - 1));
  std::nth_element(looks.begin(), found, looks.end());
  return static_cast<double>(*found) > kMostLooks * static_cast<double>(count) ? count : *found;
}

std::shared_ptr<const VectorLists> VectorLists::read(Centres&& centres,
                                                     std::vector<std::uint32_t> begins,
                                                     std::vector<std::uint32_t> rows, Listed listed,
                                                     std::size_t dimension, std::size_t end,
                                                     std::size_t looks) {
  const bool sound = !centres.scales.empty() && begins.size() == centres.scales.size() + 1 &&
                     centres.codes.size() == centres.scales.size() * dimension &&
                     begins.front() == 0 && begins.back() == rows.size() && looks <= rows.size() &&
                     std::is_sorted(begins.begin(), begins.end()) &&
                     std::all_of(rows.begin(), rows.end(), [&](auto row) { return row < end; });
  if (!sound) return nullptr;
  auto lists = std::make_shared<VectorLists>();
  lists->centres_ = std::move(centres);
  lists->begins_ = std::move(begins);
  lists->rows_ = std::move(rows);
  lists->listed_ = std::move(listed);
  lists->looks_ = looks;
  return lists;
}

void VectorLists::search(
    const CodedQuery& query,
    const std::function<bool(std::size_t begin, std::size_t end)>& take) const {
  std::vector<std::int32_t> sums;
  static_cast<void>(centres_.nearest(query, sums));
  std::vector<std::pair<double, std::uint32_t>> order(sums.size());
  for (std::uint32_t i = 0; i < sums.size(); ++i)
    order[i] = {static_cast<double>(centres_.scales[i]) * sums[i], i};
  std::make_heap(order.begin(), order.end());
  while (!order.empty()) {
    std::pop_heap(order.begin(), order.end());
    const auto list = order.back().second;
    order.pop_back();
    if (take(begins_[list], begins_[list + 1])) return;
  }
}

std::size_t VectorLists::bytes() const {
  const auto dimension = centres_.codes.size() / std::max<std::size_t>(1, centres_.scales.size());
  return centres_.codes.size() + centres_.scales.size() * sizeof(float) +
         (begins_.size() + rows_.size()) * sizeof(std::uint32_t) +
         rows_.size() * (sizeof(VectorCodes::Row) + dimension);
}

}  // namespace memgpt
