// A model of the program's own under the handle that clients give: an agent's configuration names
// it so, and finds it again.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "llm/provider.h"

namespace memgpt {

class NamedModel final : public LLMProvider {
 public:
  NamedModel(std::string handle, std::shared_ptr<LLMProvider> model)
      : handle_(std::move(handle)), model_(std::move(model)) {}

  [[nodiscard]] std::string model() const override { return handle_; }
  [[nodiscard]] int context_window() const override { return model_->context_window(); }
  [[nodiscard]] std::string tokenizer() const override { return model_->tokenizer(); }
  [[nodiscard]] std::shared_ptr<const TokenCounter> counter() const override {
    return model_->counter();
  }
  [[nodiscard]] std::string missing_key() const override { return model_->missing_key(); }
  [[nodiscard]] bool reasons_natively() const override { return model_->reasons_natively(); }
  [[nodiscard]] Reply complete(const std::shared_ptr<const Context>& context,
                               const CallOptions& options) override {
    return model_->complete(context, options);
  }
  [[nodiscard]] std::unique_ptr<PendingReply> begin(const std::shared_ptr<const Context>& context,
                                                    const CallOptions& options) override {
    return model_->begin(context, options);
  }
  [[nodiscard]] std::string payload(const Context& context, const CallOptions& options) override {
    return model_->payload(context, options);
  }
  [[nodiscard]] bool splits_calls() const override { return model_->splits_calls(); }
  [[nodiscard]] Summary summarize(std::string_view text, int limit_tokens) override {
    return model_->summarize(text, limit_tokens);
  }
  [[nodiscard]] bool summarizes_by_completion() const override {
    return model_->summarizes_by_completion();
  }

 private:
  std::string handle_;
  std::shared_ptr<LLMProvider> model_;
};

}  // namespace memgpt
