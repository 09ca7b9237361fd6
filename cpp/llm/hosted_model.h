// What models behind a server have in common, whatever it speaks: address, key, window, tokenizer.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "llm/http.h"
#include "llm/provider.h"
#include "llm/services.h"
#include "llm/wire_error.h"
#include "memory/json.h"

namespace memgpt {

class HostedModel : public LLMProvider {
 public:
  // Throws ConfigError for options that cannot work. The environment is read at each call, so that
  // a key can be set, or changed, later.
  HostedModel(ModelOptions options, const Service& service, Outside outside);

  [[nodiscard]] std::string model() const override;
  // Asks the server where it can say; once, unless it cannot be reached.
  [[nodiscard]] int context_window() const override;
  [[nodiscard]] std::string tokenizer() const override;
  [[nodiscard]] std::shared_ptr<const TokenCounter> counter() const override;
  [[nodiscard]] std::string missing_key() const override;
  [[nodiscard]] bool summarizes_by_completion() const override { return true; }
  [[nodiscard]] bool reasons_natively() const override;

 protected:
  [[nodiscard]] const ModelOptions& options() const { return options_; }
  [[nodiscard]] const Service& service() const { return service_; }
  // Throws MissingKey, or ConfigError for what is no key.
  [[nodiscard]] std::vector<HttpHeader> headers(const std::string& key) const;
  [[nodiscard]] std::string key() const;
  // Throws ConfigError where no address is set.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::shared_ptr<HttpClient> client();
  [[nodiscard]] WireOrigin origin(const HttpClient& client, const std::string& key) const;
  [[nodiscard]] Structure structure() const {
    return options_.structure.value_or(service_.structure);
  }
  // Of the environment; "" where it is not set.
  [[nodiscard]] std::string variable(std::string_view name) const;
  // Characters in all strings of one call together; 0 = no bound.
  [[nodiscard]] int string_budget(const Context& context) const;

 private:
  [[nodiscard]] HttpOptions http_options() const;
  [[nodiscard]] int ask_window() const;

  ModelOptions options_;
  const Service& service_;
  Outside outside_;
  mutable std::mutex mutex_;  // guards what follows
  std::string client_url_;
  std::shared_ptr<HttpClient> client_;
  mutable std::optional<int> window_;  // what the server said
  mutable std::chrono::steady_clock::time_point asked_{};
};

// An address as people write it, in the service's own form: Ollama's OLLAMA_HOST may be
// "0.0.0.0:11434", and some servers' addresses are given without their "/v1".
[[nodiscard]] std::string service_url(std::string url, const Service& service);

// What a program adds to each request. Throws ConfigError for what is no JSON object, or holds what
// the kernel itself says.
[[nodiscard]] json::object read_extra_body(const std::string& text);

// The window of a model, as the server says it; 0 where it does not. Throws ProviderError.
[[nodiscard]] int window_of_server(WindowSource source, HttpClient& client,
                                   const std::vector<HttpHeader>& headers,
                                   const std::string& model);

}  // namespace memgpt
