#include "llm/hosted_model.h"

#include <algorithm>
#include <cctype>

#include "error.h"
#include "llm/ollama.h"
#include "llm/openai.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr auto kAskAgainAfter = std::chrono::seconds(10);
constexpr double kAskSeconds = 5;

// A key that was read from a file often ends in a newline.
std::string trimmed(std::string text) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), is_space).base(), text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  return text;
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

json::object read_extra_body(const std::string& text) {
  if (text.empty()) return {};
  boost::system::error_code failed;
  auto value = parse_deep(text, failed);
  if (failed || !value.is_object()) throw ConfigError("extra_body must be a JSON object");
  for (const char* name : {"model", "messages", "tools", "stream", "stream_options", "format",
                           "max_tokens", "max_completion_tokens", "response_format", "n"})
    if (value.get_object().contains(name))
      throw ConfigError("extra_body may not hold \"" + std::string(name) +
                        "\": memgpt says that itself");
  return std::move(value.get_object());
}

std::shared_ptr<LLMProvider> make_provider(ModelOptions options, Outside outside) {
  const auto* const service = find_service(options.service);
  if (service == nullptr)
    throw ConfigError("no provider answers for the endpoint type \"" + options.service +
                      "\"; there are " + service_names());
  if (service->dialect == Dialect::ollama)
    return std::make_shared<OllamaProvider>(std::move(options), *service, std::move(outside));
  return std::make_shared<OpenAIProvider>(std::move(options), *service, std::move(outside));
}

HostedModel::HostedModel(ModelOptions options, const Service& service, Outside outside)
    : options_(std::move(options)), service_(service), outside_(std::move(outside)) {
  if (is_blank(options_.model)) throw ConfigError("the model's name is empty");
  if (options_.context_window < 0) throw ConfigError("context_window must not be negative");
  if (!is_seconds(options_.timeout_s))
    throw ConfigError("timeout_s must be more than 0 and at most 86400");
  if (!is_seconds(options_.read_timeout_s))
    throw ConfigError("read_timeout_s must be more than 0 and at most 86400");
  if (options_.max_retries < 0 || options_.max_retries > 100)
    throw ConfigError("max_retries must be from 0 to 100");
  if (options_.tokenizer && !options_.tokenizer->empty())
    static_cast<void>(BpeTokenCounter(*options_.tokenizer));  // throws where there is none such
  if (options_.base_url)
    static_cast<void>(parse_endpoint(service_url(*options_.base_url, service_), "base_url"));
}

// A handle binds itself when an agent is opened again, with the environment's endpoint and key. A
// model at an address of its own must not: its messages would go elsewhere.
std::string HostedModel::model() const {
  if (options_.base_url) return options_.model + " at " + *options_.base_url;
  return std::string(service_.name) + '/' + options_.model;
}

int HostedModel::context_window() const {
  if (options_.context_window > 0) return options_.context_window;
  if (service_.window != WindowSource::none)
    if (const int said = ask_window(); said > 0) return said;
  const auto* known = known_model(options_.model);
  return known == nullptr ? 0 : known->context_window;
}

int HostedModel::ask_window() const {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::scoped_lock lock(mutex_);
    if (window_) return *window_;
    if (asked_ != std::chrono::steady_clock::time_point{} && now - asked_ < kAskAgainAfter)
      return 0;
    asked_ = now;
  }
  const std::string url = this->url();
  try {
    auto http = http_options();
    http.timeout_s = std::min(http.timeout_s, kAskSeconds);
    http.max_retries = 0;
    auto endpoint = parse_endpoint(url, service_.url_variable);
    // These say it beside their chat completions, not below them.
    const bool beside =
        service_.window == WindowSource::llama_cpp || service_.window == WindowSource::lm_studio;
    if (beside && endpoint.path.ends_with("/v1")) endpoint.path.resize(endpoint.path.size() - 3);
    HttpClient client(std::move(endpoint), std::move(http), outside_.pools);
    const int said = window_of_server(service_.window, client, headers(key()), options_.model);
    const std::scoped_lock lock(mutex_);
    window_ = said;
    return said;
  } catch (const ProviderError& error) {
    std::string text = error.what();
    hide_key(text, key());
    if (outside_.warn)
      outside_.warn("the server of \"" + model() + "\" could not be asked for its context size (" +
                    text + "); give context_window= unless the usual one is right");
    return 0;
  }
}

std::string HostedModel::tokenizer() const {
  if (options_.counter) return options_.counter->name();
  if (options_.tokenizer) return *options_.tokenizer;
  const auto* known = known_model(options_.model);
  return std::string(known == nullptr ? "" : known->tokenizer);
}

std::shared_ptr<const TokenCounter> HostedModel::counter() const { return options_.counter; }

bool HostedModel::reasons_natively() const {
  const auto* known = known_model(options_.model);
  return known != nullptr && known->reasons;
}

std::string HostedModel::variable(std::string_view name) const {
  return trimmed(outside_.setting ? outside_.setting(std::string(name).c_str()) : "");
}

std::string HostedModel::key() const {
  if (options_.api_key) return trimmed(*options_.api_key);
  // The environment's key was given for the environment's endpoint, not for this one.
  if (options_.base_url) return "";
  return variable(service_.key_variable);
}

std::string HostedModel::missing_key() const {
  if (options_.base_url || options_.api_key || !service_.key_needed || !key().empty()) return "";
  return std::string(service_.key_variable);
}

std::string HostedModel::url() const {
  std::string url = options_.base_url.value_or("");
  if (url.empty()) url = variable(service_.url_variable);
  if (url.empty()) url = service_.default_url;
  if (url.empty())
    throw ConfigError("the model \"" + model() + "\" needs an address: set " +
                      std::string(service_.url_variable) + " in the environment");
  return service_url(std::move(url), service_);
}

HttpOptions HostedModel::http_options() const {
  HttpOptions options;
  options.timeout_s = options_.timeout_s;
  options.read_timeout_s = options_.read_timeout_s;
  options.max_retries = options_.max_retries;
  options.poll = outside_.poll;
  options.variable = outside_.variable;
  return options;
}

std::shared_ptr<HttpClient> HostedModel::client() {
  const std::string url = this->url();
  const std::scoped_lock lock(mutex_);
  if (!client_ || client_url_ != url) {
    client_ = std::make_shared<HttpClient>(
        parse_endpoint(url, options_.base_url ? "base_url" : service_.url_variable), http_options(),
        outside_.pools);
    client_url_ = url;
  }
  return client_;
}

std::vector<HttpHeader> HostedModel::headers(const std::string& key) const {
  if (const auto name = missing_key(); !name.empty())
    throw MissingKey("the model \"" + model() + "\" needs a key: set " + name +
                     " in the environment");
  if (key.empty()) return {};
  if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return c < ' ' || c > 126; }))
    throw ConfigError("the key (api_key, or " + std::string(service_.key_variable) +
                      ") holds a character that no key has; copy it again");
  if (service_.azure) return {{"api-key", key}};
  return {{"Authorization", "Bearer " + key}};
}

WireOrigin HostedModel::origin(const HttpClient& client, const std::string& key) const {
  return {options_.model,
          client.endpoint().name() + client.endpoint().path,
          options_.base_url ? "base_url" : std::string(service_.url_variable),
          options_.api_key || options_.base_url ? "api_key" : std::string(service_.key_variable),
          key,
          service_.dialect == Dialect::ollama ? "`ollama list` shows the models that are there"
                                              : "It often ends in /v1"};
}

// A token is seldom less than three characters of English, so the reply comes to its end before it
// is cut off.
int HostedModel::string_budget(const Context& context) const {
  if (options_.max_string >= 0) return options_.max_string;
  return service_.bounds_strings ? context.budget.reply_reserve * 3 : 0;
}

}  // namespace memgpt
