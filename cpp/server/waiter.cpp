#include "server/waiter.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

namespace memgpt {

Waiter::Waiter() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Waiter::~Waiter() {
  stop();
  ::close(wake_);
}

std::uint64_t Waiter::wait(int descriptor, double seconds, Then then) {
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(
                         std::chrono::duration<double>(std::clamp(seconds, 0.0, 1e8)));
  std::uint64_t id = 0;
  {
    const std::scoped_lock lock(mutex_);
    id = next_++;
    entries_.push_back({id, descriptor, deadline, std::move(then)});
    if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { run(); });
  }
  wake();
  return id;
}

bool Waiter::forget(std::uint64_t id) {
  const std::scoped_lock lock(mutex_);
  return std::erase_if(entries_, [&](const Entry& entry) { return entry.id == id; }) > 0;
}

void Waiter::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake();
  if (thread_.joinable()) thread_.join();
}

void Waiter::wake() const {
  const std::uint64_t one = 1;
  // Full means that it is awake already.
  static_cast<void>(::write(wake_, &one, sizeof one) == 0);
}

void Waiter::run() {
  std::vector<pollfd> polled;
  std::vector<std::uint64_t> ids;
  for (;;) {
    auto next = Clock::time_point::max();
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_) return;
      polled.assign(1, {wake_, POLLIN, 0});
      ids.assign(1, 0);
      for (const auto& entry : entries_) {
        polled.push_back({entry.descriptor, POLLIN, 0});
        ids.push_back(entry.id);
        next = std::min(next, entry.deadline);
      }
    }
    int timeout_ms = -1;
    if (next != Clock::time_point::max())
      timeout_ms = static_cast<int>(std::clamp<std::int64_t>(
          std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count(), 0, 1 << 30));
    static_cast<void>(::poll(polled.data(), polled.size(), timeout_ms));
    if (polled.front().revents != 0) {
      std::uint64_t count = 0;
      static_cast<void>(::read(wake_, &count, sizeof count) == 0);
    }
    std::vector<std::pair<Then, bool>> ready;
    {
      const std::scoped_lock lock(mutex_);
      const auto now = Clock::now();
      std::erase_if(entries_, [&](Entry& entry) {
        const auto at = std::find(ids.begin(), ids.end(), entry.id) - ids.begin();
        const bool can_read =
            at < std::ssize(ids) && polled[static_cast<std::size_t>(at)].revents != 0;
        if (!can_read && now < entry.deadline) return false;
        ready.emplace_back(std::move(entry.then), can_read);
        return true;
      });
    }
    for (const auto& [then, can_read] : ready) then(can_read);
  }
}

}  // namespace memgpt
