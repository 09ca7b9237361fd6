// A TCP connection, read and written on the thread that wants it, whose every wait can be polled
// and ended. It has one file descriptor and no event loop.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <vector>

namespace memgpt {

// A SyncReadStream and SyncWriteStream for Asio's TLS and Beast's HTTP. Not thread-safe.
class PolledStream {
 public:
  using Clock = std::chrono::steady_clock;
  using Socket = boost::asio::ip::tcp::socket;
  using lowest_layer_type = Socket;             // NOLINT(readability-identifier-naming): Asio's
  using executor_type = Socket::executor_type;  // NOLINT(readability-identifier-naming): Asio's
  using error_code = boost::system::error_code;

  PolledStream();

  // Of what is done until the next call. What the poll throws, every 20 ms, comes out of it.
  void limit(Clock::time_point deadline, const std::function<void()>& poll);
  // To the first of them that takes it.
  void connect(const std::vector<boost::asio::ip::tcp::endpoint>& endpoints, error_code& error);

  // The error is beast::error::timeout behind the deadline, also where there always is more to
  // read: a server may send without end what is no answer.
  template <typename Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& error) {
    return transfer(Wait::read, error, [&] { return socket_.read_some(buffers, error); });
  }
  template <typename Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& error) {
    return transfer(Wait::write, error, [&] { return socket_.write_some(buffers, error); });
  }
  template <typename Buffers>
  std::size_t read_some(const Buffers& buffers) {
    return or_throw([&](error_code& error) { return read_some(buffers, error); });
  }
  template <typename Buffers>
  std::size_t write_some(const Buffers& buffers) {
    return or_throw([&](error_code& error) { return write_some(buffers, error); });
  }

  [[nodiscard]] Socket& socket() { return socket_; }
  [[nodiscard]] Socket& lowest_layer() { return socket_; }
  [[nodiscard]] const Socket& lowest_layer() const { return socket_; }
  [[nodiscard]] executor_type get_executor() { return socket_.get_executor(); }

 private:
  enum class Wait { read, write };

  template <typename Step>
  std::size_t transfer(Wait wait, error_code& error, Step&& step) {
    for (;;) {
      if (!may_go_on(error)) return 0;
      const std::size_t moved = step();
      if (error != boost::asio::error::would_block && error != boost::asio::error::try_again)
        return moved;
      if (!wait_for(wait, error)) return 0;
    }
  }
  template <typename Step>
  static std::size_t or_throw(Step&& step) {
    error_code error;
    const std::size_t moved = step(error);
    if (error) throw boost::system::system_error(error);
    return moved;
  }
  bool may_go_on(error_code& error);
  bool wait_for(Wait wait, error_code& error);

  Socket socket_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point next_poll_{};  // a poll costs a turn at the GIL: not one for each piece
  std::function<void()> poll_;
};

}  // namespace memgpt
