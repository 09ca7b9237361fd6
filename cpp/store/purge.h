// The one operation that destroys: a text, wherever the file holds it, or lines of history that
// nobody needs. Everything else only adds.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "memory/token_counter.h"
#include "store/journal.h"

namespace memgpt {

// Behind what a purge did, until no page of the file holds it any more.
inline constexpr const char* kNotCompacted = " (not compacted)";

// What a purge leaves behind.
struct PurgeRow {
  std::int64_t id = 0;
  TimeUs time_us = 0;
  std::string what;       // in words, and without what was destroyed
  bool compacted = true;  // no page of the file holds it any more
};

// A passage's vector, of its new text.
struct NewVector {
  std::int64_t passage = 0;
  std::string embedder;
  std::string text;
  std::vector<float> vector;
};

struct PurgeRequest {
  std::string text;      // empty = none
  bool deleted = false;  // what only deleted agents can see
  bool undone = false;   // what living agents have undone or left
  TimeUs now_us = 0;
  // The counter of this name; null where it is not to be had.
  std::function<std::shared_ptr<const TokenCounter>(const std::string&)> counter;
  std::string stand_in;  // the name of a counter that is always to be had
  std::vector<NewVector> vectors;
  std::function<void()> poll;  // may throw: then nothing was destroyed
};

// Rows that were changed or are gone, by kind.
struct Purged {
  std::int64_t id = 0;  // of the purge; 0 = there was nothing to destroy
  std::int64_t messages = 0;
  std::int64_t blocks = 0;  // versions
  std::int64_t passages = 0;
  std::int64_t summaries = 0;
  std::int64_t replies = 0;  // of models, and decisions of policies, as they came
  std::int64_t tool_runs = 0;
  std::int64_t configurations = 0;
  std::int64_t commits = 0;
  std::int64_t agents = 0;
  std::int64_t archives = 0;
  std::int64_t vectors_lost = 0;  // passages that a search by meaning does not find any more
  std::int64_t names = 0;         // of agents, tags, blocks or tools: they have the text, and stay
  std::string what;
};

// Which rows of a state a purge has changed, and which purge.
struct PurgedRows {
  std::map<std::int64_t, std::int64_t> messages;  // by position
  std::map<std::string, std::int64_t> blocks;     // by id
  std::int64_t summary = 0;
  std::int64_t config = 0;
};

[[nodiscard]] std::int64_t newest_purge(Database& db);  // 0 = none

// Stores that programs bring are to hear of the passages `t` of a WHERE clause, or of one passage
// whose vector by the embedder has changed, see store_progress.cpp.
void tell_stores_of(Database& db, const std::string& which);
void tell_stores_of(Database& db, std::int64_t passage, const std::string& embedder);
// After passages are gone.
void follow_last_passage(Database& db);

// For one transaction.
[[nodiscard]] Purged purge_lines(Database& db, bool deleted, bool undone);
// Marks each commit that it changes with `id`, the purge's.
[[nodiscard]] Purged purge_text(Database& db, const PurgeRequest& request, std::int64_t id);
// Passages that purge_text() would change, with the names of their vectors' embedders.
[[nodiscard]] std::vector<NewVector> changed_passages(Database& db, const std::string& text);
// Whose vectors the file has.
[[nodiscard]] std::vector<std::string> embedders_of(Database& db);
[[nodiscard]] bool has_vector(Database& db, const std::string& embedder, std::int64_t passage);

}  // namespace memgpt
