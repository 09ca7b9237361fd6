#include "agent/turn.h"

#include <algorithm>
#include <chrono>
#include <sstream>

#include "error.h"

namespace memgpt {

std::string busy_text(const std::string& agent, const std::string& where, double timeout_s) {
  std::ostringstream text;
  text << "agent \"" << agent << "\" is busy " << where << "; it was waited for " << timeout_s
       << " s (turn_timeout_s)";
  return text.str();
}

Turn::Hold Turn::take(const std::string& agent, double timeout_s,
                      const std::function<void()>& poll) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::duration<double>(timeout_s);
  std::unique_lock lock(mutex_);
  if (holder_ == std::this_thread::get_id())
    throw Reentrant("agent \"" + agent +
                    "\" is in the middle of a send() of this same call chain; a tool cannot send "
                    "to the agent that called it");
  const auto ticket = next_ticket_++;
  const auto give_up = [&] {
    const std::scoped_lock again(mutex_);
    // Our time may have come while no lock was held; then it is passed on.
    if (serving_ == ticket) {
      ++serving_;
      changed_.notify_all();
    } else {
      abandoned_.push_back(ticket);
    }
  };
  while (serving_ != ticket || taken_) {
    changed_.wait_for(lock, std::chrono::milliseconds(20));
    const auto dropped = std::find(abandoned_.begin(), abandoned_.end(), serving_);
    if (dropped != abandoned_.end() && !taken_) {
      abandoned_.erase(dropped);
      ++serving_;
      changed_.notify_all();
      continue;
    }
    if (serving_ == ticket && !taken_) break;
    lock.unlock();
    try {
      if (poll) poll();
      if (Clock::now() >= deadline)
        throw Busy(busy_text(agent, "with another send() in this process", timeout_s));
    } catch (...) {
      give_up();
      throw;
    }
    lock.lock();
  }
  taken_ = true;
  holder_ = std::this_thread::get_id();
  return Hold(*this);
}

void Turn::leave() {
  const std::scoped_lock lock(mutex_);
  holder_ = std::thread::id();
}

void Turn::enter() {
  const std::scoped_lock lock(mutex_);
  holder_ = std::this_thread::get_id();
}

bool Turn::held_by_this_thread() {
  const std::scoped_lock lock(mutex_);
  return holder_ == std::this_thread::get_id();
}

bool Turn::held() {
  const std::scoped_lock lock(mutex_);
  return taken_;
}

void Turn::release() {
  const std::scoped_lock lock(mutex_);
  taken_ = false;
  holder_ = std::thread::id();
  ++serving_;
  changed_.notify_all();
}

}  // namespace memgpt
