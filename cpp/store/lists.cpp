#include "store/lists.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "store/journal.h"
#include "store/rows.h"

namespace memgpt {

namespace {

constexpr auto kLowest = std::numeric_limits<std::int64_t>::min();
constexpr auto kHighest = std::numeric_limits<std::int64_t>::max();

// Passages stand by their time, then in the order in which they were first filed: an update moves
// none.
using Key = std::pair<TimeUs, std::int64_t>;
Key key_of(const ListedPassage& listed) { return {listed.passage.time_us, listed.first}; }

std::optional<Key> passage_key(Database& db, const std::string& id) {
  auto& row = db.prepare("SELECT time_us, id FROM passage WHERE uid = ?1 ORDER BY id LIMIT 1");
  const Reset reset(row);
  if (!row.bind(id).step()) return std::nullopt;
  return Key{row.integer(0), row.integer(1)};
}

// Both exclusive; nothing where an end is no item of any list.
template <typename Place, typename PlaceOf>
std::optional<std::pair<Place, Place>> ends_of(const ListRange& range, Place lowest, Place highest,
                                               PlaceOf&& place_of) {
  std::pair<Place, Place> ends{lowest, highest};
  const auto set = [&](const std::string& id, bool low) {
    if (id.empty()) return true;
    const auto place = place_of(id);
    if (place) (low ? ends.first : ends.second) = *place;
    return place.has_value();
  };
  if (!set(range.after, range.ascending) || !set(range.before, !range.ascending))
    return std::nullopt;
  return ends;
}

const std::string& passages_sql(bool forward) {
  static const auto sql = [](const char* bound, const char* direction) {
    return std::string("SELECT ") + kPassageColumns +
           ", (SELECT min(f.id) FROM passage f INDEXED BY passage_uid WHERE f.uid = p.uid) AS "
           "first "
           "FROM passage p WHERE " +
           kPassageIsSeen + " AND p.time_us " + bound + " ?3 ORDER BY p.time_us " + direction +
           ", first " + direction;
  };
  static const std::string oldest = sql(">=", "ASC");
  static const std::string newest = sql("<=", "DESC");
  return forward ? oldest : newest;
}

}  // namespace

std::vector<ListedPassage> Journal::list_passages(const std::vector<AgentRow>& holders,
                                                  const PassageRange& range) {
  std::vector<ListedPassage> listed;
  if (range.limit <= 0) return listed;
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  const auto ends = ends_of(range, Key{kLowest, kLowest}, Key{kHighest, kHighest},
                            [&](const std::string& id) { return passage_key(reader.db, id); });
  if (!ends) return listed;
  const bool forward = range.forward();
  constexpr int kFirst = 7;
  for (const auto& holder : holders) {
    const auto line = lineage(reader.db, holder.head);
    auto& row = reader.db.prepare(passages_sql(forward));
    const Reset reset(row);
    row.bind(holder.archive, &line, forward ? ends->first.first : ends->second.first);
    for (std::int64_t found = 0; found < range.limit && row.step();) {
      ListedPassage item{read_passage(row), holder.id, row.integer(kFirst)};
      const auto key = key_of(item);
      if (forward ? key >= ends->second : key <= ends->first) break;
      if (forward ? key <= ends->first : key >= ends->second) continue;
      if (range.wanted && !range.wanted(item.passage)) continue;
      listed.push_back(std::move(item));
      ++found;
    }
  }
  std::sort(listed.begin(), listed.end(), [&](const ListedPassage& a, const ListedPassage& b) {
    return forward ? key_of(a) < key_of(b) : key_of(b) < key_of(a);
  });
  if (std::ssize(listed) > range.limit)
    listed.erase(listed.begin() + static_cast<std::ptrdiff_t>(range.limit), listed.end());
  if (forward != range.ascending) std::reverse(listed.begin(), listed.end());
  return listed;
}

namespace {

// Which agent sees a message: of those that share it, the first.
class Logs {
 public:
  template <typename LineageOf>
  Logs(const std::vector<LogView>& views, LineageOf&& lineage_of) : views_(views) {
    for (std::size_t i = 0; i < views.size(); ++i)
      for (const auto& segment : lineage_of(views[i].head))
        seen_[segment.branch].emplace_back(segment.last_seq, i);
  }
  [[nodiscard]] const LogView* find(Head place, std::int64_t position) const {
    const auto branch = seen_.find(place.branch);
    if (branch == seen_.end()) return nullptr;
    for (const auto& [last_seq, view] : branch->second)
      if (place.seq <= last_seq && position >= views_[view].from_position) return &views_[view];
    return nullptr;
  }

 private:
  const std::vector<LogView>& views_;
  std::unordered_map<std::int64_t, std::vector<std::pair<std::int64_t, std::size_t>>> seen_;
};

constexpr int kBranch = kMessageColumnCount;
constexpr int kPosition = 1;

std::optional<LoggedMessage> logged(const Logs& logs, const Statement& row) {
  const Head place{row.integer(kBranch), row.integer(kBranch + 1)};
  const auto* view = logs.find(place, row.integer(kPosition));
  if (view == nullptr) return std::nullopt;
  return LoggedMessage{read_message(row), view->agent_id, view->head, place};
}

std::string messages_sql(const char* rest) {
  return std::string("SELECT ") + kMessageColumns + ", m.branch, m.seq FROM message m WHERE " +
         rest;
}

}  // namespace

// Rows of messages are numbered as they are committed, whoever's they are.
std::vector<LoggedMessage> Journal::list_messages(const std::vector<LogView>& views,
                                                  const ListRange& range) {
  std::vector<LoggedMessage> listed;
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  const auto ends =
      ends_of(range, kLowest, kHighest, [&](const std::string& id) -> std::optional<std::int64_t> {
        auto& row = reader.db.prepare("SELECT id FROM message WHERE uid = ?1");
        const Reset reset(row);
        if (!row.bind(id).step()) return std::nullopt;
        return row.integer(0);
      });
  if (!ends) return listed;
  const Logs logs(views, [&](Head head) { return lineage(reader.db, head); });
  static const auto oldest = messages_sql("m.id > ?1 AND m.id < ?2 ORDER BY m.id");
  static const auto newest = messages_sql("m.id > ?1 AND m.id < ?2 ORDER BY m.id DESC");
  auto& row = reader.db.prepare(range.forward() ? oldest : newest);
  const Reset reset(row);
  row.bind(ends->first, ends->second);
  while (std::ssize(listed) < range.limit && row.step())
    if (auto found = logged(logs, row)) listed.push_back(*std::move(found));
  if (range.forward() != range.ascending) std::reverse(listed.begin(), listed.end());
  return listed;
}

std::optional<LoggedMessage> Journal::find_message(const std::vector<LogView>& views,
                                                   const std::string& id) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  static const auto one = messages_sql("m.uid = ?1");
  auto& row = reader.db.prepare(one);
  const Reset reset(row);
  if (!row.bind(id).step()) return std::nullopt;
  return logged(Logs(views, [&](Head head) { return lineage(reader.db, head); }), row);
}

}  // namespace memgpt
