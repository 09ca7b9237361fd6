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
// Where there are more passages than are searched exactly, these many by vectors.
constexpr std::size_t kFusedNear = 200;
// Lists are made anew where a quarter of their rows were deleted, or a tenth came since.
constexpr std::size_t kDeletedShare = 4;
constexpr std::size_t kGrowthShare = 10;

std::optional<Passage> load_passage(Database& db, std::int64_t id) {
  static const std::string sql =
      std::string("SELECT ") + kPassageColumns + " FROM passage p WHERE p.id = ?1";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(id).step()) return std::nullopt;
  return read_passage(row);
}

std::int64_t vector_epoch(Database& db, const std::string& archive, const std::string& embedder) {
  auto& row = db.prepare("SELECT epoch FROM vector_epoch WHERE archive = ?1 AND embedder = ?2");
  const Reset reset(row);
  return row.bind(archive, embedder).step() ? row.integer(0) : 0;
}

}  // namespace

// Passages of an archive that were written on one branch.
struct ArchivalIndexes::Branch {
  Branch(std::string in, std::int64_t number) : archive(std::move(in)), id(number) {}

  std::string archive;
  std::int64_t id;
  TextIndex index;
  std::int64_t last_id = 0;
  std::int64_t last_retired = 0;                               // seq
  std::vector<std::pair<std::int64_t, std::int64_t>> retired;  // seq, id
  std::vector<std::uint32_t> retired_rows;                     // of the branch itself, in order
  std::unordered_map<std::string, std::unique_ptr<PassageVectors>> vectors;  // by embedder
  std::uint64_t used = 0;

  [[nodiscard]] std::size_t bytes() const {
    std::size_t sum = index.bytes();
    for (const auto& [embedder, part] : vectors) sum += part->bytes();
    return sum;
  }

  void read(Database& db, Vocabulary& vocabulary) {
    auto& row = db.prepare(
        "SELECT p.id, p.seq, p.text, p.tags, p.metadata, p.time_us FROM passage p "
        "WHERE p.branch = ?1 AND p.id > ?2 AND p.archive = ?3 ORDER BY p.id");
    const Reset reset(row);
    row.bind(id, last_id, archive);
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
    gone.bind(id, last_retired);
    while (gone.step()) {
      last_retired = gone.integer(0);
      retired.emplace_back(gone.integer(0), gone.integer(1));
      const auto at = index.rows_before(gone.integer(1));
      if (at < index.size() && index.row(at).key == gone.integer(1))
        retired_rows.push_back(static_cast<std::uint32_t>(at));
    }
    if (!std::is_sorted(retired_rows.begin(), retired_rows.end()))
      std::sort(retired_rows.begin(), retired_rows.end());
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
  std::size_t exact;
  const std::string& embedder;        // of the query's vector
  std::vector<SeenRows> line;         // the last part: what is pending, if anything
  std::vector<std::string> archives;  // of each part that is committed
  std::vector<SeenVectors> vectors = {};
  CodedQuery coded = {};
  const FileVectors* in_file = nullptr;  // in their place
  std::size_t committed = 0;             // rows
  std::size_t rows = 0;                  // with those that are pending
  std::vector<std::uint32_t> hidden = {};
  // That are seen and pass the filters; nothing: all that are seen.
  std::optional<std::vector<std::uint32_t>> passing = {};
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

  [[nodiscard]] std::string archive_of(std::uint32_t row) const {
    if (row >= committed) return pending.archives.at(row - committed);
    std::size_t at = row;
    std::size_t part = 0;
    while (at >= line[part].rows) at -= line[part++].rows;
    return archives[part];
  }

  // Rows of one archive stand in the order in which they were filed; of several their ids tell.
  [[nodiscard]] bool is_newer(std::uint32_t a, std::uint32_t b) const {
    const bool mixed = !archives.empty() && archives.front() != archives.back();
    return mixed && a < committed && b < committed ? key(a) > key(b) : a > b;
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

  static void keep(std::vector<std::uint32_t>& rows, const std::vector<std::uint32_t>& others) {
    std::vector<std::uint32_t> both;
    std::set_intersection(rows.begin(), rows.end(), others.begin(), others.end(),
                          std::back_inserter(both));
    rows = std::move(both);
  }

  void filter() {
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
        std::set_union(any.begin(), any.end(), found.begin(), found.end(),
                       std::back_inserter(both));
        any = std::move(both);
      }
      meet(std::move(any));
    }
    for (const auto& [key, value] : query.metadata)
      meet(rows_with(vocabulary, line, metadata_label(key, json::parse(value))));
    if (query.start || query.end) meet(rows_in_time());
    if (hidden.empty()) return;
    std::vector<std::uint32_t> seen;
    std::set_difference(passing->begin(), passing->end(), hidden.begin(), hidden.end(),
                        std::back_inserter(seen));
    passing = std::move(seen);
  }

  [[nodiscard]] std::vector<std::uint32_t> rows_in_time() const {
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

  [[nodiscard]] std::size_t count() const {
    return passing ? passing->size() : rows - hidden.size();
  }
  [[nodiscard]] std::size_t wanted() const {
    return static_cast<std::size_t>(query.limit) + static_cast<std::size_t>(query.offset);
  }

  [[nodiscard]] bool passes(std::uint32_t row) const {
    return passing ? std::binary_search(passing->begin(), passing->end(), row)
                   : !std::binary_search(hidden.begin(), hidden.end(), row);
  }
  // Those that wait for their commit.
  [[nodiscard]] std::vector<std::uint32_t> waiting() const {
    std::vector<std::uint32_t> found;
    for (auto row = static_cast<std::uint32_t>(committed); row < rows; ++row)
      if (passes(row)) found.push_back(row);
    return found;
  }
  // False where too few of those pass that the program's own store proposes.
  bool propose() {
    for (const auto row : rows_of(*query.proposed))
      if (passes(row)) proposed.push_back(row);
    return proposed.size() >= std::min(wanted(), count() - waiting().size());
  }

  [[nodiscard]] std::vector<Scored> newest() const {
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

  [[nodiscard]] double similarity(std::uint32_t row) const {
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

  // By the vector alone.
  [[nodiscard]] std::vector<Scored> by_vector() const {
    std::vector<Scored> scored;
    for (const auto row : near(wanted())) {
      const double cosine = similarity(row);
      scored.push_back({row, cosine, cosine, {}});
    }
    order(scored);
    return scored;
  }

  [[nodiscard]] std::vector<Scored> best() {
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

  // Rows that are near by their vectors, in order; also those that wait for their commit.
  [[nodiscard]] std::vector<std::uint32_t> near(std::size_t wanted) const {
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

  void order(std::vector<Scored>& scored) const {
    std::sort(scored.begin(), scored.end(), [this](const Scored& a, const Scored& b) {
      return a.score != b.score ? a.score > b.score : is_newer(a.row, b.row);
    });
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
    order(scored);
    return scored;
  }
};

ArchivalIndexes::ArchivalIndexes(ArchivalOptions options)
    : options_(std::move(options)), files_(options_.folder) {}

ArchivalIndexes::~ArchivalIndexes() {
  // In a forked child its thread is not there, and what it waits with must not be touched.
  if (builder_ && builder_->forked())
    static_cast<void>(builder_.release());  // NOLINT(bugprone-unused-return-value)
}

void ArchivalIndexes::stop() {
  std::unique_ptr<ListsBuilder> stopped;
  {
    const std::scoped_lock lock(mutex_);
    stopped = std::move(builder_);
    for (auto& [key, branch] : branches_)
      for (auto& [embedder, vectors] : branch->vectors) vectors->in_work = false;
  }
  // It may be waiting for the mutex: it is destroyed without.
  stopped.reset();
}

void ArchivalIndexes::wait() {
  ListsBuilder* builder = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    builder = builder_.get();
  }
  if (builder != nullptr) builder->wait();
}

void ArchivalIndexes::forget() {
  branches_.clear();
  vocabulary_ = Vocabulary();
}

void ArchivalIndexes::clear() {
  stop();
  const std::scoped_lock lock(mutex_);
  forget();
  files_.remove();
}

void ArchivalIndexes::drop_unused() {
  std::size_t bytes = vocabulary_.bytes();
  for (const auto& [key, branch] : branches_) bytes += branch->bytes();
  while (bytes > options_.bytes) {
    auto oldest = branches_.end();
    for (auto at = branches_.begin(); at != branches_.end(); ++at)
      if (at->second->used != searches_ &&
          (oldest == branches_.end() || at->second->used < oldest->second->used))
        oldest = at;
    if (oldest == branches_.end()) return;
    bytes -= oldest->second->bytes();
    branches_.erase(oldest);
  }
}

ArchivalIndexes::Line ArchivalIndexes::catch_up(Journal& journal, Database& db,
                                                const std::vector<ArchiveView>& views) {
  if (const auto purge = newest_purge(db); purge != purge_) {
    forget();
    purge_ = purge;
  }
  ++searches_;
  Line line;
  for (const auto& view : views)
    for (const auto& segment : journal.lineage(db, view.head)) {
      auto& branch = branches_[view.archive + '\n' + std::to_string(segment.branch)];
      if (!branch) branch = std::make_unique<Branch>(view.archive, segment.branch);
      branch->read(db, vocabulary_);
      branch->used = searches_;
      if (const auto rows = branch->index.rows_up_to(segment.last_seq); rows > 0) {
        line.parts.push_back({&branch->index, rows});
        line.branches.push_back(branch.get());
        line.archives.push_back(view.name);
      }
      for (const auto& [seq, id] : branch->retired)
        if (seq <= segment.last_seq) line.retired.push_back(id);
    }
  drop_unused();
  return line;
}

std::vector<SeenVectors> ArchivalIndexes::vectors_of(Database& db, const Line& line,
                                                     const std::string& embedder,
                                                     std::size_t dimension) {
  std::vector<SeenVectors> seen;
  std::unordered_map<std::string, std::int64_t> epochs;
  for (std::size_t i = 0; i < line.parts.size(); ++i) {
    auto& branch = *line.branches[i];
    auto epoch = epochs.find(branch.archive);
    if (epoch == epochs.end())
      epoch = epochs.emplace(branch.archive, vector_epoch(db, branch.archive, embedder)).first;
    VectorsKey key{branch.archive, branch.id, embedder, dimension, purge_, epoch->second};
    auto& vectors = branch.vectors[embedder + '\n' + std::to_string(dimension)];
    if (!vectors || !(vectors->key() == key))
      vectors = std::make_unique<PassageVectors>(std::move(key));
    vectors->catch_up(db, files_);
    improve(db, branch, *vectors);
    seen.push_back({vectors.get(), line.parts[i].rows});
  }
  return seen;
}

// Has lists made in the background where there are none, or much has changed since.
void ArchivalIndexes::improve(Database& db, Branch& branch, PassageVectors& vectors) {
  const auto rows = vectors.codes().size();
  if (vectors.in_work || rows <= options_.exact) return;
  const auto& retired = branch.retired_rows;
  const auto* lists = vectors.lists();
  if (lists != nullptr) {
    const bool sparse =
        retired.size() > vectors.left_out().size() + lists->rows().size() / kDeletedShare;
    const auto least = std::max(options_.exact / 4, lists->rows().size() / kGrowthShare);
    if (!sparse && rows < vectors.listed_rows() + least + VectorCodes::kBlockRows) return;
  }
  auto job = vectors.job(db, retired, [&](std::size_t row) { return branch.index.row(row).key; });
  if (!job) return;
  if (!builder_)
    builder_ = std::make_unique<ListsBuilder>(
        files_,
        [this](const VectorsKey& key, VectorSnapshot made) { put_to_use(key, std::move(made)); });
  vectors.in_work = true;
  builder_->add(*std::move(job));
}

void ArchivalIndexes::put_to_use(const VectorsKey& key, VectorSnapshot made) {
  const std::scoped_lock lock(mutex_);
  const auto branch = branches_.find(key.archive + '\n' + std::to_string(key.branch));
  if (branch == branches_.end()) return;
  for (auto& [embedder, vectors] : branch->second->vectors)
    if (vectors->key() == key && vectors->codes().size() >= made.codes.size()) {
      vectors->in_work = false;
      if (made.lists) vectors->use(std::move(made));
      return;
    }
}

double ArchivalIndexes::idf(Journal& journal, const std::vector<ArchiveView>& views,
                            std::string_view word) {
  const std::scoped_lock lock(mutex_);
  const auto reader = journal.reader();
  const auto line = catch_up(journal, reader.db, views);
  return memgpt::idf(vocabulary_, line.parts, word);
}

Sight ArchivalIndexes::sight(Journal& journal, const ArchiveView& view,
                             const PendingPassages& pending) {
  const std::scoped_lock lock(mutex_);
  const auto reader = journal.reader();
  Sight sight;
  for (const auto& segment : journal.lineage(reader.db, view.head))
    sight.line.emplace_back(segment.branch, segment.last_seq);
  sight.hidden = catch_up(journal, reader.db, {view}).retired;
  sight.hidden.insert(sight.hidden.end(), pending.retired.begin(), pending.retired.end());
  return sight;
}

ArchivalPage ArchivalIndexes::search(Journal& journal, const std::vector<ArchiveView>& views,
                                     const std::string& embedder, const ArchivalQuery& query,
                                     const PendingPassages& pending) {
  check_ranking(query.ranking);
  ArchivalPage page;
  if (query.limit <= 0 || query.offset < 0) return page;
  const std::scoped_lock lock(mutex_);
  const auto reader = journal.reader();
  auto line = catch_up(journal, reader.db, views);
  Search search{reader.db,      query,    pending,    vocabulary_,
                options_.exact, embedder, line.parts, line.archives};
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

  search.rows = search.committed + unwritten.size();
  search.filter();
  page.total = static_cast<std::int64_t>(search.count());
  if (query.proposed && !search.propose()) {
    page.too_few_proposed = true;
    return page;
  }
  const FileVectors in_file(reader.db, embedder, query.vector);
  if (!query.vector.empty() && query.from_file) {
    search.in_file = &in_file;
  } else if (!query.vector.empty()) {
    search.vectors = vectors_of(reader.db, line, embedder, query.vector.size());
    search.coded = code_query(query.vector);
  }
  std::vector<Search::Scored> scored;
  if (!query.text.empty())
    scored = search.best();
  else if (!query.vector.empty())
    scored = search.by_vector();
  else
    scored = search.newest();

  const QueryTerms terms(query.text, query.ranking);
  for (auto i = static_cast<std::size_t>(query.offset);
       i < scored.size() && page.hits.size() < static_cast<std::size_t>(query.limit); ++i) {
    auto& one = scored[i];
    auto passage = one.row < search.committed ? load_passage(reader.db, search.key(one.row))
                                              : pending.inserted[one.row - search.committed];
    if (!passage) throw StoreError("a passage is gone from the journal");
    ArchivalHit hit{
        std::move(*passage), search.archive_of(one.row), one.score, one.similarity, {}, {}, {}};
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
