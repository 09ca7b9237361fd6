// HTTP requests to one endpoint, over connections that all clients of a process share. Only
// http_socket.*, polled_stream.* and http_connection.cpp see Boost.Beast; this face is all that the
// rest needs.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

class HttpConnection;
class HttpPools;
struct HttpRequest;
struct HttpRoute;
struct HttpSent;

// Where requests go: "https://api.openai.com/v1".
struct HttpEndpoint {
  bool tls = false;
  std::string host;
  std::string port;
  std::string path;  // "/v1", or empty; never ends with a slash

  // For messages to people: without path.
  [[nodiscard]] std::string name() const;
  // As a request's Host header, and a proxy, want it: the port only where it is not the usual one.
  [[nodiscard]] std::string authority() const;
};
// Throws ConfigError, naming `what` the URL was given as. User names in URLs are refused: a key
// has a place of its own.
[[nodiscard]] HttpEndpoint parse_endpoint(std::string_view url, std::string_view what);

struct HttpHeader {
  std::string name;
  std::string value;
};

struct HttpResponse {
  int status = 0;
  int attempts = 1;  // how often the request was sent
  std::string content_type;
  std::string content_encoding;
  std::string
      retry_after;  // seconds where the server said it in a form that is known, else its words
  std::string location;
  std::vector<HttpHeader> headers;
  std::string body;

  // A header's value by its name in small letters; "" where there is none.
  [[nodiscard]] std::string header(std::string_view name) const;
};

struct HttpOptions {
  double connect_timeout_s = 10;  // name, connection, proxy and TLS handshake
  double timeout_s = 600;         // from the request to the end of the answer, for each attempt
  // Between two pieces of a streamed answer that has begun. Silence before the first one is the
  // model thinking, and counts against timeout_s alone.
  double read_timeout_s = 60;
  std::size_t body_limit_bytes = std::size_t{64} << 20;  // of a streamed answer's whole, too
  int max_retries = 2;
  double retry_wait_limit_s = 60;  // a server that asks for more is not asked again
  std::function<void()> poll;      // called every 20 ms of waiting; may throw (Ctrl-C)
  // A variable of the process's environment, "" where it is not set: proxies and authorities are
  // named there. Read at each request. Not set: there is none of them.
  std::function<std::string(const char*)> variable;
};

// A piece of an answer's body as it comes. False: that is enough, the rest is left unread.
using OnBytes = std::function<bool(std::string_view)>;

// Thread-safe: each request has a connection to itself. Certificates are checked against the
// system's authorities (SSL_CERT_FILE and SSL_CERT_DIR are obeyed); redirects are not followed.
// What fails in passing is sent again (retry.h says what, and when).
//
// All throw ProviderUnreachable, ProviderTimeout or ProviderError, ConfigError for a proxy that
// cannot work, and what poll() throws; an answer of any status is an answer.
class HttpClient {
 public:
  // `pools`: null = one of its own.
  HttpClient(HttpEndpoint endpoint, HttpOptions options,
             std::shared_ptr<HttpPools> pools = nullptr);

  // `path` is put behind the endpoint's.
  [[nodiscard]] HttpResponse post(std::string_view path, const std::vector<HttpHeader>& headers,
                                  std::string body) const;
  [[nodiscard]] HttpResponse get(std::string_view path,
                                 const std::vector<HttpHeader>& headers) const;
  // Like post(); the body of a 2xx answer goes to on_bytes piece by piece and is not in the
  // response, any other answer comes whole. What on_bytes throws ends the exchange and comes out.
  // Nothing is sent again once on_bytes was called. The connection is kept where the answer was
  // read to its end; where on_bytes ends it, only if the end comes at once.
  [[nodiscard]] HttpResponse stream(std::string_view path, const std::vector<HttpHeader>& headers,
                                    std::string body, const OnBytes& on_bytes) const;
  // post(), or stream(), in two halves: no thread need wait between them. finish() is called once,
  // on any thread; where the first half failed it does all.
  [[nodiscard]] std::unique_ptr<HttpSent> begin(std::string_view path,
                                                const std::vector<HttpHeader>& headers,
                                                std::string body, bool streamed) const;
  [[nodiscard]] HttpResponse finish(HttpSent& sent, const OnBytes& on_bytes) const;
  [[nodiscard]] const HttpEndpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] double timeout_s() const { return options_.timeout_s; }

 private:
  [[nodiscard]] HttpResponse send(const HttpRequest& request, const OnBytes& on_bytes,
                                  HttpSent* sent = nullptr) const;
  [[nodiscard]] HttpResponse send_once(const HttpRequest& request, const OnBytes& on_bytes,
                                       HttpSent* sent) const;
  [[nodiscard]] HttpRoute route() const;
  [[nodiscard]] std::unique_ptr<HttpConnection> fresh(const HttpRoute& route) const;
  [[nodiscard]] std::string pool_key(const HttpRoute& route) const;
  [[nodiscard]] std::string trust() const;
  void pause(double wait_s) const;

  HttpEndpoint endpoint_;
  HttpOptions options_;
  std::shared_ptr<HttpPools> pools_;
};

}  // namespace memgpt
