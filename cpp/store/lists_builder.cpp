#include "store/lists_builder.h"

#include <unistd.h>

#include <exception>

namespace memgpt {

ListsBuilder::~ListsBuilder() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ListsBuilder::add(ListsJob job) {
  {
    const std::scoped_lock lock(mutex_);
    jobs_.push_back(std::move(job));
    if (!thread_.joinable()) {
      process_ = ::getpid();
      thread_ = std::thread([this] { run(); });
    }
  }
  changed_.notify_all();
}

void ListsBuilder::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stop_ || (jobs_.empty() && !working_); });
}

bool ListsBuilder::forked() const { return thread_.joinable() && process_ != ::getpid(); }

bool ListsBuilder::stopping() {
  const std::scoped_lock lock(mutex_);
  return stop_;
}

void ListsBuilder::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    working_ = true;
    lock.unlock();
    VectorSnapshot made{VectorCodes(job.key.dimension), nullptr, 0, ""};
    try {
      made = make(job);
    } catch (const std::exception&) {
      // Searches go on without, and the next one asks for it again.
      made.lists.reset();
    }
    if (!stopping()) done_(job.key, std::move(made));
    lock.lock();
    working_ = false;
    changed_.notify_all();
  }
}

VectorSnapshot ListsBuilder::make(ListsJob& job) {
  VectorSnapshot none{VectorCodes(job.key.dimension), nullptr, 0, ""};
  const auto hold = files_.try_lock(job.key);
  if (!hold) return none;
  // Another process may have made it since.
  if (auto theirs = files_.read(job.key);
      theirs && theirs->codes.size() == job.snapshot.codes.size() &&
      theirs->last_uid == job.snapshot.last_uid && theirs->lists->rows().size() == job.rows.size())
    return *std::move(theirs);
  job.snapshot.lists = VectorLists::build(job.snapshot.codes, job.rows, job.grown.get(),
                                          [this] { return !stopping(); });
  if (!job.snapshot.lists) return none;
  static_cast<void>(files_.write(job.key, job.snapshot));
  return std::move(job.snapshot);
}

}  // namespace memgpt
