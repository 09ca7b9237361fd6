#include "llm/service_client.h"

#include <algorithm>
#include <cctype>

#include "error.h"

namespace memgpt {

namespace {

// A key that was read from a file often ends in a newline.
std::string trimmed(std::string text) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), is_space).base(), text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  return text;
}

// Copied with the word that stands before it in a header.
std::string bare(const std::string& key) {
  constexpr std::string_view kWord = "Bearer ";
  return key.starts_with(kWord) ? trimmed(key.substr(kWord.size())) : key;
}

bool is_seconds(double value) { return value > 0 && value <= 86'400; }

}  // namespace

std::string service_url(std::string url, const Service& service) {
  while (url.ends_with('/')) url.pop_back();
  if (service.dialect == Dialect::ollama) {
    if (url.find("://") == std::string::npos) url.insert(0, "http://");
    if (url.ends_with("/v1")) url.resize(url.size() - 3);
    const auto host = url.find("://") + 3;
    // What a server listens at is no address to call.
    if (url.compare(host, 7, "0.0.0.0") == 0) url.replace(host, 7, "127.0.0.1");
    if (url[host] == ':') url.insert(host, "127.0.0.1");
    const bool has_port =
        url.find(':', url.find(']', host) == std::string::npos ? host : url.find(']', host)) !=
        std::string::npos;
    if (!has_port && url.find('/', host) == std::string::npos && url.starts_with("http://"))
      url += ":11434";
    return url;
  }
  const auto scheme = url.find("://");
  const bool bare = scheme != std::string::npos && url.find('/', scheme + 3) == std::string::npos;
  // These are all asked below "/v1"; what is given for any other server is taken as it is.
  if (bare && service.window != WindowSource::none) url += "/v1";
  return url;
}

ServiceClient::ServiceClient(Options options, const Service& service, Outside outside)
    : options_(std::move(options)), service_(service), outside_(std::move(outside)) {
  if (!is_seconds(options_.http.timeout_s))
    throw ConfigError("timeout_s must be more than 0 and at most 86400");
  if (!is_seconds(options_.http.read_timeout_s))
    throw ConfigError("read_timeout_s must be more than 0 and at most 86400");
  if (options_.http.max_retries < 0 || options_.http.max_retries > 100)
    throw ConfigError("max_retries must be from 0 to 100");
  if (options_.base_url)
    static_cast<void>(parse_endpoint(service_url(*options_.base_url, service_), "base_url"));
}

std::string ServiceClient::name() const {
  if (options_.base_url) return options_.model + " at " + *options_.base_url;
  return std::string(service_.name) + '/' + options_.model;
}

std::string ServiceClient::subject() const { return "the " + options_.what + " \"" + name() + '"'; }

std::string ServiceClient::variable(std::string_view name) const {
  return trimmed(outside_.setting ? outside_.setting(std::string(name).c_str()) : "");
}

std::string ServiceClient::key() const {
  if (options_.api_key) return bare(trimmed(*options_.api_key));
  // The environment's key was given for the environment's endpoint, not for this one.
  return options_.base_url ? "" : bare(variable(service_.key_variable));
}

std::string ServiceClient::missing_key() const {
  if (options_.base_url || options_.api_key || !service_.key_needed || !key().empty()) return "";
  return std::string(service_.key_variable);
}

std::string ServiceClient::url_given_as() const {
  return options_.base_url ? "base_url" : std::string(service_.url_variable);
}

std::string ServiceClient::url() const {
  std::string url = options_.base_url.value_or("");
  if (url.empty()) url = variable(service_.url_variable);
  if (url.empty()) url = service_.default_url;
  if (url.empty())
    throw ConfigError(subject() + " needs an address: set " + std::string(service_.url_variable) +
                      " in the environment");
  return service_url(std::move(url), service_);
}

std::vector<HttpHeader> ServiceClient::headers(const std::string& key) const {
  if (const auto name = missing_key(); !name.empty())
    throw MissingKey(subject() + " needs a key: set " + name + " in the environment");
  if (key.empty()) return {};
  if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return c < ' ' || c > 126; }))
    throw ConfigError("the key (api_key, or " + std::string(service_.key_variable) +
                      ") holds a character that no key has; copy it again");
  if (service_.azure) return {{"api-key", key}};
  return {{"Authorization", "Bearer " + key}};
}

HttpOptions ServiceClient::http_options() const {
  HttpOptions options = options_.http;
  options.poll = outside_.poll;
  options.variable = outside_.variable;
  return options;
}

std::shared_ptr<HttpClient> ServiceClient::http() const {
  const std::string url = this->url();
  const std::scoped_lock lock(mutex_);
  if (!client_ || client_url_ != url) {
    client_ = std::make_shared<HttpClient>(parse_endpoint(url, url_given_as()), http_options(),
                                           outside_.pools);
    client_url_ = url;
  }
  return client_;
}

WireOrigin ServiceClient::origin(const HttpClient& client, const std::string& key) const {
  const bool own = options_.api_key || options_.base_url;
  return {options_.model,
          client.endpoint().name() + client.endpoint().path,
          url_given_as(),
          own ? "api_key" : std::string(service_.key_variable),
          key,
          service_.dialect == Dialect::ollama ? "`ollama list` shows the models that are there"
                                              : "It often ends in /v1"};
}

}  // namespace memgpt
