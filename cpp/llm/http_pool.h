// Connections that wait for their next request, by where they lead; shared by all clients of a
// process.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "llm/http_connection.h"

namespace memgpt {

// Thread-safe, and safe to use after a fork.
class HttpPools {
 public:
  HttpPools();
  ~HttpPools();
  HttpPools(const HttpPools&) = delete;
  HttpPools& operator=(const HttpPools&) = delete;

  // The connection that was used last, if it still stands; null where none waits.
  [[nodiscard]] std::unique_ptr<HttpConnection> take(const std::string& key);
  // Closes all that wait; false where none did.
  bool close_idle();
  void give(const std::string& key, std::unique_ptr<HttpConnection> connection);
  // The authorities, read once for each value of the variables that name them.
  [[nodiscard]] std::shared_ptr<HttpTls> tls(const std::string& trust);

 private:
  struct State;
  [[nodiscard]] State& state();

  std::atomic<State*> state_;
};

}  // namespace memgpt
