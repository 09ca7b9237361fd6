#include "store/archival.h"

#include <algorithm>

#include "error.h"
#include "store/archival_search.h"
#include "store/passage_labels.h"
#include "store/passage_vectors.h"
#include "store/purge.h"
#include "store/query_words.h"
#include "store/rows.h"
#include "store/unused.h"

namespace memgpt {

namespace {

// Lists are made anew where a quarter of their rows were deleted, or a tenth came since.
constexpr std::size_t kDeletedShare = 4;
constexpr std::size_t kGrowthShare = 10;

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
  retired_.clear();
  vocabulary_ = Vocabulary();
}

void ArchivalIndexes::clear() {
  stop();
  const std::scoped_lock lock(mutex_);
  forget();
  files_.remove();
}

std::vector<ArchivalIndexes::Segment> ArchivalIndexes::segments_of(Journal& journal, Database& db,
                                                                   const ArchiveView& view) {
  std::vector<Segment> segments;
  for (const auto& segment : journal.lineage(db, view.head)) {
    auto& branch = branches_[view.archive + '\n' + std::to_string(segment.branch)];
    if (!branch) branch = std::make_unique<Branch>(view.archive, segment.branch);
    branch->read(db, vocabulary_);
    branch->used = searches_;
    const auto& retired = branch->retired;
    const auto end =
        std::upper_bound(retired.begin(), retired.end(), segment.last_seq,
                         [](std::int64_t seq, const auto& entry) { return seq < entry.first; });
    segments.push_back({branch.get(), branch->index.rows_up_to(segment.last_seq),
                        static_cast<std::size_t>(end - retired.begin())});
  }
  return segments;
}

const std::vector<std::uint32_t>& ArchivalIndexes::retired_rows(
    const std::string& view, const std::vector<Segment>& segments) {
  auto& known = retired_[view];
  // It goes on from there where all but the end of the last segment are what they were.
  bool goes_on = known.seen.size() == segments.size();
  for (std::size_t i = 0; goes_on && i < segments.size(); ++i) {
    const auto [rows, retired] = known.seen[i];
    goes_on = i + 1 < segments.size() ? rows == segments[i].rows && retired == segments[i].retired
                                      : rows <= segments[i].rows && retired <= segments[i].retired;
  }
  if (!goes_on) known = {};
  const auto before = static_cast<std::ptrdiff_t>(known.rows.size());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto& retired = segments[i].branch->retired;
    for (auto k = goes_on ? known.seen[i].second : 0; k < segments[i].retired; ++k) {
      std::size_t offset = 0;
      for (const auto& [branch, rows, of] : segments) {
        const auto at = branch->index.rows_before(retired[k].second);
        if (at < rows && branch->index.row(at).key == retired[k].second)
          known.rows.push_back(static_cast<std::uint32_t>(offset + at));
        offset += rows;
      }
    }
  }
  std::sort(known.rows.begin() + before, known.rows.end());
  std::inplace_merge(known.rows.begin(), known.rows.begin() + before, known.rows.end());
  known.rows.erase(std::unique(known.rows.begin(), known.rows.end()), known.rows.end());
  known.seen.clear();
  for (const auto& segment : segments) known.seen.emplace_back(segment.rows, segment.retired);
  return known.rows;
}

void ArchivalIndexes::clear(Journal& journal, const VectorSet& vectors) {
  const std::scoped_lock lock(mutex_);
  const auto width = static_cast<std::size_t>(vectors.dimension);
  const auto reader = journal.reader();
  auto& row = reader.db.prepare("SELECT DISTINCT branch FROM passage WHERE archive = ?1");
  const Reset reset(row);
  row.bind(vectors.archive);
  while (row.step()) {
    const auto branch = branches_.find(vectors.archive + '\n' + row.text(0));
    if (branch != branches_.end())
      branch->second->vectors.erase(vectors.embedder + '\n' + std::to_string(width));
    files_.remove({vectors.archive, row.integer(0), vectors.embedder, width, 0, 0});
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
  std::size_t offset = 0;
  for (const auto& view : views) {
    const auto segments = segments_of(journal, db, view);
    for (const auto row :
         retired_rows(view.archive + '\n' + std::to_string(view.head.branch), segments))
      line.retired.push_back(static_cast<std::uint32_t>(offset + row));
    for (const auto& segment : segments) {
      if (segment.rows == 0) continue;
      line.parts.push_back({&segment.branch->index, segment.rows});
      line.branches.push_back(segment.branch);
      line.archives.push_back(view.name);
      offset += segment.rows;
    }
  }
  drop_unused(branches_, vocabulary_.bytes(), options_.bytes, searches_);
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
  static_cast<void>(catch_up(journal, reader.db, {view}));
  for (const auto& segment : segments_of(journal, reader.db, view))
    for (std::size_t i = 0; i < segment.retired; ++i)
      sight.hidden.push_back(segment.branch->retired[i].second);
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
  ArchivalSearch search{reader.db,      query,    pending,    vocabulary_,
                        options_.exact, embedder, line.parts, line.archives};
  for (const auto& part : search.line) search.committed += part.rows;
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
  search.hidden = search.rows_of(pending.retired);
  if (search.hidden.empty()) {
    search.hidden = std::move(line.retired);
  } else {
    const auto own = static_cast<std::ptrdiff_t>(search.hidden.size());
    search.hidden.insert(search.hidden.end(), line.retired.begin(), line.retired.end());
    std::inplace_merge(search.hidden.begin(), search.hidden.begin() + own, search.hidden.end());
    search.hidden.erase(std::unique(search.hidden.begin(), search.hidden.end()),
                        search.hidden.end());
  }

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
  std::vector<ArchivalSearch::Scored> scored;
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
