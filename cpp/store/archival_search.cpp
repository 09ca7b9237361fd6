#include "store/archival_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "memory/exact.h"
#include "memory/json.h"
#include "store/passage_labels.h"
#include "store/query_words.h"
#include "store/rows.h"

namespace memgpt {

namespace {

// As many of the best by words, and by vectors, are compared with each other.
constexpr std::size_t kFused = 1000;
// Where there are more passages than are searched exactly, these many by vectors.
constexpr std::size_t kFusedNear = 200;

void keep(std::vector<std::uint32_t>& rows, const std::vector<std::uint32_t>& others) {
  std::vector<std::uint32_t> both;
  std::set_intersection(rows.begin(), rows.end(), others.begin(), others.end(),
                        std::back_inserter(both));
  rows = std::move(both);
}

}  // namespace

std::optional<Passage> load_passage(Database& db, std::int64_t id) {
  static const std::string sql =
      std::string("SELECT ") + kPassageColumns + " FROM passage p WHERE p.id = ?1";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(id).step()) return std::nullopt;
  return read_passage(row);
}

std::int64_t ArchivalSearch::key(std::uint32_t row) const {
  std::size_t at = row;
  for (const auto& part : line) {
    if (at < part.rows) return part.index->row(at).key;
    at -= part.rows;
  }
  return 0;
}

std::string ArchivalSearch::archive_of(std::uint32_t row) const {
  if (row >= committed) return pending.archives.at(row - committed);
  std::size_t at = row;
  std::size_t part = 0;
  while (at >= line[part].rows) at -= line[part++].rows;
  return archives[part];
}

bool ArchivalSearch::is_newer(std::uint32_t a, std::uint32_t b) const {
  const bool mixed = !archives.empty() && archives.front() != archives.back();
  return mixed && a < committed && b < committed ? key(a) > key(b) : a > b;
}

std::vector<std::uint32_t> ArchivalSearch::rows_of(std::vector<std::int64_t> ids) const {
  std::vector<std::uint32_t> rows;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::size_t offset = 0;
  for (std::size_t i = 0; i < line.size() && offset < committed; offset += line[i++].rows)
    for (const auto id : ids) {
      const auto at = line[i].index->rows_before(id);
      if (at < line[i].rows && line[i].index->row(at).key == id)
        rows.push_back(static_cast<std::uint32_t>(offset + at));
    }
  std::sort(rows.begin(), rows.end());
  return rows;
}

void ArchivalSearch::filter() {
  if (!query.start && !query.end && query.tags.empty() && query.metadata.empty()) return;
  const auto meet = [&](std::vector<std::uint32_t> found) {
    if (passing)
      keep(*passing, found);
    else
      passing = std::move(found);
  };
  if (query.all_tags) {
    for (const auto& tag : query.tags) meet(rows_with(vocabulary, line, tag_label(tag)));
  } else if (!query.tags.empty()) {
    std::vector<std::uint32_t> any;
    for (const auto& tag : query.tags) {
      auto found = rows_with(vocabulary, line, tag_label(tag));
      if (any.empty()) {
        any = std::move(found);
        continue;
      }
      std::vector<std::uint32_t> both;
      std::set_union(any.begin(), any.end(), found.begin(), found.end(), std::back_inserter(both));
      any = std::move(both);
    }
    meet(std::move(any));
  }
  for (const auto& [key, value] : query.metadata)
    meet(rows_with(vocabulary, line, metadata_label(key, value)));
  if (query.start || query.end) meet(rows_in_time());
  if (hidden.empty() || passing->empty()) return;
  std::vector<std::uint32_t> seen;
  std::set_difference(passing->begin(), passing->end(), hidden.begin(), hidden.end(),
                      std::back_inserter(seen));
  passing = std::move(seen);
}

std::vector<std::uint32_t> ArchivalSearch::rows_in_time() const {
  std::vector<std::uint32_t> found;
  std::uint32_t number = 0;
  for (const auto& part : line)
    for (std::size_t i = 0; i < part.rows; ++i, ++number) {
      const auto time = part.index->row(i).time_us;
      if ((!query.start || time >= *query.start) && (!query.end || time < *query.end))
        found.push_back(number);
    }
  return found;
}

std::size_t ArchivalSearch::count() const {
  return passing ? passing->size() : rows - hidden.size();
}

std::size_t ArchivalSearch::wanted() const {
  return static_cast<std::size_t>(query.limit) + static_cast<std::size_t>(query.offset);
}

bool ArchivalSearch::passes(std::uint32_t row) const {
  return passing ? std::binary_search(passing->begin(), passing->end(), row)
                 : !std::binary_search(hidden.begin(), hidden.end(), row);
}

std::vector<std::uint32_t> ArchivalSearch::waiting() const {
  std::vector<std::uint32_t> found;
  for (auto row = static_cast<std::uint32_t>(committed); row < rows; ++row)
    if (passes(row)) found.push_back(row);
  return found;
}

bool ArchivalSearch::propose() {
  for (const auto row : rows_of(*query.proposed))
    if (passes(row)) proposed.push_back(row);
  return proposed.size() >= std::min(wanted(), count() - waiting().size());
}

std::vector<ArchivalSearch::Scored> ArchivalSearch::newest() const {
  std::vector<Scored> scored;
  auto end = static_cast<std::uint32_t>(rows);
  // As many of each part.
  for (auto part = line.rbegin(); part != line.rend(); ++part) {
    const auto begin = end - static_cast<std::uint32_t>(part->rows);
    const auto enough = scored.size() + wanted();
    for (auto row = end; row-- > begin && scored.size() < enough;) {
      if (passes(row)) scored.push_back({row, 0, 0, {}});
    }
    end = begin;
  }
  order(scored);
  return scored;
}

double ArchivalSearch::similarity(std::uint32_t row) const {
  if (row >= committed) {
    const auto& own = pending.inserted[row - committed].vector;
    return own.size() != query.vector.size() ||
                   pending.inserted[row - committed].embedder != embedder
               ? 0
               : rounded_cosine(std::inner_product(query.vector.begin(), query.vector.end(),
                                                   own.begin(), 0.0));
  }
  if (in_file != nullptr) return rounded_cosine(in_file->cosine(key(row)).value_or(0));
  std::size_t at = row;
  for (const auto& part : vectors) {
    if (at < part.rows) {
      if (part.vectors == nullptr || at >= part.vectors->codes().size()) return 0;
      return rounded_cosine(part.vectors->codes().cosine(at, coded));
    }
    at -= part.rows;
  }
  return 0;
}

std::vector<ArchivalSearch::Scored> ArchivalSearch::by_vector() const {
  std::vector<Scored> scored;
  for (const auto row : near(wanted())) {
    const double cosine = similarity(row);
    scored.push_back({row, cosine, cosine, {}});
  }
  order(scored);
  return scored;
}

std::vector<ArchivalSearch::Scored> ArchivalSearch::best() {
  const auto wanted = std::max(kFused, this->wanted());
  request.text = query.text;
  request.options = query.ranking;
  request.line = line;
  request.times = query.times;
  request.wanted = wanted;
  request.hidden = hidden;
  if (passing) request.only = *passing;
  request.has_phrase = [this](const SeenRows& part, std::size_t row,
                              const std::vector<std::string>& phrase) {
    const auto passage = part.index == line.back().index && !pending.inserted.empty()
                             ? std::optional(pending.inserted[row])
                             : load_passage(db, part.index->row(row).key);
    return passage && has_phrase(passage->text, phrase);
  };
  const bool dense = !query.vector.empty() && query.dense > 0;
  if (dense)
    request.also =
        near(count() <= exact ? wanted : std::max(kFusedNear, kFusedNear / 50 * this->wanted()));
  ranking = rank(vocabulary, request);
  return fused(dense);
}

std::vector<std::uint32_t> ArchivalSearch::near(std::size_t wanted) const {
  auto found = waiting();
  if (query.proposed) {
    found.insert(found.end(), proposed.begin(), proposed.end());
  } else if (in_file != nullptr) {
    NearestInFile best(*in_file, wanted);
    for (std::uint32_t row = 0; row < committed; ++row)
      if (passes(row)) best.offer(row, key(row));
    for (const auto row : best.rows()) found.push_back(row);
  } else {
    for (const auto& row :
         nearest(vectors, coded, wanted, passing ? &*passing : nullptr, hidden, exact))
      found.push_back(row.number);
  }
  std::sort(found.begin(), found.end());
  return found;
}

void ArchivalSearch::order(std::vector<Scored>& scored) const {
  std::sort(scored.begin(), scored.end(), [this](const Scored& a, const Scored& b) {
    return a.score != b.score ? a.score > b.score : is_newer(a.row, b.row);
  });
}

std::vector<ArchivalSearch::Scored> ArchivalSearch::fused(bool dense) const {
  std::vector<Scored> scored;
  double best_words = 0;
  double best_similarity = 0;
  for (const auto& ranked : ranking.best) {
    Scored one{ranked.number, ranked.score, 0, ranked};
    if (!query.vector.empty()) one.similarity = similarity(one.row);
    best_words = std::max(best_words, one.score);
    best_similarity = std::max(best_similarity, one.similarity);
    scored.push_back(one);
  }
  if (dense && best_similarity > 0)
    for (auto& one : scored) {
      const double near = std::max(0.0, one.similarity);
      one.score =
          best_words <= 0
              ? near
              : (one.score / best_words + query.dense * near / best_similarity) / (1 + query.dense);
      one.score = rounded(one.score);
    }
  order(scored);
  return scored;
}

}  // namespace memgpt
