// Models behind OpenAI's chat completions, spoken by OpenAI and by many other servers. Where this
// wire format is written and read.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "llm/http.h"
#include "llm/provider.h"

namespace memgpt {

// The reply in a chat completion, or in one of its messages alone. Throws InvalidReply, saying what
// is missing.
[[nodiscard]] Reply read_chat_completion(std::string_view text);

struct OpenAIOptions {
  std::string model;                    // as the server knows it: "gpt-4.1"
  std::optional<std::string> base_url;  // none = OPENAI_BASE_URL, or OpenAI's own
  std::optional<std::string> api_key;   // none = OPENAI_API_KEY
  int context_window = 0;               // 0 = what is known of the model
  std::optional<std::string> tokenizer;
  std::shared_ptr<const TokenCounter> counter;  // in place of a tokenizer's name
  double timeout_s = 120;
  int max_retries = 2;
};

class OpenAIProvider final : public LLMProvider {
 public:
  // Throws ConfigError for options that cannot work. The environment is read at each call, so that
  // a key can be set, or changed, later.
  OpenAIProvider(OpenAIOptions options, Outside outside);

  [[nodiscard]] std::string model() const override;
  [[nodiscard]] int context_window() const override;
  [[nodiscard]] std::string tokenizer() const override;
  [[nodiscard]] std::shared_ptr<const TokenCounter> counter() const override;
  [[nodiscard]] std::string missing_key() const override;
  [[nodiscard]] bool summarizes_by_completion() const override { return true; }
  [[nodiscard]] Reply complete(const std::shared_ptr<const Context>& context) override;

 private:
  [[nodiscard]] std::string key() const;
  [[nodiscard]] std::shared_ptr<HttpClient> client();

  OpenAIOptions options_;
  Outside outside_;
  std::mutex mutex_;  // guards what follows
  std::string client_url_;
  std::shared_ptr<HttpClient> client_;
};

}  // namespace memgpt
