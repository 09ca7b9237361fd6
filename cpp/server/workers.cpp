#include "server/workers.h"

#include <utility>

namespace memgpt {

Workers::Workers(std::size_t threads, std::size_t queued, const Around& around) : queued_(queued) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i)
    threads_.emplace_back([this, around] {
      if (around)
        around([this] { run(); });
      else
        run();
    });
}

Workers::~Workers() { stop(); }

bool Workers::post(std::function<void()> work) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_ || work_.size() >= queued_) return false;
    work_.push_back(std::move(work));
  }
  wake_.notify_one();
  return true;
}

void Workers::resume(std::function<void()> work) {
  {
    const std::scoped_lock lock(mutex_);
    work_.push_front(std::move(work));
  }
  wake_.notify_one();
}

void Workers::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
}

std::size_t Workers::waiting() const {
  const std::scoped_lock lock(mutex_);
  return work_.size();
}

void Workers::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !work_.empty(); });
    if (work_.empty()) return;
    auto work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // what it holds goes before the mutex is taken
    lock.lock();
  }
}

}  // namespace memgpt
