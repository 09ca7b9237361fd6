// Recall memory: search over everything that was said. Derived from the journal's messages.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/journal.h"
#include "store/ranking.h"
#include "store/snippet.h"

namespace memgpt {

struct RecallQuery {
  std::string text;             // empty = all, newest first
  std::optional<TimeUs> start;  // inclusive
  std::optional<TimeUs> end;    // exclusive
  std::vector<Role> roles = {Role::user, Role::assistant};
  int limit = 10;
  int offset = 0;
  int neighbours = 0;  // messages before and after each hit, of its session
  std::optional<std::int64_t> before_position;  // only older messages
  AskedTimes times;                             // that the text names
  RankingOptions ranking;
};

struct RecallHit {
  Message message;
  double score = 0;  // larger is better; 0 where there was no text to rank by
  Snippet snippet;
  std::vector<std::pair<std::string, double>> terms;    // what the score is the sum of,
  std::vector<std::pair<std::string, double>> factors;  // times these
  std::vector<Message> before;                          // oldest first
  std::vector<Message> after;
};

struct RecallPage {
  std::vector<RecallHit> hits;
  std::int64_t total = 0;  // matches on all pages
};

// What was said on each branch, in memory, brought up to date from the journal before each search.
class RecallIndexes {
 public:
  // `bytes`: of memory, about, beside what a search uses.
  explicit RecallIndexes(std::size_t bytes);
  ~RecallIndexes();

  [[nodiscard]] RecallPage search(Journal& journal, Head head, const RecallQuery& query);
  // Drops what was read: the next searches read it anew.
  void clear();

 private:
  struct Branch;
  struct Found;
  [[nodiscard]] Lineage catch_up(Journal& journal, Head head);
  [[nodiscard]] std::optional<std::vector<Found>> find(const Lineage& line, Journal& journal,
                                                       const RecallQuery& query,
                                                       std::int64_t& total);

  const std::size_t most_bytes_;
  std::shared_mutex mutex_;
  Vocabulary vocabulary_;
  std::unordered_map<std::int64_t, std::unique_ptr<Branch>> branches_;
  std::uint64_t searches_ = 0;
  std::int64_t purge_ = 0;  // the newest when they were read
};

}  // namespace memgpt
