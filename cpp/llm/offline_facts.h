// Facts that speakers state about themselves.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt::offline {

// name, nickname and home are had once: a new one takes the place of the old one.
enum class FactKind { other, name, nickname, home };

struct Fact {
  std::string text;  // the speaker's own words, cut down to the clause
  FactKind kind = FactKind::other;
  std::string value;  // of name, nickname and home: the lower-case words that say it
  bool negated = false;
  bool relative_date = false;  // says "yesterday" or the like
};

// The clauses of a sentence that state something lasting about the speaker. Questions, wishes,
// conditions, opinions and small talk are none.
[[nodiscard]] std::vector<Fact> find_facts(std::string_view sentence);

// A sentence of a memory block read as a fact, in the first person or as a note ("Lives in Rome",
// "Name: Chad"). FactKind::other where it is neither name nor home.
[[nodiscard]] Fact read_note(std::string_view sentence);

}  // namespace memgpt::offline
