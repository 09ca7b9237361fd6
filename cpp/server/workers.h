// Threads that do what is asked of them, one thing after the other.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace memgpt {

class Workers {
 public:
  // `around`: called on each thread for as long as it lives, with what it does; may be empty.
  using Around = std::function<void(const std::function<void()>& work)>;
  // At most `queued` things wait.
  Workers(std::size_t threads, std::size_t queued, const Around& around);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False: too many wait, or it is stopping. What `work` throws is lost: it must not.
  [[nodiscard]] bool post(std::function<void()> work);
  // The same, however many wait: what is under way goes on.
  void resume(std::function<void()> work);
  // Does what waits, and ends the threads.
  void stop();
  [[nodiscard]] std::size_t waiting() const;

 private:
  void run();

  const std::size_t queued_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> work_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace memgpt
