// A small deterministic rule-based model: no key, no weights, no network.
#pragma once

#include <string>

#include "llm/provider.h"

namespace memgpt {

// Does by rule what a language model is asked to do in MemGPT, through the tools that the request
// offers and nothing else. What users state about themselves goes to core memory, what they ask to
// keep to archival memory; questions are answered with quotations from a search. It claims no
// understanding: everything it says begins with "[offline] " and it says nothing of its own.
class OfflineModel final : public LLMProvider {
 public:
  [[nodiscard]] std::string model() const override { return "offline"; }
  [[nodiscard]] int context_window() const override { return 8192; }
  [[nodiscard]] std::string tokenizer() const override { return "o200k_base"; }
  [[nodiscard]] Reply complete(const std::shared_ptr<const Context>& context,
                               const CallOptions& options) override;

  // The whole model: the same request gives the same reply, with one tool call at most.
  [[nodiscard]] static Reply decide(const Request& request);
};

}  // namespace memgpt
