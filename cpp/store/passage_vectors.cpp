#include "store/passage_vectors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>

#include "error.h"
#include "store/vector_kernels.h"

namespace memgpt {

namespace {

// A filter's rows lie apart: this share of what is scanned without a filter is scanned with one.
constexpr std::size_t kApart = 4;
// A row that is gone to by itself costs as much as so many that are read in a row.
constexpr double kScattered = 2;
// What the lists say is for so many; for more it grows with the root.
constexpr double kLooksFor = 10;

std::string uid_of(Database& db, std::int64_t id) {
  auto& row = db.prepare("SELECT uid FROM passage WHERE id = ?1");
  const Reset reset(row);
  return row.bind(id).step() ? row.text(0) : "";
}

// The part of an ordered list that lies in [begin, end).
std::span<const std::uint32_t> between(const std::vector<std::uint32_t>& numbers, std::size_t begin,
                                       std::size_t end) {
  const auto first = std::lower_bound(numbers.begin(), numbers.end(), begin);
  const auto last = std::lower_bound(first, numbers.end(), end);
  return {first, last};
}

// One branch's part in a search.
struct Part {
  const PassageVectors& vectors;
  std::size_t rows;
  std::uint32_t first;                    // its first row, counted through
  std::span<const std::uint32_t> hidden;  // counted through
  std::optional<std::span<const std::uint32_t>> only;

  [[nodiscard]] std::size_t seen() const { return only ? only->size() : rows - hidden.size(); }
  void offer(NearestRows& nearest, const CodedQuery& query, std::uint32_t row) const {
    const auto& codes = vectors.codes();
    if (codes.row(row).scale > 0)
      nearest.offer(first + row, codes.estimate(row, query), codes.slack(row, query));
  }

  // Rows of [begin, end), without those that are hidden.
  void scan(NearestRows& nearest, const CodedQuery& query, std::size_t begin,
            std::size_t end) const {
    const auto& codes = vectors.codes();
    std::vector<std::int32_t> sums(VectorCodes::kBlockRows);
    auto skip = std::lower_bound(hidden.begin(), hidden.end(), first + begin);
    while (begin < end) {
      const auto count =
          std::min(end, (begin / VectorCodes::kBlockRows + 1) * VectorCodes::kBlockRows) - begin;
      vector_kernels().scan(codes.high(begin), query.codes.data(), codes.dimension(), count,
                            sums.data());
      const auto* rows = &codes.row(begin);
      for (std::size_t i = 0; i < count; ++i) {
        const auto number = first + static_cast<std::uint32_t>(begin + i);
        if (skip != hidden.end() && *skip == number) {
          ++skip;
          continue;
        }
        if (rows[i].scale > 0)
          nearest.offer(number, static_cast<double>(rows[i].scale) * query.step * sums[i],
                        VectorCodes::slack(rows[i], query));
      }
      begin += count;
    }
  }

  void search_lists(NearestRows& nearest, const CodedQuery& query, std::size_t wanted) const {
    const auto& lists = *vectors.lists();
    const auto& codes = vectors.codes();
    std::vector<bool> passing;
    if (only) {
      passing.resize(rows);
      for (const auto number : *only) passing[number - first] = true;
    } else if (!hidden.empty()) {
      passing.resize(rows, true);
      for (const auto number : hidden) passing[number - first] = false;
    }
    const auto enough =
        static_cast<std::size_t>(static_cast<double>(lists.looks()) *
                                 std::sqrt(std::max(1.0, static_cast<double>(wanted) / kLooksFor)));
    std::size_t looked_at = 0;
    std::vector<std::int32_t> sums;
    lists.search(query, [&](std::size_t begin, std::size_t end) {
      sums.resize(end - begin);
      vector_kernels().scan(lists.listed().high + begin * codes.dimension(), query.codes.data(),
                            codes.dimension(), end - begin, sums.data());
      for (std::size_t i = begin; i < end; ++i) {
        const auto row = lists.rows()[i];
        if (row >= rows || (!passing.empty() && !passing[row])) continue;
        const auto& scaled = lists.listed().rows[i];
        nearest.offer(first + row, static_cast<double>(scaled.scale) * query.step * sums[i - begin],
                      VectorCodes::slack(scaled, query));
        ++looked_at;
      }
      return looked_at >= enough;
    });
  }

  // `few`: rows that are scanned in any case.
  void search(NearestRows& nearest, const CodedQuery& query, std::size_t wanted,
              std::size_t few) const {
    const auto* lists = seen() <= few ? nullptr : vectors.lists();
    const bool by_lists =
        lists != nullptr && lists->looks() < lists->rows().size() &&
        kScattered * static_cast<double>(seen()) * static_cast<double>(seen()) >
            static_cast<double>(lists->looks()) * static_cast<double>(lists->rows().size());
    if (by_lists) search_lists(nearest, query, wanted);
    const auto begin = by_lists ? std::min(rows, vectors.listed_rows()) : 0;
    if (only) {
      for (const auto number : *only)
        if (number - first >= begin) offer(nearest, query, number - first);
    } else {
      scan(nearest, query, begin, rows);
    }
    if (!by_lists) return;
    // What was deleted when the lists were made may be seen again. Both are in order.
    auto skip = hidden.begin();
    for (const auto row : vectors.left_out()) {
      if (row >= rows) break;
      while (skip != hidden.end() && *skip < first + row) ++skip;
      if (skip != hidden.end() && *skip == first + row) continue;
      if (!only || std::binary_search(only->begin(), only->end(), first + row))
        offer(nearest, query, row);
    }
  }
};

}  // namespace

double rounded_cosine(double cosine) { return std::round(cosine * 1e5) / 1e5; }

// Rows come in order of id, so what is new lies after the last one we have.
void PassageVectors::catch_up(Database& db, const VectorFiles& files) {
  if (last_id_ == 0) {
    if (auto snapshot = files.read(key_); snapshot && !snapshot->last_uid.empty() &&
                                          snapshot->last_uid == uid_of(db, snapshot->last_id)) {
      last_id_ = snapshot->last_id;
      use(std::move(*snapshot));
    }
  }
  auto& row = db.prepare(
      "SELECT p.id, e.vector FROM passage p LEFT JOIN embedding e ON e.passage = p.id "
      "AND e.embedder = ?3 AND e.dimension = ?4 WHERE p.branch = ?1 AND p.archive = ?2 AND "
      "p.id > ?5 ORDER BY p.id");
  const Reset reset(row);
  row.bind(key_.branch, key_.archive, key_.embedder, static_cast<std::int64_t>(key_.dimension),
           last_id_);
  std::vector<float> vector(key_.dimension);
  while (row.step()) {
    if (row.is_null(1)) {
      codes_.add({});
    } else {
      const auto bytes = row.view(1);
      if (bytes.size() != vector.size() * sizeof(float))
        throw StoreError("the embedding of a passage has the wrong size in this file");
      std::memcpy(vector.data(), bytes.data(), bytes.size());
      codes_.add(vector);
    }
    last_id_ = row.integer(0);
  }
}

std::optional<ListsJob> PassageVectors::job(
    Database& db, const std::vector<std::uint32_t>& retired,
    const std::function<std::int64_t(std::size_t)>& id) const {
  ListsJob job{key_, {codes_.full_blocks(), nullptr, 0, ""}, {}, lists_};
  const auto& full = job.snapshot.codes;
  for (std::uint32_t row = 0; row < full.size(); ++row)
    if (full.row(row).scale > 0 && !std::binary_search(retired.begin(), retired.end(), row))
      job.rows.push_back(row);
  if (job.rows.empty()) return std::nullopt;
  job.snapshot.last_id = id(full.size() - 1);
  job.snapshot.last_uid = uid_of(db, job.snapshot.last_id);
  return job;
}

void PassageVectors::use(VectorSnapshot made) {
  codes_.replace(made.codes.blocks());
  lists_ = std::move(made.lists);
  listed_rows_ = made.codes.size();
  std::vector<bool> listed(listed_rows_);
  for (const auto row : lists_->rows()) listed[row] = true;
  left_out_.clear();
  for (std::uint32_t row = 0; row < listed_rows_; ++row)
    if (!listed[row] && codes_.row(row).scale > 0) left_out_.push_back(row);
}

std::vector<NearRow> nearest(const std::vector<SeenVectors>& line, const CodedQuery& query,
                             std::size_t wanted, const std::vector<std::uint32_t>* only,
                             const std::vector<std::uint32_t>& hidden, std::size_t exact) {
  std::vector<Part> parts;
  std::size_t first = 0;
  std::size_t seen = 0;
  for (const auto& [vectors, rows] : line) {
    if (vectors != nullptr) {
      // What another process has just filed may have no vector here yet.
      const auto known = std::min(rows, vectors->codes().size());
      Part part{*vectors, known, static_cast<std::uint32_t>(first),
                between(hidden, first, first + known), std::nullopt};
      seen += part.seen();
      if (only != nullptr) part.only = between(*only, first, first + known);
      parts.push_back(part);
    }
    first += rows;
  }
  NearestRows rows(wanted);
  for (const auto& part : parts)
    part.search(rows, query, wanted, seen <= exact ? exact : exact / kApart);

  std::vector<NearRow> found;
  for (const auto number : rows.candidates()) {
    auto part = std::upper_bound(parts.begin(), parts.end(), number,
                                 [](std::uint32_t n, const Part& p) { return n < p.first; }) -
                1;
    found.push_back(
        {number, rounded_cosine(part->vectors.codes().cosine(number - part->first, query))});
  }
  const auto best = std::min(wanted, found.size());
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(best), found.end(),
                    [](const NearRow& a, const NearRow& b) {
                      return a.cosine != b.cosine ? a.cosine > b.cosine : a.number > b.number;
                    });
  found.resize(best);
  return found;
}

void normalise_rows(std::vector<float>& rows, int dimension, std::size_t count,
                    const std::string& embedder) {
  const auto width = static_cast<std::size_t>(std::max(0, dimension));
  if (width == 0 || rows.size() != width * count)
    throw ConfigError("embedder \"" + embedder + "\" must return " + std::to_string(count) +
                      " rows of " + std::to_string(dimension) + " floats, and it returned " +
                      std::to_string(rows.size()) +
                      "; agent.reembed() gives an agent an embedder of another dimension");
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
