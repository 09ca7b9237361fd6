#include "store/archival.h"

#include <faiss/IndexFlat.h>
#include <faiss/impl/IDSelector.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "error.h"
#include "store/purge.h"
#include "store/rows.h"

namespace memgpt {

namespace {

// The passages of an archive that a head can see and that pass the filters, oldest first.
std::vector<std::int64_t> visible_passages(Database& db, const std::string& archive,
                                           const Lineage& line, const ArchivalQuery& query) {
  auto& row = db.prepare(
      "SELECT p.id, p.tags FROM passage p WHERE p.archive = ?1 AND seen(?2, p.branch, p.seq) "
      "AND p.time_us >= ?3 AND p.time_us < ?4 AND NOT EXISTS (SELECT 1 FROM retirement r "
      "WHERE r.kind = 'passage' AND r.target = p.id AND seen(?2, r.branch, r.seq)) "
      "ORDER BY p.id");
  const Reset reset(row);
  row.bind(archive, &line, query.start.value_or(std::numeric_limits<std::int64_t>::min()),
           query.end.value_or(std::numeric_limits<std::int64_t>::max()));
  std::vector<std::int64_t> ids;
  while (row.step()) {
    if (!query.tags.empty()) {
      const auto list = strings_from_json(row.view(1));
      const bool any = std::any_of(query.tags.begin(), query.tags.end(), [&](const auto& wanted) {
        return std::any_of(list.begin(), list.end(),
                           [&](const auto& tag) { return tag == wanted; });
      });
      if (!any) continue;
    }
    ids.push_back(row.integer(0));
  }
  return ids;
}

Passage load_passage(Database& db, std::int64_t id) {
  static const std::string sql =
      std::string("SELECT ") + kPassageColumns + " FROM passage p WHERE p.id = ?1";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(id).step()) throw StoreError("a passage is gone from the journal");
  return read_passage(row);
}

struct Scored {
  std::int64_t id;
  double score;
};

}  // namespace

// Positions in the Faiss index and the passages' row ids, in insertion order.
struct ArchivalIndexes::Index {
  std::unique_ptr<faiss::IndexFlatIP> faiss;
  std::vector<std::int64_t> ids;

  // Rows come in order of id, so what is new lies after the last one we have.
  void catch_up(Database& db, const std::string& archive, const std::string& embedder,
                std::int64_t dimension) {
    auto& row = db.prepare(
        "SELECT p.id, e.vector FROM passage p JOIN embedding e ON e.passage = p.id "
        "AND e.embedder = ?2 AND e.dimension = ?4 WHERE p.archive = ?1 AND p.id > ?3 "
        "ORDER BY p.id");
    const Reset reset(row);
    row.bind(archive, embedder, ids.empty() ? std::int64_t{0} : ids.back(), dimension);
    while (row.step()) {
      const auto bytes = row.view(1);
      if (!faiss) faiss = std::make_unique<faiss::IndexFlatIP>(dimension);
      // Faiss may abort on what it does not expect, so nothing wrong may reach it.
      if (dimension <= 0 || dimension != faiss->d ||
          bytes.size() != static_cast<std::size_t>(dimension) * sizeof(float))
        throw StoreError("the embedding of a passage has the wrong size in this file");
      std::vector<float> vector(static_cast<std::size_t>(dimension));
      std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(vector.data()));
      faiss->add(1, vector.data());
      ids.push_back(row.integer(0));
    }
  }

  // The visible passages with a vector, best first; ties by id.
  std::vector<Scored> rank(const std::vector<std::int64_t>& visible, const ArchivalQuery& query) {
    std::vector<Scored> ranked;
    if (!faiss || faiss->ntotal == 0 || visible.empty()) return ranked;
    if (query.vector.size() != static_cast<std::size_t>(faiss->d))
      throw StoreError("the query's embedding has " + std::to_string(query.vector.size()) +
                       " dimensions, this archive's have " + std::to_string(faiss->d) +
                       "; search with the embedder that made them");
    std::vector<std::uint8_t> bitmap((ids.size() + 7) / 8, 0);
    std::size_t at = 0;
    for (const auto id : visible) {
      while (at < ids.size() && ids[at] < id) ++at;
      if (at < ids.size() && ids[at] == id)
        bitmap[at / 8] = static_cast<std::uint8_t>(bitmap[at / 8] | (1U << (at % 8)));
    }
    faiss::IDSelectorBitmap selector(ids.size(), bitmap.data());
    faiss::SearchParameters parameters;
    parameters.sel = &selector;
    const auto wanted = std::min<std::int64_t>(query.limit + query.offset, faiss->ntotal);
    std::vector<float> scores(static_cast<std::size_t>(wanted));
    std::vector<faiss::Index::idx_t> labels(static_cast<std::size_t>(wanted), -1);
    faiss->search(1, query.vector.data(), wanted, scores.data(), labels.data(), &parameters);
    for (std::size_t i = 0; i < labels.size(); ++i)
      if (labels[i] >= 0) ranked.push_back({ids[static_cast<std::size_t>(labels[i])], scores[i]});
    // Rounded, so that the order does not hang on the last bit of a machine's arithmetic.
    for (auto& item : ranked) item.score = std::round(item.score * 1e5) / 1e5;
    std::stable_sort(ranked.begin(), ranked.end(), [](const Scored& a, const Scored& b) {
      return a.score != b.score ? a.score > b.score : a.id < b.id;
    });
    return ranked;
  }
};

ArchivalIndexes::ArchivalIndexes() = default;
ArchivalIndexes::~ArchivalIndexes() = default;

void ArchivalIndexes::clear() {
  const std::scoped_lock lock(mutex_);
  indexes_.clear();
}

ArchivalPage ArchivalIndexes::search(Journal& journal, const std::string& archive,
                                     const std::string& embedder, Head head,
                                     const ArchivalQuery& query) {
  ArchivalPage page;
  if (query.limit <= 0 || query.offset < 0) return page;
  const std::scoped_lock lock(mutex_);
  const auto reader = journal.reader();
  const auto line = journal.lineage(reader.db, head);
  if (const auto purge = newest_purge(reader.db); purge != purge_) {
    indexes_.clear();
    purge_ = purge;
  }
  const auto visible = visible_passages(reader.db, archive, line, query);
  page.total = static_cast<std::int64_t>(visible.size());
  std::vector<Scored> ranked;
  if (query.vector.empty()) {
    for (auto id = visible.rbegin(); id != visible.rend(); ++id) ranked.push_back({*id, 0});
  } else {
    const auto dimension = static_cast<std::int64_t>(query.vector.size());
    auto& index = indexes_[archive + '\n' + embedder + '\n' + std::to_string(dimension)];
    if (!index) index = std::make_unique<Index>();
    index->catch_up(reader.db, archive, embedder, dimension);
    ranked = index->rank(visible, query);
  }
  const auto first = static_cast<std::size_t>(query.offset);
  for (std::size_t i = first; i < ranked.size(); ++i) {
    if (i - first >= static_cast<std::size_t>(query.limit)) break;
    page.hits.push_back({load_passage(reader.db, ranked[i].id), ranked[i].score});
  }
  return page;
}

ArchivalPage with_pending(ArchivalPage page, const std::vector<Passage>& pending,
                          const ArchivalQuery& query) {
  const auto passes = [&](const Passage& passage) {
    const bool tagged =
        query.tags.empty() ||
        std::any_of(query.tags.begin(), query.tags.end(), [&](const auto& tag) {
          return std::find(passage.tags.begin(), passage.tags.end(), tag) != passage.tags.end();
        });
    return tagged && passage.time_us >= query.start.value_or(passage.time_us) &&
           (!query.end || passage.time_us < *query.end);
  };
  for (const auto& passage : pending) {
    if (!passes(passage)) continue;
    ++page.total;
    // Without a text the newest come first.
    if (query.vector.empty()) {
      page.hits.insert(page.hits.begin(), {passage, 0});
      continue;
    }
    if (passage.vector.size() != query.vector.size()) continue;
    const double score =
        std::inner_product(query.vector.begin(), query.vector.end(), passage.vector.begin(), 0.0);
    const double rounded = std::round(score * 1e5) / 1e5;
    const auto place =
        std::find_if(page.hits.begin(), page.hits.end(),
                     [&](const ArchivalHit& other) { return other.score < rounded; });
    page.hits.insert(place, {passage, rounded});
  }
  const auto first = std::min(page.hits.size(), static_cast<std::size_t>(query.offset));
  page.hits.erase(page.hits.begin(), page.hits.begin() + static_cast<std::ptrdiff_t>(first));
  if (page.hits.size() > static_cast<std::size_t>(query.limit))
    page.hits.resize(static_cast<std::size_t>(query.limit));
  return page;
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
      throw ConfigError("embedder \"" + embedder +
                        "\" returned a row of zeros, NaN or infinity; embeddings must be finite "
                        "and not all zero");
    const auto scale = static_cast<float>(1.0 / std::sqrt(sum));
    for (std::size_t k = 0; k < width; ++k) rows[i * width + k] *= scale;
  }
}

}  // namespace memgpt
