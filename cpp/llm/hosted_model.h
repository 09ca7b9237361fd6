// What models behind a server have in common, whatever it speaks: address, key, window, tokenizer.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "llm/http.h"
#include "llm/provider.h"
#include "llm/service_client.h"
#include "llm/services.h"
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
  [[nodiscard]] const Service& service() const { return server_.service(); }
  [[nodiscard]] const ServiceClient& server() const { return server_; }
  [[nodiscard]] Structure structure() const {
    return options_.structure.value_or(service().structure);
  }
  // Characters in all strings of one call together; 0 = no bound.
  [[nodiscard]] int string_budget(const Context& context) const;
  // Takes the answer to a request that is on its way.
  using TakeReply = std::function<Reply(HttpSent& sent)>;
  // The first half of a call; `take` is the other one.
  [[nodiscard]] std::unique_ptr<PendingReply> send(std::string_view path, std::string body,
                                                   bool streamed, TakeReply take) const;

 private:
  class Pending;
  [[nodiscard]] int ask_window() const;

  ModelOptions options_;
  ServiceClient server_;
  mutable std::mutex mutex_;           // guards what follows
  mutable std::optional<int> window_;  // what the server said
  mutable std::chrono::steady_clock::time_point asked_{};
};

// What a program adds to each request. Throws ConfigError for what is no JSON object, or holds what
// the kernel itself says.
[[nodiscard]] json::object read_extra_body(const std::string& text);

// The window of a model, as the server says it; 0 where it does not. Throws ProviderError.
[[nodiscard]] int window_of_server(WindowSource source, HttpClient& client,
                                   const std::vector<HttpHeader>& headers,
                                   const std::string& model);

}  // namespace memgpt
