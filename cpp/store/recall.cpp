#include "store/recall.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>

#include "memory/text.h"
#include "store/purge.h"
#include "store/query_words.h"
#include "store/rows.h"
#include "store/unused.h"

namespace memgpt {

namespace {

constexpr int kMaxNeighbours = 20;

// What was said, and the rest: tool results, alerts, and replies that only repeat what a search
// found. Their neighbours are those of their own kind.
constexpr std::size_t kSaid = 0;
constexpr std::size_t kRest = 1;

unsigned bit_of(Role role) { return 1U << static_cast<unsigned>(role); }

bool has_role(const RecallQuery& query, Role role) {
  return std::find(query.roles.begin(), query.roles.end(), role) != query.roles.end();
}

std::string roles_filter(const std::vector<Role>& roles) {
  std::string sql = " AND m.role IN (";
  for (std::size_t i = 0; i < roles.size(); ++i)
    sql += (i > 0 ? ", '" : "'") + std::string(to_string(roles[i])) + '\'';
  return sql + ")";
}

std::optional<Message> message_at(Database& db, std::int64_t branch, std::int64_t position) {
  static const std::string sql = std::string("SELECT ") + kMessageColumns +
                                 " FROM message m WHERE m.branch = ?1 AND m.position = ?2";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(branch, position).step()) return std::nullopt;  // purged meanwhile
  return read_message(row);
}

// Without a text: the newest of the line that pass the filters.
RecallPage newest(Journal& journal, Head head, const RecallQuery& query) {
  std::string where =
      " FROM message m WHERE m.branch = ?1 AND m.seq <= ?2 AND m.text <> '' AND m.time_us >= ?3 "
      "AND m.time_us < ?4 AND m.position < ?5" +
      roles_filter(query.roles);
  // Echoes of searches stand with the tool results that they repeat.
  if (!has_role(query, Role::tool)) where += std::string(" AND m.type <> '") + kSearchEcho + "'";
  constexpr auto kLowest = std::numeric_limits<std::int64_t>::min();
  constexpr auto kHighest = std::numeric_limits<std::int64_t>::max();
  const auto reader = journal.reader();
  const auto line = journal.lineage(reader.db, head);
  Statement count(reader.db.get(), "SELECT count(*)" + where);
  Statement rows(reader.db.get(), std::string("SELECT ") + kMessageColumns + where +
                                      " ORDER BY m.position DESC LIMIT ?6 OFFSET ?7");
  const QueryTerms nothing("", query.ranking);
  RecallPage page;
  const auto& segments = line.segments();
  std::int64_t skip = std::max(0, query.offset);
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    const auto start = query.start.value_or(kLowest);
    const auto end = query.end.value_or(kHighest);
    const auto before = query.before_position.value_or(kHighest);
    const Reset counted(count);
    count.bind(segment->branch, segment->last_seq, start, end, before);
    const auto matches = count.step() ? count.integer(0) : 0;
    page.total += matches;
    const auto wanted = query.limit - static_cast<std::int64_t>(page.hits.size());
    if (wanted > 0 && skip < matches) {
      const Reset reset(rows);
      rows.bind(segment->branch, segment->last_seq, start, end, before, wanted, skip);
      while (rows.step()) {
        RecallHit hit;
        hit.message = read_message(rows);
        hit.snippet = make_snippet(hit.message.text, nothing);
        page.hits.push_back(std::move(hit));
      }
    }
    skip = std::max<std::int64_t>(0, skip - matches);
  }
  return page;
}

}  // namespace

struct RecallIndexes::Branch {
  std::array<TextIndex, 2> lanes;
  std::int64_t last_position = -1;  // that was read
  std::int64_t last_seq = 0;
  std::atomic<std::uint64_t> used = 0;

  void read(Database& db, Vocabulary& vocabulary, std::int64_t branch) {
    auto& row = db.prepare(
        "SELECT position, seq, role, type, name, text, time_us, session FROM message "
        "WHERE branch = ?1 AND position > ?2 ORDER BY position");
    const Reset reset(row);
    row.bind(branch, last_position);
    while (row.step()) {
      last_position = row.integer(0);
      last_seq = row.integer(1);
      if (row.view(5).empty()) continue;
      const auto role = role_from_string(row.view(2));
      const bool echo = row.view(3) == kSearchEcho;
      const bool said = (role == Role::user || role == Role::assistant) && !echo;
      const auto name = row.view(4);
      lanes[said ? kSaid : kRest].add(
          vocabulary, {row.integer(0), last_seq, row.view(5), name.empty() ? row.view(2) : name,
                       row.integer(6), row.integer(7), bit_of(echo ? Role::tool : role)});
    }
  }
  [[nodiscard]] std::size_t bytes() const { return lanes[kSaid].bytes() + lanes[kRest].bytes(); }
};

struct RecallIndexes::Found {
  std::int64_t branch = 0;
  std::int64_t position = 0;
  RankedRow ranked;
  std::size_t lane = kSaid;
  Explanation why;
  std::vector<Head> before;  // branches and positions
  std::vector<Head> after;
};

RecallIndexes::RecallIndexes(std::size_t bytes) : most_bytes_(bytes) {}
RecallIndexes::~RecallIndexes() = default;

void RecallIndexes::clear() {
  const std::unique_lock lock(mutex_);
  branches_.clear();
  vocabulary_ = Vocabulary();
}

Lineage RecallIndexes::catch_up(Journal& journal, Head head) {
  const std::unique_lock lock(mutex_);
  const auto reader = journal.reader();
  auto line = journal.lineage(reader.db, head);
  if (const auto purge = newest_purge(reader.db); purge != purge_) {
    branches_.clear();
    vocabulary_ = Vocabulary();
    purge_ = purge;
  }
  ++searches_;
  for (const auto& segment : line.segments()) {
    auto& branch = branches_[segment.branch];
    if (!branch) branch = std::make_unique<Branch>();
    branch->used = searches_;
    if (branch->last_seq < segment.last_seq) branch->read(reader.db, vocabulary_, segment.branch);
  }
  drop_unused(branches_, vocabulary_.bytes(), most_bytes_, searches_);
  return line;
}

// Nothing where another thread has dropped what this one had read.
std::optional<std::vector<RecallIndexes::Found>> RecallIndexes::find(const Lineage& line,
                                                                     Journal& journal,
                                                                     const RecallQuery& query,
                                                                     std::int64_t& total) {
  const std::shared_lock lock(mutex_);
  std::vector<const Branch*> branches;
  for (const auto& segment : line.segments()) {
    const auto found = branches_.find(segment.branch);
    if (found == branches_.end()) return std::nullopt;
    branches.push_back(found->second.get());
  }
  const auto wanted =
      static_cast<std::size_t>(query.limit) + static_cast<std::size_t>(std::max(0, query.offset));
  std::array<RankRequest, 2> requests;
  std::array<Ranking, 2> rankings;
  std::array<std::vector<std::int64_t>, 2> branch_ids;
  std::vector<Found> all;
  total = 0;
  for (const auto lane : {kSaid, kRest}) {
    RankRequest& request = requests[lane];
    request.kinds = 0;
    request.assistant_kind = bit_of(Role::assistant);
    for (const auto role : query.roles) request.kinds |= bit_of(role);
    // All that was said.
    if (lane == kSaid && has_role(query, Role::user) && has_role(query, Role::assistant))
      request.kinds = kAnyKind;
    const bool asked = lane == kSaid
                           ? has_role(query, Role::user) || has_role(query, Role::assistant)
                           : has_role(query, Role::tool) || has_role(query, Role::system);
    if (!asked) continue;
    request.text = query.text;
    request.options = query.ranking;
    if (lane == kRest) {
      request.options.window.clear();
      request.options.reply.reset();
    }
    auto& ids = branch_ids[lane];
    for (std::size_t i = 0; i < branches.size(); ++i) {
      const auto& index = branches[i]->lanes[lane];
      auto rows = index.rows_up_to(line.segments()[i].last_seq);
      if (query.before_position) rows = std::min(rows, index.rows_before(*query.before_position));
      if (rows == 0) continue;
      request.line.push_back({&index, rows});
      ids.push_back(line.segments()[i].branch);
    }
    request.times = query.times;
    request.wanted = wanted;
    request.start = query.start;
    request.end = query.end;
    request.has_phrase = [&request, &journal, &ids](const SeenRows& part, std::size_t row,
                                                    const std::vector<std::string>& phrase) {
      const auto at = static_cast<std::size_t>(&part - request.line.data());
      const auto reader = journal.reader();
      const auto message = message_at(reader.db, ids[at], part.index->row(row).key);
      return message && has_phrase(message->text, phrase);
    };
    Ranking& ranking = rankings[lane];
    ranking = rank(vocabulary_, request);
    total += ranking.total;
    for (const auto& one : ranking.best) {
      Found found{
          ids[one.part], request.line[one.part].index->row(one.row).key, one, lane, {}, {}, {}};
      all.push_back(std::move(found));
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Found& a, const Found& b) {
    return a.ranked.score != b.ranked.score ? a.ranked.score > b.ranked.score
                                            : a.position > b.position;
  });
  // Only what is on the page is looked at more closely.
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(
                                           all.size(), static_cast<std::size_t>(query.offset))));
  if (all.size() > static_cast<std::size_t>(query.limit))
    all.resize(static_cast<std::size_t>(query.limit));
  for (auto& found : all) {
    const RankRequest& request = requests[found.lane];
    found.why = rankings[found.lane].explain(found.ranked);
    const auto session = request.line[found.ranked.part].index->row(found.ranked.row).session;
    const auto neighbours = [&](bool after, std::vector<Head>& out) {
      auto part = found.ranked.part;
      auto row = static_cast<std::int64_t>(found.ranked.row);
      while (static_cast<int>(out.size()) < std::min(query.neighbours, kMaxNeighbours)) {
        row += after ? 1 : -1;
        if (row < 0 && part > 0) {
          --part;
          row = static_cast<std::int64_t>(request.line[part].rows) - 1;
        } else if (row >= static_cast<std::int64_t>(request.line[part].rows) &&
                   part + 1 < request.line.size()) {
          ++part;
          row = 0;
        }
        if (row < 0 || row >= static_cast<std::int64_t>(request.line[part].rows)) return;
        const auto& next = request.line[part].index->row(static_cast<std::size_t>(row));
        if (next.session != session) return;
        out.push_back({branch_ids[found.lane][part], next.key});
      }
    };
    neighbours(false, found.before);
    neighbours(true, found.after);
  }
  return all;
}

RecallPage RecallIndexes::search(Journal& journal, Head head, const RecallQuery& query) {
  check_ranking(query.ranking);
  RecallPage page;
  if (query.roles.empty() || query.limit <= 0 || query.offset < 0) return page;
  if (is_blank(query.text)) return newest(journal, head, query);
  std::optional<std::vector<Found>> found;
  while (!found) found = find(catch_up(journal, head), journal, query, page.total);
  // "What happened last week?": there is nothing to look for but the time.
  if (page.total == 0 && !query.times.spans.empty()) {
    RecallQuery then = query;
    then.start = std::numeric_limits<TimeUs>::max();
    then.end = std::numeric_limits<TimeUs>::min();
    for (const auto& [begin, end] : query.times.spans) {
      then.start = std::min(*then.start, begin);
      then.end = std::max(*then.end, end);
    }
    if (query.start) then.start = std::max(*then.start, *query.start);
    if (query.end) then.end = std::min(*then.end, *query.end);
    return newest(journal, head, then);
  }

  const QueryTerms terms(query.text, query.ranking);
  const auto reader = journal.reader();
  for (auto& one : *found) {
    auto message = message_at(reader.db, one.branch, one.position);
    if (!message) continue;
    RecallHit hit;
    hit.message = std::move(*message);
    hit.score = one.ranked.score;
    hit.snippet = make_snippet(hit.message.text, terms);
    hit.terms = std::move(one.why.terms);
    hit.factors = std::move(one.why.factors);
    for (const auto place : one.before)
      if (auto near = message_at(reader.db, place.branch, place.seq))
        hit.before.insert(hit.before.begin(), std::move(*near));
    for (const auto place : one.after)
      if (auto near = message_at(reader.db, place.branch, place.seq))
        hit.after.push_back(std::move(*near));
    page.hits.push_back(std::move(hit));
  }
  return page;
}

}  // namespace memgpt
