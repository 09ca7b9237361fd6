// Lists that are read a part at a time, from anywhere in them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "memory/message.h"
#include "store/lineage.h"
#include "store/passage.h"

namespace memgpt {

// Which part of a list: behind one item and before another, in the order of the list; "" = from its
// beginning, to its end. With `before` alone those next to it. An item that is not seen any more
// still has its place; one that never was has nothing behind it.
struct ListRange {
  std::string after;
  std::string before;
  std::int64_t limit = 100;
  bool ascending = true;  // oldest first
  // The direction in which it is read.
  [[nodiscard]] bool forward() const { return ascending != (after.empty() && !before.empty()); }
};

struct PassageRange : ListRange {
  std::function<bool(const Passage& passage)> wanted = {};  // empty = all
};

struct ListedPassage {
  Passage passage;
  std::string holder;      // the id of the agent or archive that has it
  std::int64_t first = 0;  // the row of its first version
};

// What an agent's head sees of its log, from a position on.
struct LogView {
  std::string agent_id;
  Head head;
  std::int64_t from_position = 0;
};

struct LoggedMessage {
  Message message;
  std::string agent_id;
  Head head;   // of that agent
  Head place;  // the commit that wrote it
};

}  // namespace memgpt
