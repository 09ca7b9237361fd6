// Ollama's own API (/api/chat). Its chat completions at /v1 are not used: there the size of the
// window cannot be said, and without it Ollama cuts off what is over a small default, and tells
// nobody.
#pragma once

#include <string>

#include "llm/call_schema.h"
#include "llm/hosted_model.h"

namespace memgpt {

class OllamaProvider final : public HostedModel {
 public:
  OllamaProvider(ModelOptions options, const Service& service, Outside outside);

  [[nodiscard]] Reply complete(const std::shared_ptr<const Context>& context,
                               const CallOptions& options) override;
  [[nodiscard]] std::unique_ptr<PendingReply> begin(const std::shared_ptr<const Context>& context,
                                                    const CallOptions& options) override;
  [[nodiscard]] std::string payload(const Context& context, const CallOptions& options) override {
    return body(context, options);
  }
  [[nodiscard]] bool splits_calls() const override { return true; }

 private:
  // `sent`: the request, if it was sent before.
  [[nodiscard]] Reply complete(const Context& context, const CallOptions& options, HttpSent* sent);
  [[nodiscard]] std::string body(const Context& context, const CallOptions& options);

  ToolsWire tools_wire_;
  json::object extra_;          // fields of the user's own
  json::object extra_options_;  // and what they say of Ollama's "options"
};

}  // namespace memgpt
