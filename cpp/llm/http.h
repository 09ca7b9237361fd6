// HTTP requests to one endpoint over a kept connection. The only part of the core that opens
// sockets; Boost.Beast stays behind this face.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

// Where requests go: "https://api.openai.com/v1".
struct HttpEndpoint {
  bool tls = false;
  std::string host;
  std::string port;
  std::string path;  // "/v1", or empty; never ends with a slash

  // For messages to people: without path.
  [[nodiscard]] std::string name() const;
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
  std::string content_type;
  std::string content_encoding;
  std::string retry_after;
  std::string location;
  std::string body;
};

struct HttpOptions {
  double connect_timeout_s = 10;  // name, connection and TLS handshake
  double timeout_s = 120;         // from the request to the end of the answer
  std::size_t body_limit_bytes = std::size_t{64} << 20;
  std::function<void()> poll;  // called every 20 ms of waiting; may throw (Ctrl-C)
};

// Thread-safe: each request has a connection to itself. Certificates are checked against the
// system's authorities (SSL_CERT_FILE and SSL_CERT_DIR are obeyed); redirects are not followed.
class HttpClient {
 public:
  HttpClient(HttpEndpoint endpoint, HttpOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // `path` is put behind the endpoint's. Throws ProviderUnreachable, ProviderTimeout or
  // ProviderError; an answer of any status is an answer.
  [[nodiscard]] HttpResponse post(std::string_view path, const std::vector<HttpHeader>& headers,
                                  std::string body);
  [[nodiscard]] const HttpEndpoint& endpoint() const { return endpoint_; }

 private:
  class Connection;
  class Tls;
  [[nodiscard]] std::unique_ptr<Connection> idle();
  [[nodiscard]] std::unique_ptr<Connection> connect();
  void leave_to_parent();

  HttpEndpoint endpoint_;
  HttpOptions options_;
  std::mutex mutex_;  // guards what follows
  std::shared_ptr<Tls> tls_;
  std::vector<std::unique_ptr<Connection>> idle_;
  int process_;  // whose connections they are
};

}  // namespace memgpt
