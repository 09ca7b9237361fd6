// Who may ask at all: loopback is not a password, for any web page can post to it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/http_exchange.h"
#include "server/server_options.h"

namespace memgpt {

class Guard {
 public:
  // Throws ConfigError for an address that others can reach, without a token.
  explicit Guard(const ServerOptions& options);
  // Throws Refusal: 401, 403, 421.
  void check(const ServerRequest& request) const;
  // Source that a client posted may be run.
  [[nodiscard]] bool runs_sources() const { return runs_sources_; }

 private:
  [[nodiscard]] bool knows_host(std::string_view host) const;

  std::string token_;
  std::vector<std::string> hosts_;
  bool runs_sources_;
};

// "localhost", "127.0.0.1", "::1" ...
[[nodiscard]] bool is_loopback(std::string_view host);

}  // namespace memgpt
