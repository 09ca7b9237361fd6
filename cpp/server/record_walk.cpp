#include "server/record_walk.h"

#include <algorithm>
#include <tuple>

#include "server/wire.h"

namespace memgpt {

namespace {

constexpr std::int64_t kChunk = 64;  // commits that are read at once

}  // namespace

RecordWalk::RecordWalk(ServerApi& api, std::vector<AgentRow> agents, bool calls, const Page& page)
    : journal_(api.home().journal()),
      agents_(std::move(agents)),
      page_(page),
      calls_(calls),
      newest_first_(page.ascending == (page.after.empty() && !page.before.empty())) {
  range_.calls = calls;
  range_.newest_first = newest_first_;
  range_.limit = kChunk;
  if (agents_.size() != 1) find_all();
  if (!page.after.empty()) bound(page.after, page.ascending);
  if (!page.before.empty()) bound(page.before, !page.ascending);
}

// An id that is not there gives nothing more: a list that is read to its end must come to it.
void RecordWalk::bound(const std::string& id, bool after) {
  const auto place = place_of_id(id, calls_ ? "step" : "run");
  if (agents_.size() == 1) {
    const bool known = place && journal_->sees(agents_.front().head, *place);
    if (!known)
      ended_ = true;
    else if (after)
      range_.after = std::max(range_.after, place->seq);
    else
      range_.before = std::min(range_.before, place->seq);
    return;
  }
  const auto found = std::find_if(places_.begin(), places_.end(), [&](const Place& other) {
    return place && other.head == *place;
  });
  if (found == places_.end()) return places_.clear();
  // What is walked first stands last.
  if (after == newest_first_)
    places_.erase(places_.begin(), found + 1);
  else
    places_.erase(found, places_.end());
}

// Turns may have been given times of their own, so that commits are not in the order of the clock:
// to go on from one of them in all agents' lines its place among all has to be found.
void RecordWalk::find_all() {
  for (const auto& agent : agents_)
    for (const auto& [time_us, head] : journal_->times_of_steps(agent.id, agent.head, calls_))
      places_.push_back({time_us, head, agent.id});
  std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) {
    return std::tie(a.time_us, a.head.branch, a.head.seq) <
           std::tie(b.time_us, b.head.branch, b.head.seq);
  });
  if (!newest_first_) std::reverse(places_.begin(), places_.end());
}

std::optional<Record> RecordWalk::next() {
  if (agents_.size() != 1) {
    if (places_.empty()) return std::nullopt;
    const Place place = std::move(places_.back());
    places_.pop_back();
    auto row = journal_->step(place.head);
    if (!row) return next();
    return Record{place.agent_id, {place.head, std::move(row->first)}};
  }
  if (read_.empty() && !ended_) {
    read_ = journal_->steps_in(agents_.front().id, agents_.front().head, range_);
    if (read_.empty()) return std::nullopt;
    (newest_first_ ? range_.before : range_.after) = read_.back().place.seq;
    std::reverse(read_.begin(), read_.end());
  }
  if (read_.empty()) return std::nullopt;
  Record record{agents_.front().id, std::move(read_.back())};
  read_.pop_back();
  return record;
}

std::vector<Record> RecordWalk::page(const std::function<bool(Record& record)>& passes) {
  std::vector<Record> records;
  while (std::ssize(records) < page_.limit) {
    auto record = next();
    if (!record) break;
    if (passes(*record)) records.push_back(*std::move(record));
  }
  if (newest_first_ == page_.ascending) std::reverse(records.begin(), records.end());
  return records;
}

}  // namespace memgpt
