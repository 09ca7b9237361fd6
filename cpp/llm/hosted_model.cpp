#include "llm/hosted_model.h"

#include <algorithm>

#include "error.h"
#include "llm/http_connection.h"
#include "llm/ollama.h"
#include "llm/openai.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr auto kAskAgainAfter = std::chrono::seconds(10);
constexpr double kAskSeconds = 5;

ServiceClient::Options client_options(const ModelOptions& options) {
  HttpOptions http;
  http.timeout_s = options.timeout_s;
  http.read_timeout_s = options.read_timeout_s;
  http.max_retries = options.max_retries;
  return {"model", options.model, options.base_url, options.api_key, std::move(http)};
}

}  // namespace

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
    : options_(std::move(options)), server_(client_options(options_), service, std::move(outside)) {
  if (is_blank(options_.model)) throw ConfigError("the model's name is empty");
  if (options_.context_window < 0) throw ConfigError("context_window must not be negative");
  if (options_.tokenizer && !options_.tokenizer->empty())
    static_cast<void>(BpeTokenCounter(*options_.tokenizer));  // throws where there is none such
}

std::string HostedModel::model() const { return server_.name(); }

int HostedModel::context_window() const {
  if (options_.context_window > 0) return options_.context_window;
  if (service().window != WindowSource::none)
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
  const std::string url = server_.url();
  try {
    auto http = server_.http_options();
    http.timeout_s = std::min(http.timeout_s, kAskSeconds);
    http.max_retries = 0;
    auto endpoint = parse_endpoint(url, service().url_variable);
    // These say it beside their chat completions, not below them.
    const bool beside =
        service().window == WindowSource::llama_cpp || service().window == WindowSource::lm_studio;
    if (beside && endpoint.path.ends_with("/v1")) endpoint.path.resize(endpoint.path.size() - 3);
    HttpClient client(std::move(endpoint), std::move(http), server_.outside().pools);
    const int said =
        window_of_server(service().window, client, server_.headers(server_.key()), options_.model);
    const std::scoped_lock lock(mutex_);
    window_ = said;
    return said;
  } catch (const ProviderError& error) {
    std::string text = error.what();
    hide_key(text, server_.key());
    if (const auto& warn = server_.outside().warn)
      warn("the server of \"" + model() + "\" could not be asked for its context size (" + text +
           "); give context_window= unless the usual one is right");
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

std::string HostedModel::missing_key() const { return server_.missing_key(); }

bool HostedModel::reasons_natively() const {
  const auto* known = known_model(options_.model);
  return known != nullptr && known->reasons;
}

class HostedModel::Pending final : public PendingReply {
 public:
  Pending(std::unique_ptr<HttpSent> sent, double timeout_s, TakeReply take)
      : sent_(std::move(sent)), timeout_s_(timeout_s), take_(std::move(take)) {}
  [[nodiscard]] int descriptor() const override {
    return sent_->connection ? sent_->connection->descriptor() : -1;
  }
  [[nodiscard]] double timeout_s() const override { return timeout_s_; }
  [[nodiscard]] Reply finish() override { return take_(*sent_); }

 private:
  std::unique_ptr<HttpSent> sent_;
  double timeout_s_;
  TakeReply take_;
};

std::unique_ptr<PendingReply> HostedModel::send(std::string_view path, std::string body,
                                                bool streamed, TakeReply take) const {
  auto sent =
      server_.http()->begin(path, server_.headers(server_.key()), std::move(body), streamed);
  return std::make_unique<Pending>(std::move(sent), options_.timeout_s, std::move(take));
}

// A token is seldom less than three characters of English, so the reply comes to its end before it
// is cut off.
int HostedModel::string_budget(const Context& context) const {
  if (options_.max_string >= 0) return options_.max_string;
  return service().bounds_strings ? context.budget.reply_reserve * 3 : 0;
}

}  // namespace memgpt
