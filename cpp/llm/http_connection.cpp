// HTTP/1.1 over a socket: one request, and its answer.
#include "llm/http_connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/ssl/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cctype>

#include "llm/http_socket.h"

namespace memgpt {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Clock = HttpSocket::Clock;
using Request = http::request<http::span_body<const char>>;

constexpr std::uint32_t kHeaderLimit = 64 << 10;
constexpr std::size_t kPieceBytes = 64 << 10;
// How long the end of an answer is waited for that nobody wants any more: a new connection would
// take longer.
constexpr double kDrainS = 0.05;

Request to_wire(const HttpRequest& request, const HttpRoute& route) {
  const auto& target = route.target;
  // A proxy that gets the request itself is told where it shall go.
  const bool absolute = route.proxy && !target.tls;
  Request wire{http::string_to_verb(request.method),
               (absolute ? "http://" + target.authority() : "") + request.path, 11};
  wire.set(http::field::host, target.authority());
  wire.set(http::field::user_agent, "memgpt");
  wire.set(http::field::accept_encoding, "identity");
  if (absolute && !route.proxy->authorization.empty())
    wire.set(http::field::proxy_authorization, route.proxy->authorization);
  for (const auto& header : request.headers) wire.set(header.name, header.value);
  if (request.method != "GET") {
    wire.body() = {request.body.data(), request.body.size()};
    wire.content_length(request.body.size());
  }
  return wire;
}

HttpResponse read_head(const http::response_header<>& head) {
  HttpResponse response;
  response.status = static_cast<int>(head.result_int());
  for (const auto& field : head) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    response.headers.push_back({std::move(name), std::string(field.value())});
  }
  response.content_type = response.header("content-type");
  response.content_encoding = response.header("content-encoding");
  response.retry_after = response.header("retry-after");
  response.location = response.header("location");
  return response;
}

class Connection final : public HttpConnection {
 public:
  Connection(HttpRoute route, std::shared_ptr<HttpTls> tls)
      : route_(std::move(route)), socket_(std::move(tls)) {}

  void open(const HttpOptions& options) { socket_.open(route_, options); }
  [[nodiscard]] bool can_be_kept() const override { return keep_alive_; }
  [[nodiscard]] bool is_stale() override { return socket_.is_stale(); }

  [[nodiscard]] int descriptor() override { return socket_.descriptor(); }

  void send(const HttpRequest& request, const HttpOptions& options) override {
    keep_alive_ = false;
    deadline_ = HttpSocket::after(options.timeout_s);
    const Request wire = to_wire(request, route_);
    sent_ = socket_.wait(deadline_, options.poll, [&](auto& stream, error_code& error) {
      http::write(stream, wire, error);
    });
  }

  [[nodiscard]] std::optional<HttpResponse> receive(const HttpOptions& options,
                                                    const OnBytes& on_bytes, bool fresh) override {
    Call call{options, deadline_};
    error_code error = sent_;
    // A server may answer and close before it has read all: the answer says why.
    if (!error || error == asio::error::broken_pipe || error == asio::error::connection_reset) {
      const auto unsent = error;
      error = read_header(call);
      if (error && unsent) error = unsent;
    }
    if (error && !fresh && error != beast::error::timeout && !call.began) return {};
    if (error) throw_failure(error, call);
    HttpResponse response = read_head(call.head->get());
    // Said by some servers when they close a connection that was quiet: no answer to this request.
    if (!fresh && response.status == 408) return {};
    if (on_bytes && response.status >= 200 && response.status < 300)
      read_pieces(call, on_bytes);
    else
      read_body(call, response);
    return response;
  }

 private:
  struct Call {
    const HttpOptions& options;
    Clock::time_point deadline;
    std::optional<http::response_parser<http::empty_body>> head = std::nullopt;
    bool began = false;         // the answer did
    bool handed_on = false;     // a piece of it was
    bool read_limited = false;  // the wait was for the next piece
  };

  error_code read_header(Call& call) {
    error_code error;
    do {
      call.head.emplace();
      call.head->header_limit(kHeaderLimit);
      call.head->body_limit(call.options.body_limit_bytes);
      error = socket_.wait(call.deadline, call.options.poll, [&](auto& stream, error_code& failed) {
        http::read_header(stream, buffer_, *call.head, failed);
      });
      call.began = call.began || call.head->got_some();
      // "100 Continue", "103 Early Hints": the answer comes after them.
    } while (!error && call.head->get().result_int() < 200);
    return error;
  }

  // Some servers end a TLS connection without a word. Where nothing else tells an answer's end,
  // that is its end: half a JSON text is noticed by those who read it.
  template <typename Parser>
  static void take_ragged_end(Parser& parser, error_code& error) {
    if (error != asio::ssl::error::stream_truncated) return;
    error_code ended;
    parser.put_eof(ended);
    if (!ended && parser.is_done()) error = {};
  }

  void read_body(Call& call, HttpResponse& response) {
    http::response_parser<http::string_body> parser(std::move(*call.head));
    parser.body_limit(call.options.body_limit_bytes);
    error_code error = socket_.wait(
        call.deadline, call.options.poll,
        [&](auto& stream, error_code& failed) { http::read(stream, buffer_, parser, failed); });
    take_ragged_end(parser, error);
    if (error) throw_failure(error, call);
    response.body = std::move(parser.get().body());
    settle(parser);
  }

  void read_pieces(Call& call, const OnBytes& on_bytes) {
    http::response_parser<http::buffer_body> parser(std::move(*call.head));
    parser.body_limit(call.options.body_limit_bytes);
    std::vector<char> piece(kPieceBytes);
    bool wanted = true;
    while (!parser.is_done()) {
      const auto next = HttpSocket::after(call.options.read_timeout_s);
      call.read_limited = call.handed_on && next < call.deadline;
      parser.get().body().data = piece.data();
      parser.get().body().size = piece.size();
      error_code error = socket_.wait(call.read_limited ? next : call.deadline, call.options.poll,
                                      [&](auto& stream, error_code& failed) {
                                        http::read_some(stream, buffer_, parser, failed);
                                      });
      if (error == http::error::need_buffer) error = {};
      take_ragged_end(parser, error);
      const std::string_view bytes(piece.data(), piece.size() - parser.get().body().size);
      if (wanted && !bytes.empty()) {
        call.handed_on = true;
        wanted = on_bytes(bytes);
        if (!wanted) call.deadline = std::min(call.deadline, HttpSocket::after(kDrainS));
      }
      if (error && !wanted) return;
      if (error) throw_failure(error, call);
    }
    settle(parser);
  }

  // What follows an answer would be taken for the answer to the next request.
  template <typename Parser>
  void settle(const Parser& parser) {
    keep_alive_ = parser.keep_alive() && buffer_.size() == 0;
  }

  [[noreturn]] void throw_timeout(const Call& call) const {
    if (call.read_limited)
      throw ProviderTimeout(route_.name() + " fell silent for " +
                            seconds_text(call.options.read_timeout_s) +
                            " s in the middle of its answer; send again");
    throw ProviderTimeout(route_.name() + " did not answer in " +
                          seconds_text(call.options.timeout_s) +
                          " s; send again, or give the model a longer timeout_s");
  }

  [[noreturn]] void throw_failure(const error_code& error, const Call& call) const {
    const std::string name = route_.name();
    if (error == beast::error::timeout) throw_timeout(call);
    if (error == http::error::header_limit)
      throw ProviderError("the headers that " + name +
                          " answers with are too long; check that it is a model's server");
    if (error == http::error::body_limit)
      throw ProviderError("the answer of " + name + " is larger than " +
                          std::to_string(call.options.body_limit_bytes >> 20) +
                          " MB; that is no language model's reply");
    if (error.category() == http::make_error_code(http::error::bad_version).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message)
      throw ProviderError("what listens at " + name + " does not speak HTTP (" + error.message() +
                          "); check the address");
    const std::string text = name + " closed the connection " +
                             (call.began ? "in the middle of its answer" : "without an answer") +
                             " (" + error.message() + "); send again";
    if (call.handed_on) throw ProviderUnreachable(text);
    throw ConnectionLost(text);
  }

  HttpRoute route_;
  HttpSocket socket_;
  beast::flat_buffer buffer_;
  Clock::time_point deadline_{};  // of the answer to what was sent last
  error_code sent_;
  bool keep_alive_ = false;
};

}  // namespace

std::string HttpRoute::name() const {
  return target.name() + (proxy ? " (through " + proxy->name() + ")" : "");
}

std::unique_ptr<HttpConnection> connect(const HttpRoute& route, std::shared_ptr<HttpTls> tls,
                                        const HttpOptions& options) {
  try {
    auto connection = std::make_unique<Connection>(route, std::move(tls));
    connection->open(options);
    return connection;
  } catch (const boost::system::system_error& error) {
    throw_if_no_descriptors(error.code(), route.name());
    throw ProviderUnreachable("cannot connect to " + route.name() + " (" + error.what() + ')');
  }
}

}  // namespace memgpt
