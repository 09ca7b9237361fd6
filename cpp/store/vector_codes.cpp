#include "store/vector_codes.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "store/vector_kernels.h"

namespace memgpt {

namespace {

constexpr double kMostCode = 127;
// Cosines are rounded when rows are compared (see archival.cpp), and computed in double.
constexpr double kRounding = 1e-5;

// To the nearest whole number, halves to the even one, by adding what leaves a double no digits
// behind the point: compilers make vector instructions of it.
double whole(double x) {
  constexpr double kNoFraction = 6755399441055744.0;  // 1.5 * 2^52
  return (x + kNoFraction) - kNoFraction;
}

double largest(std::span<const float> vector) {
  double most = 0;
  for (const float x : vector) most = std::max(most, std::abs(static_cast<double>(x)));
  return most;
}

}  // namespace

CodedQuery code_query(std::span<const float> vector) {
  CodedQuery query;
  query.codes.resize(vector.size());
  const double most = largest(vector);
  if (most <= 0) return query;
  // As fine as 16 bits are, and no sum with a row's codes leaves an int32: it is at most the
  // product of the two lengths.
  const double width = std::sqrt(static_cast<double>(vector.size()));
  const double scale =
      std::min(std::numeric_limits<std::int16_t>::max() / most,
               std::numeric_limits<std::int32_t>::max() / (kMostCode * width) - width);
  double sum = 0;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const double code = whole(static_cast<double>(vector[i]) * scale);
    query.codes[i] = static_cast<std::int16_t>(code);
    sum += code * code;
  }
  query.step = 1 / scale;
  query.length = std::sqrt(sum) * query.step;
  return query;
}

void VectorCodes::add(std::span<const float> vector) {
  if (!open_) {
    open_ = std::make_shared<Owned>();
    blocks_.push_back({nullptr, nullptr, nullptr, open_});
  }
  auto& own = *open_;
  const auto begin = own.high.size();
  own.high.resize(begin + dimension_);
  own.low.resize(begin + dimension_);
  Row row;
  const double scale =
      vector.empty() ? 0 : static_cast<double>(static_cast<float>(largest(vector) / kMostCode));
  if (scale > 0) {
    const double inverse = 1 / scale;
    double rest = 0;
    for (std::size_t i = 0; i < dimension_; ++i) {
      const double x = static_cast<double>(vector[i]) * inverse;
      const double high = std::clamp(whole(x), -kMostCode, kMostCode);
      const double low = std::clamp(whole((x - high) * kFiner), -kMostCode, kMostCode);
      own.high[begin + i] = static_cast<std::int8_t>(high);
      own.low[begin + i] = static_cast<std::int8_t>(low);
      rest += low * low;
    }
    row.scale = static_cast<float>(scale);
    // Rounded up: the slack that is made of it holds.
    row.rest = std::nextafter(static_cast<float>(std::sqrt(rest) * scale / kFiner), 2.0F);
  }
  own.rows.push_back(row);
  ++size_;
  auto& block = blocks_.back();
  block.rows = own.rows.data();
  block.high = own.high.data();
  block.low = own.low.data();
  if (own.rows.size() == kBlockRows) open_.reset();
}

void VectorCodes::replace(std::span<const Block> blocks) {
  const auto rows = blocks.size() * kBlockRows;
  if (size_ >= rows) {
    std::copy(blocks.begin(), blocks.end(), blocks_.begin());
  } else {
    blocks_.assign(blocks.begin(), blocks.end());
    open_.reset();
    size_ = rows;
  }
}

VectorCodes VectorCodes::full_blocks() const {
  VectorCodes full(dimension_);
  full.blocks_.assign(blocks_.begin(), blocks_.end() - (open_ ? 1 : 0));
  full.size_ = full.blocks_.size() * kBlockRows;
  return full;
}

double VectorCodes::estimate(std::size_t at, const CodedQuery& query) const {
  return static_cast<double>(row(at).scale) * query.step *
         vector_kernels().dot(high(at), query.codes.data(), dimension_);
}

// By Cauchy and Schwarz: the low codes add at most the product of the lengths.
double VectorCodes::slack(const Row& row, const CodedQuery& query) {
  return static_cast<double>(row.rest) * query.length + kRounding;
}

double VectorCodes::cosine(std::size_t at, const CodedQuery& query) const {
  const auto& kernels = vector_kernels();
  const auto high = kernels.dot(this->high(at), query.codes.data(), dimension_);
  const auto low = kernels.dot(this->low(at), query.codes.data(), dimension_);
  return static_cast<double>(row(at).scale) * query.step * (high + low / kFiner);
}

void VectorCodes::decode(std::size_t at, float* vector) const {
  const auto* codes = high(at);
  const float scale = row(at).scale;
  for (std::size_t i = 0; i < dimension_; ++i) vector[i] = scale * static_cast<float>(codes[i]);
}

std::size_t VectorCodes::bytes() const {
  return blocks_.size() * kBlockRows * (2 * dimension_ + sizeof(Row));
}

void NearestRows::keep(std::uint32_t number, double estimate, double slack) {
  kept_.push_back({number, estimate + slack});
  const double lowest = estimate - slack;
  if (lowest_.size() < wanted_) {
    lowest_.push_back(lowest);
    std::push_heap(lowest_.begin(), lowest_.end(), std::greater<>());
  } else if (!lowest_.empty() && lowest > lowest_.front()) {
    std::pop_heap(lowest_.begin(), lowest_.end(), std::greater<>());
    lowest_.back() = lowest;
    std::push_heap(lowest_.begin(), lowest_.end(), std::greater<>());
  }
  if (lowest_.size() == wanted_ && !lowest_.empty()) least_ = lowest_.front();
}

std::vector<std::uint32_t> NearestRows::candidates() const {
  std::vector<std::uint32_t> numbers;
  for (const auto& one : kept_)
    if (one.most >= least_) numbers.push_back(one.number);
  return numbers;
}

}  // namespace memgpt
