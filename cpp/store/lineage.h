// Branches: what of the file a head can see.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "store/sqlite.h"

namespace memgpt {

// A place in a line of history: a commit. Numbers of commits go on from a branch to those that were
// begun from it, and the branch is the one that holds the commit itself.
struct Head {
  std::int64_t branch = 0;
  std::int64_t seq = 0;
  friend bool operator==(const Head&, const Head&) = default;
};

// The branches of a line of history, oldest first, each with the commits that it gives to the line.
class Lineage {
 public:
  struct Segment {
    std::int64_t branch = 0;
    std::int64_t first_seq = 1;
    std::int64_t last_seq = 0;
    std::int64_t first_position = 0;  // of the messages that it gives to the line
  };

  Lineage() = default;
  // Of a branch with all its commits, from the file.
  Lineage(Database& db, std::int64_t branch);
  // The same line up to a commit.
  [[nodiscard]] Lineage up_to(std::int64_t seq) const;

  [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
  [[nodiscard]] auto begin() const { return segments_.begin(); }
  [[nodiscard]] auto end() const { return segments_.end(); }
  // The branch that holds a commit of the line; 0 where the line does not have it.
  [[nodiscard]] std::int64_t branch_of(std::int64_t seq) const;
  [[nodiscard]] bool sees(Head head) const { return branch_of(head.seq) == head.branch; }
  [[nodiscard]] Head place(std::int64_t seq) const { return {branch_of(seq), seq}; }

 private:
  std::vector<Segment> segments_;
};

// The key of the last row that a commit up to `seq` wrote, -1 where there is none. `row` gives
// (key, seq) of the last row whose key is at most what `bind` gives it. Keys grow with the commits,
// so that it is a search by halves: there may be a million rows since.
[[nodiscard]] std::int64_t last_key(Statement& row, std::int64_t seq,
                                    const std::function<void(std::int64_t)>& bind);
// The position behind the last message of a line.
[[nodiscard]] std::int64_t end_position(Database& db, const Lineage& line);

// Makes the SQL function seen(lineage, branch, seq); bind a `const Lineage*`.
void add_lineage_function(Database& db);

}  // namespace memgpt
