// Passages as they are filed and changed, one or many, wherever they lie.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "llm/embedder.h"
#include "memory/text.h"
#include "store/journal.h"

namespace memgpt {

// What of a passage is to be another; none = stays as it is.
struct PassageChange {
  std::optional<std::string> text;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::string> metadata;  // JSON object
};

// One of many that are filed at once.
struct NewPassage {
  std::string text;
  std::vector<std::string> tags;
  std::string metadata = "{}";    // JSON object
  std::optional<TimeUs> time_us;  // when it was written; now, where it is not said
};

// Told how much is done, of how much; what it throws ends the work.
using Progress = std::function<void(std::size_t done, std::size_t of)>;

// What is the same of all that are filed at once.
struct Filing {
  std::function<std::string()> new_uuid;
  TimeUs time_us = 0;  // where an item does not say
  std::string author;
  Trust trust = Trust::user;
};

// Passages that were given a vector.
struct Reembedded {
  std::int64_t made = 0;
  std::int64_t last = 0;  // id of the last one's row
};

// They throw InvalidInput.
void check_passage_text(const std::string& text);
void check_tags(const std::vector<std::string>& tags);
void check_change(const PassageChange& change);
// Without a vector.
[[nodiscard]] Passage checked_passage(NewPassage item, const Filing& filing);
// Says which of them it is that cannot be.
[[nodiscard]] std::vector<Passage> checked_passages(const std::vector<NewPassage>& items,
                                                    const Filing& filing);

// By the embedder, if there is one.
void embed(Passage& passage, Embedder* embedder);
// The same of many, which are then filed by `file`. Where that is broken off, vectors that took
// long to make are there when the same texts are embedded again.
void embed_and_file(Journal& journal, Embedder* embedder, std::vector<Passage>& passages,
                    const Progress& progress, const std::function<void()>& file);
// Takes a passage out of what the commit's line shows. One that the commit itself has filed is in
// no row yet.
void retire(Commit& commit, PassageRow row, const std::string& author);
// A passage with what is to be another; its id and time stay.
[[nodiscard]] Passage changed(Passage passage, const PassageChange& change, const Passage& embedded,
                              const std::string& author, Trust trust);

}  // namespace memgpt
