// Reading the URL of an endpoint.
#include <algorithm>
#include <cctype>

#include "error.h"
#include "llm/http.h"

namespace memgpt {

namespace {

// Without what may be a key.
std::string shown(std::string_view url) {
  const auto end = std::min(url.find_first_of("?#\r\n"), url.size());
  return std::string(url.substr(0, std::min<std::size_t>(end, 200))) +
         (end < url.size() ? "..." : "");
}

// Names the URL, unless it is empty because it must not be shown.
[[noreturn]] void refuse(std::string_view url, std::string_view what, const std::string& why) {
  throw ConfigError(std::string(what) + (url.empty() ? "" : " is \"" + shown(url) + "\"") + ": " +
                    why + "; write it like https://api.openai.com/v1 or http://127.0.0.1:8080/v1");
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); }) &&
         std::stoi(std::string(text)) > 0 && std::stoi(std::string(text)) < 65'536;
}

}  // namespace

std::string HttpEndpoint::authority() const {
  const bool bracketed = host.find(':') != std::string::npos;
  const bool usual = port == (tls ? "443" : "80");
  return (bracketed ? "[" + host + "]" : host) + (usual ? "" : ":" + port);
}

std::string HttpEndpoint::name() const { return (tls ? "https://" : "http://") + authority(); }

HttpEndpoint parse_endpoint(std::string_view url, std::string_view what) {
  HttpEndpoint endpoint;
  std::string_view rest = url;
  const auto begins = [&](std::string_view scheme) {
    return std::equal(
        scheme.begin(), scheme.end(), rest.begin(),
        rest.begin() + static_cast<std::ptrdiff_t>(std::min(scheme.size(), rest.size())),
        [](char a, unsigned char b) { return a == std::tolower(b); });
  };
  // What has no scheme may be a key that was put into the wrong variable: it is not shown.
  if (begins("https://"))
    endpoint.tls = true;
  else if (!begins("http://"))
    refuse("", what, "it begins with neither https:// nor http://");
  rest.remove_prefix(endpoint.tls ? 8 : 7);
  if (std::any_of(rest.begin(), rest.end(),
                  [](unsigned char c) { return c <= ' ' || c >= 127 || c == '\\'; }))
    refuse(url, what, "it holds a space or a character that belongs in no URL");
  if (rest.find_first_of("?#") != std::string_view::npos)
    refuse(url, what, "it has a query, which an endpoint has not");
  const auto slash = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  endpoint.path = path;
  // Not shown: what stands before the @ may be a password.
  if (authority.find('@') != std::string_view::npos)
    refuse("", what, "it holds a user name; a key goes into api_key or OPENAI_API_KEY");
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) refuse(url, what, "its [ has no ]");
    endpoint.host = authority.substr(1, close - 1);
    authority.remove_prefix(close + 1);
    if (!authority.empty() && !authority.starts_with(':')) refuse(url, what, "its host is odd");
    if (authority.starts_with(':')) port = authority.substr(1);
  } else {
    const auto colon = authority.find(':');
    endpoint.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon + 1);
  }
  if (endpoint.host.empty()) refuse(url, what, "it names no host");
  if (!port.empty() && !is_port(port)) refuse(url, what, "its port is no number up to 65535");
  endpoint.port = port.empty() ? (endpoint.tls ? "443" : "80") : std::string(port);
  return endpoint;
}

}  // namespace memgpt
