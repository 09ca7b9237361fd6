// Writes of many threads, a few at a time in one transaction, which waits for the disk once.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>

#include "store/sqlite.h"

namespace memgpt {

// No thread of its own: whoever comes first writes for all who have come meanwhile.
class CommitQueue {
 public:
  // In messages, of the changes of a group together: a short commit is not kept waiting by a long
  // one that came after it.
  static constexpr std::size_t kLargestGroup = 1000;

  // `writer` guards `db`, and whatever else must not be written at the same time.
  CommitQueue(Database& db, std::mutex& writer) : db_(db), writer_(writer) {}

  // Makes the changes of `change` in a transaction, and returns when they are committed. Throws
  // what `change` throws, or what SQLite says, and none of them is there then. `change` may run on
  // the thread of another caller, and once more where its group failed; `size` says what it costs,
  // in messages. It must not wait for anyone.
  using Change = std::function<void()>;
  void write(const Change& change, std::size_t size = 1);

 private:
  enum class State { queued, leads, written, failed };
  struct Request {
    Request(const Change& its_change, std::size_t its_size) : change(its_change), size(its_size) {}
    const Change& change;
    std::size_t size;
    bool made = false;  // inside the group's transaction; the leader's alone
    State state = State::queued;
    std::condition_variable changed;
  };
  class Leading;

  [[nodiscard]] State wait_for_turn(Request& request);
  [[nodiscard]] State lead(Request& own);
  void write_alone(const Change& change);
  void write_group(std::size_t count);
  [[nodiscard]] bool make_part(const Change& change);
  [[nodiscard]] std::size_t group_size();
  [[nodiscard]] Request& at(std::size_t place);

  Database& db_;
  std::mutex& writer_;
  std::mutex mutex_;               // of what follows; held for no write
  std::deque<Request*> requests_;  // the first one leads
};

}  // namespace memgpt
