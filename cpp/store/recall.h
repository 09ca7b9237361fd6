// Recall memory: search over everything that was said. Derived from the journal's messages.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/journal.h"

namespace memgpt {

struct RecallQuery {
  std::string text;             // words are OR-ed, "..." is a phrase; empty = all, newest first
  std::optional<TimeUs> start;  // inclusive
  std::optional<TimeUs> end;    // exclusive
  std::vector<Role> roles = {Role::user, Role::assistant};
  int limit = 10;
  int offset = 0;
  std::optional<std::int64_t> before_position;  // only older messages
};

struct RecallHit {
  Message message;
  double score = 0;  // larger is better; 0 where there was no text to rank by
  std::string snippet;
};

struct RecallPage {
  std::vector<RecallHit> hits;
  std::int64_t total = 0;  // matches on all pages
};

// Ranked by FTS5's bm25, ties by age, newest first.
[[nodiscard]] RecallPage search_recall(Journal& journal, Head head, const RecallQuery& query);

// An FTS5 expression that is safe for any text: quoted words joined by OR, quoted phrases kept,
// stop words left out unless there is nothing else. Empty where there is no word.
[[nodiscard]] std::string match_expression(std::string_view text);

// About 200 bytes of `text` around the first word of `query` that is in it.
[[nodiscard]] std::string make_snippet(std::string_view text, std::string_view query);

}  // namespace memgpt
