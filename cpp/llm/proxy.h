// Which proxy the environment names for a target.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "llm/http.h"

namespace memgpt {

struct HttpProxy {
  HttpEndpoint endpoint;      // always plain HTTP
  std::string authorization;  // value of Proxy-Authorization, or empty; goes to the proxy alone
  std::string variable;       // that named it: "HTTPS_PROXY"

  // For messages to people: without credentials.
  [[nodiscard]] std::string name() const;
  // For its answer 407.
  [[noreturn]] void throw_wants_password() const;
};

// https_proxy or http_proxy by the target's scheme, all_proxy where that is not set; small letters
// come before capitals, and no_proxy tells which targets are reached straight. None for targets on
// this machine. Throws ConfigError, naming the variable, for what is no HTTP proxy.
[[nodiscard]] std::optional<HttpProxy> proxy_for(
    const HttpEndpoint& target, const std::function<std::string(const char*)>& variable);

}  // namespace memgpt
