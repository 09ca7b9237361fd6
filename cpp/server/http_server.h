// The door on a socket: connections, limits and time-outs. What is asked goes to a ServerApi.
#pragma once

#include <memory>
#include <string>

#include "server/api.h"

namespace memgpt {

class HttpServer {
 public:
  // Listens from here on. Throws ConfigError for an address that cannot be listened on.
  explicit HttpServer(std::shared_ptr<ServerApi> api);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] int port() const;
  // "http://127.0.0.1:8283"
  [[nodiscard]] std::string url() const;
  // No new connections; requests that are under way are answered, within the limit of the options.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace memgpt
