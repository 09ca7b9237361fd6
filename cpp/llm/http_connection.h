// One connection to a server, straight or through a proxy.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "llm/http.h"
#include "llm/proxy.h"

namespace memgpt {

// No connection, or it broke, in a way that may pass, and nothing of the answer was handed on.
class ConnectionLost final : public ProviderUnreachable {
 public:
  using ProviderUnreachable::ProviderUnreachable;
};

// The process may open no more files.
class NoDescriptors final : public ProviderUnreachable {
 public:
  using ProviderUnreachable::ProviderUnreachable;
};

// The authorities that certificates are checked against. Reading them takes longer than many a
// call: they are shared.
class HttpTls;
[[nodiscard]] std::shared_ptr<HttpTls> read_authorities();

struct HttpRoute {
  HttpEndpoint target;
  std::optional<HttpProxy> proxy;

  // For messages to people.
  [[nodiscard]] std::string name() const;
};

struct HttpRequest {
  std::string method;  // "GET", "POST"
  std::string path;
  std::vector<HttpHeader> headers;
  std::string body;
};

// Not thread-safe. It keeps nothing of the options it is given.
class HttpConnection {
 public:
  HttpConnection() = default;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  virtual ~HttpConnection() = default;

  // Sends a request. What goes wrong is told by receive(): a server may answer and close before it
  // has read all, and the answer says why.
  virtual void send(const HttpRequest& request, const HttpOptions& options) = 0;
  // Its answer. `fresh`: false where the connection was kept and the server may have closed it
  // meanwhile; nullopt then, and the request is worth sending again. `on_bytes`: as in
  // HttpClient::stream(), or empty.
  [[nodiscard]] virtual std::optional<HttpResponse> receive(const HttpOptions& options,
                                                            const OnBytes& on_bytes,
                                                            bool fresh) = 0;
  [[nodiscard]] std::optional<HttpResponse> exchange(const HttpRequest& request,
                                                     const HttpOptions& options,
                                                     const OnBytes& on_bytes, bool fresh) {
    send(request, options);
    return receive(options, on_bytes, fresh);
  }
  // Can be read from when the answer begins, or the connection ends.
  [[nodiscard]] virtual int descriptor() = 0;
  // The last answer was read to its end, and the server keeps the connection.
  [[nodiscard]] virtual bool can_be_kept() const = 0;
  // Closed, or with bytes that nobody asked for: not to be used again.
  [[nodiscard]] virtual bool is_stale() = 0;
};

// A request on its way.
struct HttpSent {
  HttpRequest request;
  HttpRoute route;
  std::string pool_key;                        // of its connection
  std::unique_ptr<HttpConnection> connection;  // null: it did not get that far
  bool fresh = false;                          // it was made for this request
};

// `tls`: null for plain HTTP.
[[nodiscard]] std::unique_ptr<HttpConnection> connect(const HttpRoute& route,
                                                      std::shared_ptr<HttpTls> tls,
                                                      const HttpOptions& options);

}  // namespace memgpt
