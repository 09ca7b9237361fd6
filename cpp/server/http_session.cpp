#include "server/http_session.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <cstdio>

#include "server/refusal.h"

namespace memgpt {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

// Of a stream whose reader is slower than the agent.
constexpr std::size_t kMostWaiting = std::size_t{16} << 20;
constexpr double kWriteTimeout = 60;

std::chrono::nanoseconds seconds(double count) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(count));
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

}  // namespace

// May outlive the connection, and be used on any thread.
class HttpSession::Exchange final : public ServerExchange {
 public:
  explicit Exchange(std::shared_ptr<HttpSession> session)
      : session_(std::move(session)), gone_(session_->gone_) {}
  // Whoever should have answered did not.
  ~Exchange() override {
    if (!answered_) respond(refusal_response(500, "An unknown error occurred"));
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void respond(ServerResponse response) override {
    answered_ = true;
    post([response = std::move(response)](HttpSession& session) { session.respond(response); });
  }
  void begin_stream(ServerResponse head) override {
    answered_ = true;
    post([head = std::move(head)](HttpSession& session) { session.begin_stream(head); });
  }
  bool write(std::string_view piece) override {
    if (*gone_) return false;
    post([text = std::string(piece)](HttpSession& session) mutable {
      session.send(std::move(text), false);
    });
    return true;
  }
  void end_stream() override {
    post([](HttpSession& session) { session.send("", true); });
  }

 private:
  template <typename Work>
  void post(Work work) {
    boost::asio::post(session_->stream_.get_executor(),
                      [session = session_, work = std::move(work)]() mutable { work(*session); });
  }

  std::shared_ptr<HttpSession> session_;
  std::shared_ptr<std::atomic<bool>> gone_;
  bool answered_ = false;
};

HttpSession::HttpSession(boost::asio::ip::tcp::socket socket, std::shared_ptr<ServerApi> api)
    : stream_(std::move(socket)), api_(std::move(api)) {
  ++api_->metrics().connections;
}

HttpSession::~HttpSession() { --api_->metrics().connections; }

void HttpSession::start() {
  boost::asio::dispatch(
      stream_.get_executor(),
      beast::bind_front_handler(&HttpSession::wait_for_request, shared_from_this()));
}

void HttpSession::stop() {
  boost::asio::post(stream_.get_executor(), [self = shared_from_this()] {
    self->stopping_ = true;
    if (!self->busy_) self->stream_.cancel();
  });
}

void HttpSession::close() {
  boost::asio::post(stream_.get_executor(), [self = shared_from_this()] {
    *self->gone_ = true;
    self->stream_.close();
  });
}

// A connection may be idle for long; a request that has begun must come in whole, in time.
void HttpSession::wait_for_request() {
  busy_ = false;
  if (stopping_) return end_writing();
  if (buffer_.size() > 0) return read_header();
  stream_.expires_after(seconds(api_->options().limits.idle_timeout_s));
  stream_.async_read_some(buffer_.prepare(4096),
                          [self = shared_from_this()](error_code error, std::size_t bytes) {
                            if (error) return self->end_writing();
                            self->buffer_.commit(bytes);
                            self->read_header();
                          });
}

void HttpSession::read_header() {
  const auto& limits = api_->options().limits;
  busy_ = true;
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  parser_->body_limit(limits.body_bytes);
  stream_.expires_after(seconds(limits.request_timeout_s));
  http::async_read_header(
      stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
        if (error == http::error::body_limit)
          return self->refuse(413, "the body is larger than this server takes");
        if (error == http::error::header_limit)
          return self->refuse(431, "the header is larger than this server takes");
        if (error == http::error::end_of_stream || error == beast::error::timeout ||
            error == boost::asio::error::eof || error == boost::asio::error::operation_aborted ||
            error == boost::asio::error::connection_reset || error == http::error::partial_message)
          return self->end_writing();
        if (error) return self->refuse(400, "this is no HTTP request: " + error.message());
        self->read_body();
      });
}

void HttpSession::read_body() {
  const auto& request = parser_->get();
  keep_alive_ = request.keep_alive();
  if (beast::iequals(request[http::field::expect], "100-continue")) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    error_code ignored;
    ignored = stream_.socket().non_blocking(true, ignored);
    static_cast<void>(
        stream_.socket().send(boost::asio::buffer(kContinue.data(), kContinue.size()), 0, ignored));
  }
  http::async_read(
      stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
        if (error == http::error::body_limit)
          return self->refuse(413, "the body is larger than this server takes");
        if (error == beast::error::timeout) return self->end_writing();
        if (error == http::error::bad_chunk || error == http::error::bad_chunk_extension)
          return self->refuse(400, "the body is not in the form that it says");
        if (error) return self->end_writing();
        self->dispatch();
      });
}

void HttpSession::dispatch() {
  // Nobody waits for a request that is being answered but its own limits.
  stream_.expires_never();
  auto message = parser_->release();
  parser_.reset();
  chunked_ = message.version() >= 11;
  ServerRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  for (const auto& field : message)
    request.headers.push_back({lowered(field.name_string()), std::string(field.value())});
  request.body = std::move(message.body());
  api_->handle(std::move(request), std::make_shared<Exchange>(shared_from_this()));
}

void HttpSession::refuse(int status, std::string_view detail) {
  keep_alive_ = false;
  respond(refusal_response(status, detail));
}

namespace {

std::string head_text(const ServerResponse& response, bool keep_alive, std::string_view length) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ' +
                    std::string(http::obsolete_reason(
                        http::int_to_status(static_cast<unsigned>(response.status)))) +
                    "\r\nServer: memgpt\r\n";
  if (!response.content_type.empty() && response.status != 204)
    out += "Content-Type: " + response.content_type + "\r\n";
  out += "X-Content-Type-Options: nosniff\r\n";
  for (const auto& header : response.headers) out += header.name + ": " + header.value + "\r\n";
  out += length;
  return out + (keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
}

}  // namespace

void HttpSession::respond(const ServerResponse& response) {
  if (stopping_) keep_alive_ = false;
  auto bytes = head_text(response, keep_alive_,
                         response.status == 204
                             ? ""
                             : "Content-Length: " + std::to_string(response.body.size()) + "\r\n");
  if (response.status != 204) bytes += response.body;
  chunked_ = false;
  send(std::move(bytes), true);
}

void HttpSession::begin_stream(const ServerResponse& head) {
  keep_alive_ = false;
  const bool chunked = std::exchange(chunked_, false);
  send(head_text(head, false, chunked ? "Transfer-Encoding: chunked\r\n" : ""), false);
  chunked_ = chunked;
}

void HttpSession::send(std::string bytes, bool last) {
  if (*gone_) return;
  if (chunked_) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    if (!bytes.empty()) bytes = size + bytes + "\r\n";
    if (last) bytes += "0\r\n\r\n";
  }
  last_ = last_ || last;
  if (!bytes.empty()) {
    out_bytes_ += bytes.size();
    out_.push_back(std::move(bytes));
  }
  if (out_bytes_ > kMostWaiting && out_.size() > 1 && !last) {
    *gone_ = true;
    return stream_.close();
  }
  if (out_.size() == 1) write_next();
  if (out_.empty() && last_) answered();
}

void HttpSession::write_next() {
  stream_.expires_after(seconds(kWriteTimeout));
  boost::asio::async_write(stream_, boost::asio::buffer(out_.front()),
                           [self = shared_from_this()](error_code error, std::size_t) {
                             if (error) {
                               *self->gone_ = true;
                               self->out_.clear();
                               return self->stream_.close();
                             }
                             self->stream_.expires_never();
                             self->out_bytes_ -= self->out_.front().size();
                             self->out_.pop_front();
                             if (!self->out_.empty()) return self->write_next();
                             if (self->last_) self->answered();
                           });
}

void HttpSession::answered() {
  last_ = false;
  if (keep_alive_) return wait_for_request();
  end_writing();
}

// The other side reads what was sent before the connection goes: what it still sends is thrown away
// for a moment, for a reset would take the answer with it.
void HttpSession::end_writing() {
  *gone_ = true;
  error_code ignored;
  ignored = stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  if (ignored) return;
  stream_.expires_after(std::chrono::seconds(2));
  buffer_.clear();
  auto drain = std::make_shared<std::function<void()>>();
  *drain = [self = shared_from_this(), weak = std::weak_ptr(drain)] {
    self->buffer_.clear();
    self->stream_.async_read_some(self->buffer_.prepare(16384),
                                  [self, again = weak.lock()](error_code error, std::size_t) {
                                    if (!error) (*again)();
                                  });
  };
  (*drain)();
}

}  // namespace memgpt
