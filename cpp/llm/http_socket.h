// A TCP connection, with TLS or without, whose every wait can be polled and ended.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "llm/http_connection.h"

namespace memgpt {

class HttpTls {
 public:
  HttpTls();
  [[nodiscard]] boost::asio::ssl::context& context() { return context_; }

 private:
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_client};
};

// Throws NoDescriptors where it is that.
void throw_if_no_descriptors(const boost::system::error_code& error, const std::string& name);

// "0.4", "120".
[[nodiscard]] std::string seconds_text(double seconds);

// Its operations are asynchronous only so that waiting can be polled and ended: each runs to its
// end inside the call that starts it.
class HttpSocket {
 public:
  using Clock = std::chrono::steady_clock;
  using error_code = boost::system::error_code;
  using Done = std::function<void(error_code)>;

  explicit HttpSocket(std::shared_ptr<HttpTls> tls);

  // To the target, or through its proxy: with everything that comes before the first request.
  void open(const HttpRoute& route, const HttpOptions& options);
  // Closed, or with bytes that nobody asked for.
  [[nodiscard]] bool is_stale();

  [[nodiscard]] int descriptor();
  // Starts an operation, start(stream, done), and runs it to its end. Polls meanwhile; what the
  // poll throws ends it.
  template <typename Start>
  error_code wait(Clock::time_point deadline, const std::function<void()>& poll, Start&& start) {
    return run(deadline, poll, [&](const Done& done) {
      if (secure_)
        start(*secure_, done);
      else
        start(*plain_, done);
    });
  }

  [[nodiscard]] static Clock::time_point after(double seconds);

 private:
  // The longest that a connection may take.
  struct Limit {
    Clock::time_point deadline;
    double seconds;
  };
  boost::beast::tcp_stream& lowest() { return secure_ ? secure_->next_layer() : *plain_; }
  error_code run(Clock::time_point deadline, const std::function<void()>& poll,
                 const std::function<void(const Done&)>& start);
  void reach(const HttpRoute& route, const HttpOptions& options, const Limit& limit);
  void open_tunnel(const HttpRoute& route, const HttpOptions& options, const Limit& limit);
  void shake_hands(const HttpRoute& route, const HttpOptions& options, const Limit& limit);

  std::shared_ptr<HttpTls> tls_;
  boost::asio::io_context io_{1};
  Clock::time_point next_poll_{};  // a poll costs a turn at the GIL: not one for each piece
  std::optional<boost::beast::tcp_stream> plain_;
  std::optional<boost::beast::ssl_stream<boost::beast::tcp_stream>> secure_;
};

}  // namespace memgpt
