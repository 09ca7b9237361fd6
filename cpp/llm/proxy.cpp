#include "llm/proxy.h"

#include <arpa/inet.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string_view>

#include "error.h"

namespace memgpt {

namespace {

using Variable = std::function<std::string(const char*)>;

std::string lower(std::string_view text) {
  std::string low(text);
  std::transform(low.begin(), low.end(), low.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return low;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// An IP address as its bytes, 4 or 16 of them; empty for a name.
std::string address_bytes(const std::string& host) {
  std::array<char, 16> bytes{};
  if (::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) return {bytes.data(), 4};
  if (::inet_pton(AF_INET6, host.c_str(), bytes.data()) != 1) return {};
  // "::ffff:127.0.0.1" is 127.0.0.1.
  const std::string all(bytes.data(), 16);
  return all.starts_with(std::string(10, '\0') + "\xFF\xFF") ? all.substr(12) : all;
}

// A proxy is elsewhere, and would look for the model's server on its own machine.
bool is_this_machine(const std::string& host) {
  const auto bytes = address_bytes(host);
  if (bytes.empty()) return host == "localhost" || host.ends_with(".localhost");
  if (bytes.size() == 4) return bytes[0] == 127 || bytes == std::string(4, '\0');
  return bytes.starts_with(std::string(15, '\0')) && (bytes[15] == 1 || bytes[15] == 0);
}

bool in_network(const std::string& address, std::string_view network) {
  const auto slash = network.find('/');
  const auto base = address_bytes(std::string(network.substr(0, slash)));
  if (address.empty() || base.size() != address.size()) return false;
  if (slash == std::string_view::npos) return base == address;
  std::size_t bits = 0;
  const auto* end = network.data() + network.size();
  const auto read = std::from_chars(network.data() + slash + 1, end, bits);
  if (read.ec != std::errc{} || read.ptr != end || bits > base.size() * 8) return false;
  const auto whole = bits / 8;
  if (base.compare(0, whole, address, 0, whole) != 0) return false;
  const auto mask = static_cast<unsigned char>(0xFF00U >> (bits % 8));
  return bits % 8 == 0 || ((base[whole] ^ address[whole]) & mask) == 0;
}

// One entry of NO_PROXY: "*", "10.0.0.0/8", "[::1]:8080", "example.com:8080", ".example.com".
bool is_excepted(const std::string& host, const std::string& port, std::string_view entry) {
  if (entry == "*") return true;
  const auto address = address_bytes(host);
  const auto colon = entry.rfind(':');
  const bool one_colon = colon != std::string_view::npos && entry.find(':') == colon;
  if (one_colon || (entry.starts_with('[') && entry.find("]:") != std::string_view::npos)) {
    if (entry.substr(colon + 1) != port) return false;
    entry = entry.substr(0, colon);
  }
  if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  if (!address.empty()) return in_network(address, entry);
  if (entry.starts_with("*.")) entry.remove_prefix(1);
  if (entry.starts_with('.')) entry.remove_prefix(1);
  if (entry.empty() || !host.ends_with(entry)) return false;
  return host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.';
}

bool goes_straight(const HttpEndpoint& target, const Variable& variable) {
  std::string list = variable("no_proxy");
  if (list.empty()) list = variable("NO_PROXY");
  list = lower(list);
  const std::string host = lower(target.host);
  std::string_view rest = list;
  while (!rest.empty()) {
    const auto end = std::min(rest.find_first_of(", \t"), rest.size());
    if (is_excepted(host, target.port, rest.substr(0, end))) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned value = 0;
    const auto* digits = text.data() + at + 1;
    if (text[at] == '%' && at + 2 < text.size() &&
        std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      decoded += static_cast<char>(value);
      at += 2;
    } else {
      decoded += text[at];
    }
  }
  return decoded;
}

std::string base64(const std::string& text) {
  std::string encoded(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return encoded;
}

// Nothing of the URL is shown: it may hold a password.
HttpProxy parse_proxy(std::string_view url, const char* variable) {
  HttpProxy proxy;
  proxy.variable = variable;
  const auto scheme_end = url.find("://");
  const std::string scheme =
      scheme_end == std::string_view::npos ? "http" : lower(url.substr(0, scheme_end));
  constexpr const char* kForm = "; write it like http://proxy.example:3128";
  if (scheme != "http")
    throw ConfigError(proxy.variable + " names a proxy of the kind " +
                      (scheme == "https" || scheme.starts_with("socks") ? "\"" + scheme + "\""
                                                                        : "that is not known") +
                      ", and only plain HTTP proxies are spoken to" + kForm);
  if (scheme_end != std::string_view::npos) url.remove_prefix(scheme_end + 3);
  url = url.substr(0, std::min(url.find_first_of("/?#"), url.size()));
  if (const auto at = url.rfind('@'); at != std::string_view::npos) {
    const auto credentials = url.substr(0, at);
    const auto colon = std::min(credentials.find(':'), credentials.size());
    const auto password = credentials.substr(std::min(colon + 1, credentials.size()));
    proxy.authorization = "Basic " + base64(percent_decoded(credentials.substr(0, colon)) + ":" +
                                            percent_decoded(password));
    url.remove_prefix(at + 1);
  }
  try {
    proxy.endpoint = parse_endpoint("http://" + std::string(url), variable);
  } catch (const ConfigError&) {
    throw ConfigError(proxy.variable + " names no proxy that can be read" + kForm);
  }
  return proxy;
}

}  // namespace

std::string HttpProxy::name() const { return "the proxy " + endpoint.name() + " of " + variable; }

void HttpProxy::throw_wants_password() const {
  throw ProviderUnreachable(name() + " answered 407: it wants a user name and a password" +
                            (authorization.empty() ? "" : ", and refused those that it was given") +
                            "; write them into " + variable +
                            " like http://user:password@host:port");
}

std::optional<HttpProxy> proxy_for(const HttpEndpoint& target, const Variable& variable) {
  if (!variable || is_this_machine(lower(target.host))) return {};
  std::array<const char*, 4> names = {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"};
  if (target.tls) {
    names[0] = "https_proxy";
    names[1] = "HTTPS_PROXY";
  }
  for (const char* name : names) {
    // In a CGI program HTTP_PROXY is what a client sent as its header "Proxy".
    if (name == std::string_view("HTTP_PROXY") && !variable("REQUEST_METHOD").empty()) continue;
    const std::string value = variable(name);
    const auto url = trimmed(value);
    if (url.empty()) continue;
    if (goes_straight(target, variable)) return {};
    return parse_proxy(url, name);
  }
  return {};
}

}  // namespace memgpt
