#include "llm/polled_stream.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/error.hpp>
#include <cerrno>
#include <memory>

namespace memgpt {

namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

constexpr auto kPollEvery = std::chrono::milliseconds(20);

struct Loop {
  const int process = ::getpid();
  asio::io_context io;
};

// Asio wants one for its sockets; nothing is ever run on it. It is never destroyed, for sockets may
// outlive all else, and a forked child has one of its own: its sockets are not to be entered into
// the parent's.
asio::io_context& idle_loop() {
  static std::atomic<Loop*> loop{nullptr};
  Loop* known = loop.load();
  while (known == nullptr || known->process != ::getpid()) {
    auto fresh = std::make_unique<Loop>();
    if (loop.compare_exchange_strong(known, fresh.get())) known = fresh.release();
  }
  return known->io;
}

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

}  // namespace

PolledStream::PolledStream() : socket_(idle_loop()) {}

void PolledStream::limit(Clock::time_point deadline, const std::function<void()>& poll) {
  deadline_ = deadline;
  poll_ = poll;
}

bool PolledStream::may_go_on(error_code& error) {
  const auto now = Clock::now();
  if (now >= deadline_) {
    error = boost::beast::error::timeout;
    return false;
  }
  if (now >= next_poll_) {
    next_poll_ = now + kPollEvery;
    if (poll_) poll_();
  }
  return true;
}

bool PolledStream::wait_for(Wait wait, error_code& error) {
  pollfd one{socket_.native_handle(), static_cast<short>(wait == Wait::read ? POLLIN : POLLOUT), 0};
  while (may_go_on(error)) {
    const auto left = std::min(deadline_, next_poll_) - Clock::now();
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    const int ready = ::poll(&one, 1, static_cast<int>(std::max<decltype(ms)>(ms, 0)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) {
      error = last_error();
      return false;
    }
  }
  return false;
}

void PolledStream::connect(const std::vector<tcp::endpoint>& endpoints, error_code& error) {
  error = asio::error::not_found;
  for (const auto& endpoint : endpoints) {
    error_code closed;
    closed = socket_.close(closed);
    if (socket_.open(endpoint.protocol(), error) || socket_.non_blocking(true, error)) continue;
    // Asio's own would wait for the end of it.
    if (::connect(socket_.native_handle(), endpoint.data(),
                  static_cast<socklen_t>(endpoint.size())) == 0)
      return;
    error = last_error();
    if (error != asio::error::in_progress) continue;
    if (!wait_for(Wait::write, error)) return;
    int failed = 0;
    socklen_t size = sizeof(failed);
    if (::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &failed, &size) != 0)
      failed = errno;
    error = {failed, boost::system::system_category()};
    if (!error) return;
  }
}

}  // namespace memgpt
