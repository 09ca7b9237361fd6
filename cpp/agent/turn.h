// The right to move an agent's head: one holder at a time, in order of arrival.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace memgpt {

class Turn {
 public:
  // Held until destroyed.
  class Hold {
   public:
    explicit Hold(Turn& turn) : turn_(&turn) {}
    ~Hold() {
      if (turn_ != nullptr) turn_->release();
    }
    Hold(Hold&& other) noexcept : turn_(other.turn_) { other.turn_ = nullptr; }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    Hold& operator=(Hold&&) = delete;

   private:
    Turn* turn_;
  };

  // Waits in line. `poll` runs every 20 ms without any lock and may throw (Ctrl-C). Throws
  // Reentrant where this thread holds the turn already, Busy after `timeout_s` seconds.
  [[nodiscard]] Hold take(const std::string& agent, double timeout_s,
                          const std::function<void()>& poll);
  // Its holder goes on without a thread, and on this thread.
  void leave();
  void enter();
  [[nodiscard]] bool held_by_this_thread();
  [[nodiscard]] bool held();  // by any thread of this process

 private:
  void release();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ticket_ = 0;
  std::uint64_t serving_ = 0;
  // Tickets whose owners gave up; skipped when their time comes.
  std::vector<std::uint64_t> abandoned_;
  bool taken_ = false;
  std::thread::id holder_;  // none while it is taken and no thread runs it
};

// What a Busy says.
[[nodiscard]] std::string busy_text(const std::string& agent, const std::string& where,
                                    double timeout_s);

}  // namespace memgpt
