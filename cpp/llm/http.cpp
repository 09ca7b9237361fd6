#include "llm/http.h"

#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <future>
#include <optional>
#include <thread>

#include "error.h"

namespace memgpt {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr auto kPollEvery = std::chrono::milliseconds(20);
// Servers and firewalls forget connections that are quiet for long.
constexpr auto kIdleLimit = std::chrono::seconds(50);
constexpr std::size_t kMaxIdle = 8;

Clock::duration seconds(double count) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
}

// "0.4", "120".
std::string to_text(double number) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  return {buffer.data(), end};
}

// A wheel's OpenSSL was built with one distribution's paths and runs on others, too.
void trust_system_authorities(asio::ssl::context& context) {
  context.set_default_verify_paths();
  for (const char* file : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    error_code error;
    if (std::filesystem::exists(file) && !context.load_verify_file(file, error)) return;
  }
}

// The system's resolver cannot be interrupted: it runs on a thread of its own, which is left alone
// with its result where nobody waits for it any more.
std::vector<tcp::endpoint> resolve(const HttpEndpoint& endpoint, Clock::time_point deadline,
                                   const std::function<void()>& poll) {
  const auto number = static_cast<unsigned short>(std::stoi(endpoint.port));
  error_code error;
  const auto address = asio::ip::make_address(endpoint.host, error);
  if (!error) return {tcp::endpoint(address, number)};
  using Addresses = std::vector<tcp::endpoint>;
  std::packaged_task<Addresses()> task([host = endpoint.host, port = endpoint.port] {
    asio::io_context io;
    Addresses found;
    for (const auto& entry : tcp::resolver(io).resolve(host, port)) found.push_back(entry);
    return found;
  });
  auto result = task.get_future();
  std::thread(std::move(task)).detach();
  while (result.wait_for(kPollEvery) != std::future_status::ready) {
    if (poll) poll();
    if (Clock::now() > deadline)
      throw ProviderTimeout("the name " + endpoint.host +
                            " could not be looked up in time; check the network");
  }
  try {
    return result.get();
  } catch (const boost::system::system_error& failure) {
    throw ProviderUnreachable("the name " + endpoint.host + " is unknown (" +
                              failure.code().message() +
                              "); check the address and the network connection");
  }
}

}  // namespace

class HttpClient::Tls {
 public:
  Tls() {
    trust_system_authorities(context_);
    context_.set_verify_mode(asio::ssl::verify_peer);
  }
  [[nodiscard]] asio::ssl::context& context() { return context_; }

 private:
  asio::ssl::context context_{asio::ssl::context::tls_client};
};

// One connection. Its operations are asynchronous only so that waiting can be polled and ended:
// each runs to its end inside the call that starts it.
class HttpClient::Connection {
 public:
  Connection(const HttpEndpoint& endpoint, const HttpOptions& options, std::shared_ptr<Tls> tls)
      : endpoint_(endpoint), options_(options), tls_(std::move(tls)) {
    if (tls_)
      secure_.emplace(io_, tls_->context());
    else
      plain_.emplace(io_);
  }

  void open() {
    const auto deadline = Clock::now() + seconds(connect_limit_s());
    const auto addresses = resolve(endpoint_, deadline, options_.poll);
    error_code error = wait(deadline, [&](auto done) {
      lowest().async_connect(addresses,
                             [done](error_code code, const tcp::endpoint&) { done(code); });
    });
    if (error == beast::error::timeout) throw_slow_connection("accept a connection");
    if (error)
      throw ProviderUnreachable("cannot connect to " + endpoint_.name() + " (" + error.message() +
                                "); is the server running, and is the address right?");
    error = lowest().socket().set_option(tcp::no_delay(true), error);
    if (secure_) shake_hands(deadline);
  }

  // `fresh`: false where the connection was kept and the server may have closed it meanwhile;
  // nullopt then, and the request is worth sending again.
  std::optional<HttpResponse> exchange(const http::request<http::string_body>& request,
                                       bool fresh) {
    const auto deadline = Clock::now() + seconds(options_.timeout_s);
    std::optional<http::response_parser<http::string_body>> parser;
    error_code error = with_stream([&](auto& stream) {
      return wait(deadline, [&](auto done) {
        http::async_write(stream, request, [done](error_code code, std::size_t) { done(code); });
      });
    });
    // A server may answer and close before it has read all: the answer says why.
    if (!error || error == asio::error::broken_pipe || error == asio::error::connection_reset) {
      const auto unsent = error;
      do {
        parser.emplace();
        parser->body_limit(options_.body_limit_bytes);
        error = with_stream([&](auto& stream) {
          return wait(deadline, [&](auto done) {
            http::async_read(stream, buffer_, *parser,
                             [done](error_code code, std::size_t) { done(code); });
          });
        });
        // "100 Continue", "103 Early Hints": the answer comes after them.
      } while (!error && parser->get().result_int() < 200);
      if (error && unsent) error = unsent;
    }
    const bool began = parser && parser->got_some();
    if (error && !fresh && error != beast::error::timeout && !began) return {};
    if (error) throw_failure(error, began);
    // Said by some servers when they close a connection that was quiet: no answer to this request.
    if (!fresh && parser->get().result() == http::status::request_timeout) return {};
    // What follows an answer would be taken for the answer to the next request.
    keep_alive_ = parser->keep_alive() && buffer_.size() == 0;
    used_ = Clock::now();
    return read_response(parser->release());
  }

  [[nodiscard]] bool can_be_kept() const { return keep_alive_; }
  // Quiet for long, closed, or with bytes that nobody asked for: not to be used again.
  [[nodiscard]] bool is_stale() {
    error_code error;
    const auto unread = lowest().socket().available(error);
    return error || unread > 0 || Clock::now() - used_ > kIdleLimit;
  }

 private:
  static HttpResponse read_response(http::response<http::string_body> message) {
    HttpResponse response;
    response.status = static_cast<int>(message.result_int());
    response.content_type = std::string(message[http::field::content_type]);
    response.retry_after = std::string(message[http::field::retry_after]);
    response.location = std::string(message[http::field::location]);
    response.content_encoding = std::string(message[http::field::content_encoding]);
    response.body = std::move(message.body());
    return response;
  }

  beast::tcp_stream& lowest() { return secure_ ? secure_->next_layer() : *plain_; }

  template <typename Use>
  error_code with_stream(Use&& use) {
    return secure_ ? use(*secure_) : use(*plain_);
  }

  // Starts an operation and runs it to its end. Polls meanwhile; what the poll throws ends it.
  template <typename Start>
  error_code wait(Clock::time_point deadline, Start&& start) {
    std::optional<error_code> result;
    lowest().expires_at(deadline);
    io_.restart();
    start([&result](error_code code) { result = code; });
    while (!result) {
      io_.run_one_for(kPollEvery);
      if (result || !options_.poll) continue;
      try {
        options_.poll();
      } catch (...) {
        lowest().close();
        // The handler refers to this frame: it runs before the frame is left.
        while (!result) io_.run_one();
        throw;
      }
    }
    lowest().expires_never();
    return *result;
  }

  void shake_hands(Clock::time_point deadline) {
    // A name for servers that have several certificates; addresses have none.
    error_code is_name;
    asio::ip::make_address(endpoint_.host, is_name);
    if (is_name) SSL_set_tlsext_host_name(secure_->native_handle(), endpoint_.host.c_str());
    secure_->set_verify_callback(asio::ssl::host_name_verification(endpoint_.host));
    const error_code error = wait(deadline, [&](auto done) {
      secure_->async_handshake(asio::ssl::stream_base::client,
                               [done](error_code code) { done(code); });
    });
    if (error == beast::error::timeout) throw_slow_connection("finish the TLS handshake");
    if (error)
      throw ProviderUnreachable("no trusted TLS connection to " + endpoint_.name() + " (" +
                                error.message() +
                                "); check the address, whether the server speaks TLS at all, and "
                                "for an authority of your own name its file in SSL_CERT_FILE");
  }

  [[nodiscard]] double connect_limit_s() const {
    return std::min(options_.connect_timeout_s, options_.timeout_s);
  }

  [[noreturn]] void throw_slow_connection(const std::string& what) const {
    throw ProviderTimeout(endpoint_.name() + " did not " + what + " in " +
                          to_text(connect_limit_s()) +
                          " s; is the address right, and the server up?");
  }

  [[noreturn]] void throw_failure(const error_code& error, bool began) const {
    if (error == beast::error::timeout)
      throw ProviderTimeout(endpoint_.name() + " did not answer in " + to_text(options_.timeout_s) +
                            " s; send again, or give the model a longer timeout_s");
    if (error == http::error::header_limit)
      throw ProviderError("the headers that " + endpoint_.name() +
                          " answers with are too long; check that it is a model's server");
    if (error == http::error::body_limit)
      throw ProviderError("the answer of " + endpoint_.name() + " is larger than " +
                          std::to_string(options_.body_limit_bytes >> 20) +
                          " MB; that is no language model's reply");
    if (error.category() == http::make_error_code(http::error::bad_version).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message)
      throw ProviderError("what listens at " + endpoint_.name() + " does not speak HTTP (" +
                          error.message() + "); check the address");
    throw ProviderUnreachable(endpoint_.name() + " closed the connection " +
                              (began ? "in the middle of its answer" : "without an answer") + " (" +
                              error.message() + "); send again");
  }

  HttpEndpoint endpoint_;
  const HttpOptions& options_;
  std::shared_ptr<Tls> tls_;
  asio::io_context io_;
  std::optional<beast::tcp_stream> plain_;
  std::optional<beast::ssl_stream<beast::tcp_stream>> secure_;
  beast::flat_buffer buffer_;
  bool keep_alive_ = false;
  Clock::time_point used_ = Clock::now();
};

HttpClient::HttpClient(HttpEndpoint endpoint, HttpOptions options)
    : endpoint_(std::move(endpoint)), options_(std::move(options)), process_(::getpid()) {}

// After a fork the connections are the parent's: two processes on one would read each other's
// answers, and closing them would take them out of the parent's event queue. They are left alone.
void HttpClient::leave_to_parent() {
  if (process_ == ::getpid()) return;
  static_cast<void>(new std::vector<std::unique_ptr<Connection>>(std::move(idle_)));
  idle_.clear();
  process_ = ::getpid();
}

HttpClient::~HttpClient() { leave_to_parent(); }

std::unique_ptr<HttpClient::Connection> HttpClient::idle() {
  const std::scoped_lock lock(mutex_);
  leave_to_parent();
  std::erase_if(idle_, [](const auto& connection) { return connection->is_stale(); });
  if (idle_.empty()) return nullptr;
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

std::unique_ptr<HttpClient::Connection> HttpClient::connect() {
  std::shared_ptr<Tls> tls;
  if (endpoint_.tls) {
    const std::scoped_lock lock(mutex_);
    // The authorities are read once: that takes longer than many a call.
    if (!tls_) tls_ = std::make_shared<Tls>();
    tls = tls_;
  }
  auto connection = std::make_unique<Connection>(endpoint_, options_, std::move(tls));
  connection->open();
  return connection;
}

HttpResponse HttpClient::post(std::string_view path, const std::vector<HttpHeader>& headers,
                              std::string body) {
  http::request<http::string_body> request{http::verb::post, endpoint_.path + std::string(path),
                                           11};
  const bool bracketed = endpoint_.host.find(':') != std::string::npos;
  const bool usual = endpoint_.port == (endpoint_.tls ? "443" : "80");
  request.set(http::field::host, (bracketed ? "[" + endpoint_.host + "]" : endpoint_.host) +
                                     (usual ? "" : ":" + endpoint_.port));
  request.set(http::field::user_agent, "memgpt");
  request.set(http::field::accept, "application/json");
  request.set(http::field::accept_encoding, "identity");
  request.set(http::field::content_type, "application/json");
  for (const auto& header : headers) request.set(header.name, header.value);
  request.body() = std::move(body);
  request.prepare_payload();

  auto connection = idle();
  std::optional<HttpResponse> response;
  if (connection) response = connection->exchange(request, false);
  if (!response) {
    connection = connect();
    response = connection->exchange(request, true);
  }
  if (connection->can_be_kept()) {
    const std::scoped_lock lock(mutex_);
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(connection));
  }
  return std::move(*response);
}

}  // namespace memgpt
