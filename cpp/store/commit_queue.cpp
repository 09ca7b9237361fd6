#include "store/commit_queue.h"

namespace memgpt {

// Whoever leads takes the requests that are done from the queue and tells who leads next, also
// where an exception ends it: nobody may wait for ever.
class CommitQueue::Leading {
 public:
  explicit Leading(CommitQueue& queue) : queue_(queue) {}
  Leading(const Leading&) = delete;
  Leading& operator=(const Leading&) = delete;
  ~Leading() {
    // Told under the mutex: a request is gone as soon as its thread has seen its state.
    const std::scoped_lock lock(queue_.mutex_);
    auto& requests = queue_.requests_;
    for (; count_ > 0; --count_) {
      Request& request = *requests.front();
      requests.pop_front();
      request.state = committed_ && request.made ? State::written : State::failed;
      request.changed.notify_one();
    }
    if (requests.empty()) return;
    requests.front()->state = State::leads;
    requests.front()->changed.notify_one();
  }
  void takes(std::size_t count) { count_ = count; }
  void committed() { committed_ = true; }

 private:
  CommitQueue& queue_;
  std::size_t count_ = 1;  // from the front of the queue; its own request is the first
  bool committed_ = false;
};

void CommitQueue::write(const Change& change, std::size_t size) {
  Request request(change, size);
  auto state = wait_for_turn(request);
  if (state == State::leads) state = lead(request);
  // Not by the group's error: it may have been another one's, and may be over.
  if (state == State::failed) write_alone(change);
}

CommitQueue::State CommitQueue::wait_for_turn(Request& request) {
  std::unique_lock lock(mutex_);
  requests_.push_back(&request);
  if (requests_.size() == 1) request.state = State::leads;
  request.changed.wait(lock, [&] { return request.state != State::queued; });
  return request.state;
}

CommitQueue::State CommitQueue::lead(Request& own) {
  {
    Leading leading(*this);
    const std::scoped_lock writing(writer_);
    // Where it cannot begin only the leader is told, and the next one tries: none waits longer than
    // it would have by itself.
    Transaction transaction(db_);
    // Asked now, not before: more have come while it waited for other processes.
    const auto count = group_size();
    if (count == 1) {
      own.change();
      own.made = true;
      transaction.commit();
      leading.committed();
    } else {
      leading.takes(count);
      try {
        write_group(count);
        transaction.commit();
        leading.committed();
      } catch (...) {  // NOLINT(bugprone-empty-catch): each finds its own error
      }
    }
  }
  const std::scoped_lock lock(mutex_);
  return own.state;
}

void CommitQueue::write_alone(const Change& change) {
  const std::scoped_lock writing(writer_);
  Transaction transaction(db_);
  change();
  transaction.commit();
}

void CommitQueue::write_group(std::size_t count) {
  for (std::size_t place = 0; place < count; ++place) {
    Request& request = at(place);
    request.made = make_part(request.change);
  }
}

// Nothing of it is there where it returns false. Throws where nothing is left of the transaction.
bool CommitQueue::make_part(const Change& change) {
  db_.prepare("SAVEPOINT part").run();
  try {
    change();
    db_.prepare("RELEASE part").run();
    return true;
  } catch (...) {
    // SQLite rolls back everything by itself after some errors of the disk.
    if (!db_.in_transaction()) throw;
    db_.prepare("ROLLBACK TO part").run();
    db_.prepare("RELEASE part").run();
    return false;
  }
}

std::size_t CommitQueue::group_size() {
  const std::scoped_lock lock(mutex_);
  std::size_t count = 0;
  std::size_t size = 0;
  for (const Request* request : requests_) {
    size += request->size;
    if (count > 0 && size > kLargestGroup) break;
    ++count;
  }
  return count;
}

// Others put theirs behind it meanwhile.
CommitQueue::Request& CommitQueue::at(std::size_t place) {
  const std::scoped_lock lock(mutex_);
  return *requests_[place];
}

}  // namespace memgpt
