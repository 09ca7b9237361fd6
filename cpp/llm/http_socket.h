// A TCP connection, with TLS or without, whose every wait can be polled and ended.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "llm/http_connection.h"
#include "llm/polled_stream.h"

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

class HttpSocket {
 public:
  using Clock = std::chrono::steady_clock;
  using error_code = boost::system::error_code;

  explicit HttpSocket(std::shared_ptr<HttpTls> tls);

  // To the target, or through its proxy: with everything that comes before the first request.
  void open(const HttpRoute& route, const HttpOptions& options);
  // Closed, or with bytes that nobody asked for.
  [[nodiscard]] bool is_stale();

  [[nodiscard]] int descriptor();
  // Runs operation(stream, error) to its end. Polls meanwhile; what the poll throws ends it, and
  // the connection with it.
  template <typename Operation>
  error_code wait(Clock::time_point deadline, const std::function<void()>& poll,
                  Operation&& operation) {
    error_code error;
    lowest().limit(deadline, poll);
    if (secure_)
      operation(*secure_, error);
    else
      operation(*plain_, error);
    return error;
  }

  [[nodiscard]] static Clock::time_point after(double seconds);

 private:
  // The longest that a connection may take.
  struct Limit {
    Clock::time_point deadline;
    double seconds;
  };
  PolledStream& lowest() { return secure_ ? secure_->next_layer() : *plain_; }
  void reach(const HttpRoute& route, const HttpOptions& options, const Limit& limit);
  void open_tunnel(const HttpRoute& route, const HttpOptions& options, const Limit& limit);
  void shake_hands(const HttpRoute& route, const HttpOptions& options, const Limit& limit);

  std::shared_ptr<HttpTls> tls_;
  std::optional<PolledStream> plain_;
  std::optional<boost::beast::ssl_stream<PolledStream>> secure_;
};

}  // namespace memgpt
