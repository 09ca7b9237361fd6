#include "store/archival.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "error.h"
#include "memory/exact.h"
#include "memory/json.h"
#include "store/file_vectors.h"
#include "store/passage_labels.h"
#include "store/passage_vectors.h"
#include "store/purge.h"
#include "store/query_words.h"
#include "store/rows.h"

namespace memgpt {

namespace {

// As many of the best by words, and by vectors, are compared with each other.
constexpr std::size_t kFused = 1000;

std::optional<Passage> load_passage(Database& db, std::int64_t id) {
  static const std::string sql =
      std::string("SELECT ") + kPassageColumns + " FROM passage p WHERE p.id = ?1";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(id).step()) return std::nullopt;
  return read_passage(row);
}

// Rounded, so that the order does not hang on the last bit of a machine's arithmetic.
double rounded_cosine(double cosine) { return std::round(cosine * 1e5) / 1e5; }

}  // namespace

// Passages of an archive that were written on one branch.
struct ArchivalIndexes::Branch {
  TextIndex index;
  std::int64_t last_id = 0;
  std::int64_t last_retired = 0;                               // seq
  std::vector<std::pair<std::int64_t, std::int64_t>> retired;  // seq, id

  void read(Database& db, Vocabulary& vocabulary, const std::string& archive, std::int64_t branch) {
    auto& row = db.prepare(
        "SELECT p.id, p.seq, p.text, p.tags, p.metadata, p.time_us FROM passage p "
        "WHERE p.branch = ?1 AND p.id > ?2 AND p.archive = ?3 ORDER BY p.id");
    const Reset reset(row);
    row.bind(branch, last_id, archive);
    while (row.step()) {
      last_id = row.integer(0);
      const auto labels = labels_of(strings_from_json(row.view(3)), row.view(4));
      index.add(vocabulary, {last_id, row.integer(1), row.view(2), "", row.integer(5),
                             session_of(labels, -last_id), 1, labels.labels});
    }
    auto& gone = db.prepare(
        "SELECT seq, target FROM retirement WHERE branch = ?1 AND seq > ?2 AND kind = 'passage' "
        "ORDER BY seq, target");
    const Reset reset_gone(gone);
    gone.bind(branch, last_retired);
    while (gone.step()) {
      last_retired = gone.integer(0);
      retired.emplace_back(gone.integer(0), gone.integer(1));
    }
  }
};

// One search: the rows that the head sees, filtered, ranked, and put together.
struct ArchivalIndexes::Search {
  struct Scored {
    std::uint32_t row = 0;
    double score = 0;
    double similarity = 0;
    RankedRow ranked;
  };

  Database& db;
  const ArchivalQuery& query;
  const PendingPassages& pending;
  const Vocabulary& vocabulary;
  const PassageVectors* vectors = nullptr;
  const FileVectors* in_file = nullptr;  // in their place
  std::vector<SeenRows> line;            // the last part: what is pending, if anything
  std::size_t committed = 0;             // rows
  std::vector<std::uint32_t> hidden;
  std::vector<std::uint32_t> passing = {};   // that are seen and pass the filters
  std::vector<std::uint32_t> proposed = {};  // of these, by the program's own store
  RankRequest request = {};
  Ranking ranking = {};

  [[nodiscard]] std::int64_t key(std::uint32_t row) const {
    std::size_t at = row;
    for (const auto& part : line) {
      if (at < part.rows) return part.index->row(at).key;
      at -= part.rows;
    }
    return 0;
  }

  // Of the committed rows with these ids.
  [[nodiscard]] std::vector<std::uint32_t> rows_of(std::vector<std::int64_t> ids) const {
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

  // False where too few of them pass.
  bool propose() {
    proposed = rows_of(*query.proposed);
    keep(proposed, passing);
    const auto old = std::lower_bound(passing.begin(), passing.end(), committed) - passing.begin();
    return std::ssize(proposed) >= std::min(std::int64_t{query.limit} + query.offset, old);
  }

  static void keep(std::vector<std::uint32_t>& rows, const std::vector<std::uint32_t>& others) {
    std::vector<std::uint32_t> both;
    std::set_intersection(rows.begin(), rows.end(), others.begin(), others.end(),
                          std::back_inserter(both));
    rows = std::move(both);
  }

  // True where every passage passes.
  bool filter() {
    std::uint32_t number = 0;
    for (const auto& part : line)
      for (std::size_t i = 0; i < part.rows; ++i, ++number) {
        const auto time = part.index->row(i).time_us;
        if ((!query.start || time >= *query.start) && (!query.end || time < *query.end))
          passing.push_back(number);
      }
    if (!hidden.empty()) {
      std::vector<std::uint32_t> seen;
      std::set_difference(passing.begin(), passing.end(), hidden.begin(), hidden.end(),
                          std::back_inserter(seen));
      passing = std::move(seen);
    }
    if (query.all_tags) {
      for (const auto& tag : query.tags) keep(passing, rows_with(vocabulary, line, tag_label(tag)));
    } else if (!query.tags.empty()) {
      std::vector<std::uint32_t> any;
      for (const auto& tag : query.tags) {
        const auto rows = rows_with(vocabulary, line, tag_label(tag));
        std::vector<std::uint32_t> both;
        std::set_union(any.begin(), any.end(), rows.begin(), rows.end(), std::back_inserter(both));
        any = std::move(both);
      }
      keep(passing, any);
    }
    for (const auto& [key, value] : query.metadata)
      keep(passing, rows_with(vocabulary, line, metadata_label(key, json::parse(value))));
    return passing.size() == number;
  }

  [[nodiscard]] std::vector<Scored> newest() const {
    std::vector<Scored> scored;
    for (auto row = passing.rbegin(); row != passing.rend(); ++row)
      scored.push_back({*row, 0, 0, {}});
    return scored;
  }

  [[nodiscard]] double similarity(std::uint32_t row) const {
    std::optional<double> cosine;
    if (row >= committed) {
      const auto& own = pending.inserted[row - committed].vector;
      if (own.size() == query.vector.size())
        cosine = std::inner_product(query.vector.begin(), query.vector.end(), own.begin(), 0.0);
    } else if (in_file != nullptr) {
      cosine = in_file->cosine(key(row));
    } else if (vectors != nullptr) {
      cosine = vectors->cosine(key(row), query.vector);
    }
    return cosine ? rounded_cosine(*cosine) : 0;
  }

  [[nodiscard]] std::vector<Scored> best(bool unfiltered) {
    const auto wanted = std::max(
        kFused, static_cast<std::size_t>(query.limit) + static_cast<std::size_t>(query.offset));
    request.text = query.text;
    request.options = query.ranking;
    request.line = line;
    request.times = query.times;
    request.wanted = wanted;
    request.hidden = hidden;
    if (!unfiltered) request.only = passing;
    request.has_phrase = [this](const SeenRows& part, std::size_t row,
                                const std::vector<std::string>& phrase) {
      const auto passage = part.index == line.back().index && !pending.inserted.empty()
                               ? std::optional(pending.inserted[row])
                               : load_passage(db, part.index->row(row).key);
      return passage && has_phrase(passage->text, phrase);
    };
    const bool dense = !query.vector.empty() && query.dense > 0;
    if (dense) request.also = near(wanted);
    ranking = rank(vocabulary, request);
    return fused(dense);
  }

  // Rows that are near by their vectors, in order.
  [[nodiscard]] std::vector<std::uint32_t> near(std::size_t wanted) const {
    if (in_file != nullptr) return near_in_file(wanted);
    std::vector<std::pair<std::int64_t, std::uint32_t>> rows;  // by id
    std::vector<std::uint32_t> found;
    for (const auto row : passing) {
      if (row < committed)
        rows.emplace_back(key(row), row);
      else
        found.push_back(row);
    }
    if (vectors == nullptr) return found;
    std::sort(rows.begin(), rows.end());
    std::vector<std::int64_t> ids;
    ids.reserve(rows.size());
    for (const auto& [id, row] : rows) ids.push_back(id);
    for (const auto id : vectors->nearest(ids, query.vector, wanted))
      found.push_back(std::lower_bound(rows.begin(), rows.end(), std::make_pair(id, 0U))->second);
    std::sort(found.begin(), found.end());
    return found;
  }

  // The same where a store of the program's own has the index.
  [[nodiscard]] std::vector<std::uint32_t> near_in_file(std::size_t wanted) const {
    const auto pending_begin = std::lower_bound(passing.begin(), passing.end(), committed);
    auto found = proposed;
    if (!query.proposed) {
      std::vector<std::int64_t> ids;
      for (auto row = passing.begin(); row != pending_begin; ++row) ids.push_back(key(*row));
      for (const auto at : in_file->nearest(ids, wanted)) found.push_back(passing[at]);
      std::sort(found.begin(), found.end());
    }
    found.insert(found.end(), pending_begin, passing.end());
    return found;
  }

  [[nodiscard]] std::vector<Scored> fused(bool dense) const {
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
        one.score = best_words <= 0
                        ? near
                        : (one.score / best_words + query.dense * near / best_similarity) /
                              (1 + query.dense);
        one.score = rounded(one.score);
      }
    std::sort(scored.begin(), scored.end(), [](const Scored& a, const Scored& b) {
      return a.score != b.score ? a.score > b.score : a.row > b.row;
    });
    return scored;
  }
};

ArchivalIndexes::ArchivalIndexes() = default;
ArchivalIndexes::~ArchivalIndexes() = default;

void ArchivalIndexes::clear() {
  const std::scoped_lock lock(mutex_);
  vectors_.clear();
  branches_.clear();
  vocabulary_ = Vocabulary();
}

ArchivalIndexes::Line ArchivalIndexes::catch_up(Journal& journal, Database& db,
                                                const std::string& archive, Head head) {
  if (const auto purge = newest_purge(db); purge != purge_) {
    vectors_.clear();
    branches_.clear();
    vocabulary_ = Vocabulary();
    purge_ = purge;
  }
  Line line;
  const auto lineage = journal.lineage(db, head);
  for (const auto& segment : lineage.segments()) {
    auto& branch = branches_[archive + '\n' + std::to_string(segment.branch)];
    if (!branch) branch = std::make_unique<Branch>();
    branch->read(db, vocabulary_, archive, segment.branch);
    if (const auto rows = branch->index.rows_up_to(segment.last_seq); rows > 0)
      line.parts.push_back({&branch->index, rows});
    for (const auto& [seq, id] : branch->retired)
      if (seq <= segment.last_seq) line.retired.push_back(id);
  }
  return line;
}

double ArchivalIndexes::idf(Journal& journal, const std::string& archive, Head head,
                            std::string_view word) {
  const std::scoped_lock lock(mutex_);
  const auto reader = journal.reader();
  const auto line = catch_up(journal, reader.db, archive, head);
  return memgpt::idf(vocabulary_, line.parts, word);
}

Sight ArchivalIndexes::sight(Journal& journal, const std::string& archive, Head head,
                             const PendingPassages& pending) {
  const std::scoped_lock lock(mutex_);
  const auto reader = journal.reader();
  Sight sight;
  for (const auto& segment : journal.lineage(reader.db, head))
    sight.line.emplace_back(segment.branch, segment.last_seq);
  sight.hidden = catch_up(journal, reader.db, archive, head).retired;
  sight.hidden.insert(sight.hidden.end(), pending.retired.begin(), pending.retired.end());
  return sight;
}

ArchivalPage ArchivalIndexes::search(Journal& journal, const std::string& archive,
                                     const std::string& embedder, Head head,
                                     const ArchivalQuery& query, const PendingPassages& pending) {
  check_ranking(query.ranking);
  ArchivalPage page;
  if (query.limit <= 0 || query.offset < 0) return page;
  const std::scoped_lock lock(mutex_);
  const auto reader = journal.reader();
  auto line = catch_up(journal, reader.db, archive, head);
  Search search{reader.db, query, pending, vocabulary_, nullptr, nullptr, std::move(line.parts),
                0,         {}};
  for (const auto& part : search.line) search.committed += part.rows;
  line.retired.insert(line.retired.end(), pending.retired.begin(), pending.retired.end());
  TextIndex unwritten;
  for (const auto& passage : pending.inserted) {
    const auto labels = labels_of(passage.tags, passage.metadata);
    const auto number = static_cast<std::int64_t>(unwritten.size());
    unwritten.add(
        vocabulary_,
        {number, 0, passage.text, "", passage.time_us,
         session_of(labels, std::numeric_limits<std::int64_t>::min() + number), 1, labels.labels});
  }
  if (unwritten.size() > 0) search.line.push_back({&unwritten, unwritten.size()});
  search.hidden = search.rows_of(std::move(line.retired));

  const bool unfiltered = search.filter();
  page.total = static_cast<std::int64_t>(search.passing.size());
  if (query.proposed && !search.propose()) {
    page.too_few_proposed = true;
    return page;
  }
  const FileVectors in_file(reader.db, embedder, query.vector);
  std::vector<Search::Scored> scored;
  if (query.text.empty()) {
    scored = search.newest();
  } else {
    if (!query.vector.empty() && query.from_file) {
      search.in_file = &in_file;
    } else if (!query.vector.empty()) {
      const auto dimension = static_cast<std::int64_t>(query.vector.size());
      auto& vectors = vectors_[archive + '\n' + embedder + '\n' + std::to_string(dimension)];
      if (!vectors) vectors = std::make_unique<PassageVectors>();
      vectors->catch_up(reader.db, archive, embedder, dimension);
      search.vectors = vectors.get();
    }
    scored = search.best(unfiltered);
  }

  const QueryTerms terms(query.text, query.ranking);
  for (auto i = static_cast<std::size_t>(query.offset);
       i < scored.size() && page.hits.size() < static_cast<std::size_t>(query.limit); ++i) {
    auto& one = scored[i];
    auto passage = one.row < search.committed ? load_passage(reader.db, search.key(one.row))
                                              : pending.inserted[one.row - search.committed];
    if (!passage) throw StoreError("a passage is gone from the journal");
    ArchivalHit hit{std::move(*passage), one.score, one.similarity, {}, {}, {}};
    hit.snippet = make_snippet(hit.passage.text, terms);
    if (search.ranking.explain) {
      auto why = search.ranking.explain(one.ranked);
      hit.terms = std::move(why.terms);
      hit.factors = std::move(why.factors);
    }
    page.hits.push_back(std::move(hit));
  }
  return page;
}

}  // namespace memgpt
