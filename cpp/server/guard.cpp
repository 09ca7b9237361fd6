#include "server/guard.h"

#include <algorithm>

#include "error.h"
#include "memory/text.h"
#include "server/refusal.h"

namespace memgpt {

namespace {

std::string small(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

// Without the port, and brackets around an address of version 6.
std::string host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    return small(authority.substr(1, end == std::string_view::npos ? end : end - 1));
  }
  auto host = small(authority.substr(0, authority.rfind(':')));
  if (host.ends_with('.')) host.pop_back();
  return host;
}

// The digests take as long to compare wherever they differ.
bool is_same(std::string_view a, std::string_view b) {
  const auto first = sha256(a);
  const auto second = sha256(b);
  unsigned char difference = 0;
  for (std::size_t i = 0; i < first.size(); ++i)
    difference = static_cast<unsigned char>(difference | (first[i] ^ second[i]));
  return difference == 0;
}

}  // namespace

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost") || host == "::1") return true;
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

Guard::Guard(const ServerOptions& options)
    : token_(options.token),
      hosts_(options.allowed_hosts),
      runs_sources_(!options.token.empty() || options.allow_local_tools) {
  const auto host = small(options.host);
  if (token_.empty() && !is_loopback(host))
    throw ConfigError("the address \"" + options.host +
                      "\" can be reached from other machines: give a token (--token), or listen "
                      "on 127.0.0.1");
  for (auto& name : hosts_) name = small(name);
  hosts_.push_back(host);
}

bool Guard::knows_host(std::string_view host) const {
  return is_loopback(host) || std::find(hosts_.begin(), hosts_.end(), host) != hosts_.end();
}

void Guard::check(const ServerRequest& request) const {
  if (request.in_process) return;
  const auto host = request.header("host");
  if (std::count_if(request.headers.begin(), request.headers.end(),
                    [](const ServerHeader& header) { return header.name == "host"; }) > 1)
    throw Refusal(400, "a request has one Host header");
  // A name that its owner lets point here makes a page on it ours, in a browser's eyes.
  if (token_.empty() && !knows_host(host_of(host)))
    throw Refusal(421, "this server does not answer for the host \"" +
                           std::string(host.substr(0, 100)) +
                           "\"; start it with --allow-host for that name");
  if (request.has_header("origin")) {
    const auto origin = request.header("origin");
    const auto name = origin.find("://");
    if (name == std::string_view::npos || small(origin.substr(name + 3)) != small(host))
      throw Refusal(403, "a page of another origin may not ask this server");
  }
  if (token_.empty()) return;
  constexpr std::string_view kBearer = "bearer ";
  const auto given = request.header("authorization");
  if (given.size() <= kBearer.size() || small(given.substr(0, kBearer.size())) != kBearer ||
      !is_same(given.substr(kBearer.size()), token_))
    throw Refusal(401, "Unauthorized");
}

}  // namespace memgpt
