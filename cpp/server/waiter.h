// One thread that waits for all descriptors at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace memgpt {

class Waiter {
 public:
  // `ready`: false where the time came first.
  using Then = std::function<void(bool ready)>;
  Waiter();
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // Calls `then` once, on the waiter's thread: it must be quick, and not throw. The descriptor
  // stays open until then.
  std::uint64_t wait(int descriptor, double seconds, Then then);
  // True: `then` will not be called.
  bool forget(std::uint64_t id);
  void stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    std::uint64_t id;
    int descriptor;
    Clock::time_point deadline;
    Then then;
  };
  void run();
  void wake() const;

  int wake_;  // an eventfd
  std::mutex mutex_;
  std::vector<Entry> entries_;
  std::uint64_t next_ = 1;
  bool stopping_ = false;
  std::thread thread_;  // from the first wait on
};

}  // namespace memgpt
