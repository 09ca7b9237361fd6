// One connection. Only http_server.cpp and http_session.* see Boost.Beast in this room.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "server/api.h"

namespace memgpt {

// Everything but its constructor runs on the strand of its stream.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(boost::asio::ip::tcp::socket socket, std::shared_ptr<ServerApi> api);
  ~HttpSession();
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  void start();
  // A connection that waits for a request ends; another one ends when it is answered.
  void stop();
  // At once.
  void close();

 private:
  using error_code = boost::system::error_code;
  class Exchange;
  void wait_for_request();
  void read_header();
  void read_body();
  void dispatch();
  void refuse(int status, std::string_view detail);
  void respond(const ServerResponse& response);
  void begin_stream(const ServerResponse& head);
  void send(std::string bytes, bool last);
  void write_next();
  void answered();
  void end_writing();

  boost::beast::tcp_stream stream_;
  std::shared_ptr<ServerApi> api_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  std::deque<std::string> out_;  // what is to be written; the first is on its way
  std::size_t out_bytes_ = 0;
  bool keep_alive_ = false;
  bool chunked_ = false;
  bool busy_ = false;  // a request is being answered
  bool last_ = false;  // nothing more of this answer comes
  bool stopping_ = false;
  std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace memgpt
