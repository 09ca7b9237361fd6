// Going back and forth in an agent's history, and what that leaves as it is.
#pragma once

#include <string>
#include <vector>

#include "store/journal.h"

namespace memgpt {

// What is undone as a whole: an input with all its steps, or one step. What is written between two
// turns (an edit of a block, an import) is a unit of its own.
enum class Unit { turn, step };

// A head that was moved along or between lines of history.
struct Moved {
  Head from;
  Head to;
  std::int64_t messages = 0;          // that are no longer seen; negative: that are seen again
  std::vector<ToolRunRow> outside;    // calls that were undone, and whose effects outside were not
  std::vector<std::string> shared;    // labels of shared blocks whose edits were not undone
  std::vector<std::string> archives;  // names of shared archives that keep what was filed in them
};

}  // namespace memgpt
