#include "llm/http_socket.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <filesystem>
#include <future>
#include <thread>

namespace memgpt {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using Clock = HttpSocket::Clock;

constexpr auto kPollEvery = std::chrono::milliseconds(20);

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
    throw_if_no_descriptors(failure.code(), endpoint.name());
    throw ProviderUnreachable("the name " + endpoint.host + " is unknown (" +
                              failure.code().message() +
                              "); check the address and the network connection");
  }
}

[[noreturn]] void throw_slow(const std::string& who, const std::string& what, double seconds) {
  throw ProviderTimeout(who + " did not " + what + " in " + seconds_text(seconds) +
                        " s; is the address right, and the server up?");
}

// An authority's file that cannot be read is passed over in silence by OpenSSL.
std::string missing_authorities(const HttpOptions& options) {
  for (const char* name : {"SSL_CERT_FILE", "SSL_CERT_DIR"}) {
    const std::string path = options.variable ? options.variable(name) : "";
    std::error_code error;
    if (!path.empty() && !std::filesystem::exists(path, error))
      return std::string("; ") + name + " names " + path + ", which is not there";
  }
  return "";
}

// In OpenSSL's words, and what to do about it. `verified`: what it found of the certificate.
std::string why_not_trusted(long verified, const error_code& error, const HttpOptions& options) {
  if (verified == X509_V_OK)
    return " (" + error.message() +
           "); check the address, and whether the server speaks TLS at all";
  const std::string why = std::string(" (") + X509_verify_cert_error_string(verified) + "): ";
  switch (verified) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return why +
             "its certificate is out of date; its owner must renew it, unless this machine's "
             "clock is wrong";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return why + "its certificate is of a later date; is this machine's clock right?";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return why + "its certificate is for another name; check the address";
    default:
      return why +
             "no authority that this machine knows answers for its certificate; for one of "
             "your own name its file in SSL_CERT_FILE" +
             missing_authorities(options);
  }
}

}  // namespace

void throw_if_no_descriptors(const error_code& error, const std::string& name) {
  if (error == boost::system::errc::too_many_files_open ||
      error == boost::system::errc::too_many_files_open_in_system)
    throw NoDescriptors("cannot connect to " + name +
                        ": this process has no file descriptor left; raise its limit (`ulimit "
                        "-n`), or let fewer agents speak at once");
}

std::string seconds_text(double seconds) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), seconds).ptr;
  return {buffer.data(), end};
}

// A wheel's OpenSSL was built with one distribution's paths and runs on others, too.
HttpTls::HttpTls() {
  context_.set_verify_mode(asio::ssl::verify_peer);
  context_.set_default_verify_paths();
  for (const char* file : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    error_code error;
    if (std::filesystem::exists(file) && !context_.load_verify_file(file, error)) return;
  }
}

std::shared_ptr<HttpTls> read_authorities() { return std::make_shared<HttpTls>(); }

HttpSocket::HttpSocket(std::shared_ptr<HttpTls> tls) : tls_(std::move(tls)) {
  if (tls_)
    secure_.emplace(PolledStream(), tls_->context());
  else
    plain_.emplace();
}

int HttpSocket::descriptor() { return lowest().socket().native_handle(); }

Clock::time_point HttpSocket::after(double seconds) {
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

void HttpSocket::open(const HttpRoute& route, const HttpOptions& options) {
  const double seconds = std::min(options.connect_timeout_s, options.timeout_s);
  const Limit limit{after(seconds), seconds};
  reach(route, options, limit);
  if (!secure_) return;
  if (route.proxy) open_tunnel(route, options, limit);
  shake_hands(route, options, limit);
}

void HttpSocket::reach(const HttpRoute& route, const HttpOptions& options, const Limit& limit) {
  const auto& first = route.proxy ? route.proxy->endpoint : route.target;
  const std::string name = route.proxy ? route.proxy->name() : first.name();
  std::vector<tcp::endpoint> addresses;
  try {
    addresses = resolve(first, limit.deadline, options.poll);
  } catch (const ProviderTimeout& error) {
    if (!route.proxy) throw;
    throw ProviderTimeout(name + ": " + error.what());
  } catch (const ProviderUnreachable& error) {
    if (!route.proxy) throw;
    throw ProviderUnreachable(name + ": " + error.what());
  }
  error_code error;
  lowest().limit(limit.deadline, options.poll);
  lowest().connect(addresses, error);
  if (error == beast::error::timeout) throw_slow(name, "accept a connection", limit.seconds);
  if (error) {
    throw_if_no_descriptors(error, name);
    const std::string text = "cannot connect to " + name + " (" + error.message() +
                             "); is the server running, and is the address right?";
    const bool may_pass = error == asio::error::connection_refused ||
                          error == asio::error::connection_reset ||
                          error == asio::error::connection_aborted;
    if (may_pass) throw ConnectionLost(text);
    throw ProviderUnreachable(text);
  }
  error = lowest().socket().set_option(tcp::no_delay(true), error);
}

// Headers of the request proper, the target's key among them, go through the tunnel only.
void HttpSocket::open_tunnel(const HttpRoute& route, const HttpOptions& options,
                             const Limit& limit) {
  const auto& proxy = *route.proxy;
  const auto& target = route.target;
  const std::string host =
      (target.host.find(':') != std::string::npos ? "[" + target.host + "]" : target.host) + ":" +
      target.port;
  http::request<http::empty_body> request{http::verb::connect, host, 11};
  request.set(http::field::host, host);
  request.set(http::field::user_agent, "memgpt");
  if (!proxy.authorization.empty())
    request.set(http::field::proxy_authorization, proxy.authorization);
  error_code error;
  lowest().limit(limit.deadline, options.poll);
  http::write(lowest(), request, error);
  http::response_parser<http::empty_body> parser;
  parser.skip(true);  // an answer to CONNECT has no body
  beast::flat_buffer buffer;
  if (!error) http::read_header(lowest(), buffer, parser, error);
  const std::string what = proxy.name() + ", asked for " + target.name() + ", ";
  if (error == beast::error::timeout) throw_slow(proxy.name(), "open a tunnel", limit.seconds);
  if (error == asio::error::eof || error == asio::error::connection_reset ||
      error == asio::error::broken_pipe || error == http::error::end_of_stream ||
      error == http::error::partial_message)
    throw ConnectionLost(what + "closed the connection (" + error.message() + "); send again");
  if (error)
    throw ProviderError(what + "does not answer as an HTTP proxy does (" + error.message() +
                        "); check " + proxy.variable);
  const int status = static_cast<int>(parser.get().result_int());
  if (status == 407) proxy.throw_wants_password();
  const std::string said = what + "answered " + std::to_string(status);
  if (status == 502 || status == 503 || status == 504)
    throw ConnectionLost(said + " (it does not reach the server); send again later");
  if (status < 200 || status > 299)
    throw ProviderUnreachable(said + " (it refuses the connection); check " + proxy.variable +
                              ", or name the host in NO_PROXY");
  if (buffer.size() > 0)
    throw ProviderError(what + "does not answer as an HTTP proxy does; check " + proxy.variable);
}

void HttpSocket::shake_hands(const HttpRoute& route, const HttpOptions& options,
                             const Limit& limit) {
  const auto& host = route.target.host;
  // A name for servers that have several certificates; addresses have none.
  error_code is_name;
  asio::ip::make_address(host, is_name);
  if (is_name) SSL_set_tlsext_host_name(secure_->native_handle(), host.c_str());
  secure_->set_verify_callback([names = asio::ssl::host_name_verification(host)](
                                   bool trusted, asio::ssl::verify_context& context) {
    const bool fits = names(trusted, context);
    if (trusted && !fits)
      X509_STORE_CTX_set_error(context.native_handle(), X509_V_ERR_HOSTNAME_MISMATCH);
    return fits;
  });
  error_code error;
  lowest().limit(limit.deadline, options.poll);
  secure_->handshake(asio::ssl::stream_base::client, error);
  if (error == beast::error::timeout)
    throw_slow(route.name(), "finish the TLS handshake", limit.seconds);
  if (!error) return;
  const std::string text =
      "no trusted TLS connection to " + route.name() +
      why_not_trusted(SSL_get_verify_result(secure_->native_handle()), error, options);
  if (error == asio::error::connection_reset) throw ConnectionLost(text);
  throw ProviderUnreachable(text);
}

bool HttpSocket::is_stale() {
  error_code error;
  const auto unread = lowest().socket().available(error);
  if (error || unread > 0) return true;
  // A connection that the server closed has nothing to read, too, but is readable.
  error = lowest().socket().non_blocking(true, error);
  char byte = 0;
  const auto read =
      lowest().socket().receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, error);
  return read > 0 || error != asio::error::would_block;
}

}  // namespace memgpt
