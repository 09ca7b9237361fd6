// A language model, and what it answers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memory/context.h"
#include "memory/message.h"

namespace memgpt {

// Tokens as the provider counted them; -1 where it did not say.
struct Usage {
  int prompt_tokens = -1;
  int completion_tokens = -1;
};

struct Reply {
  std::string content;   // text outside tool calls
  std::string thinking;  // native reasoning
  std::vector<ToolCall> tool_calls;
  Usage usage;
};

class LLMProvider {
 public:
  virtual ~LLMProvider() = default;

  // The model's handle, e.g. "offline" or "openai/gpt-4.1".
  [[nodiscard]] virtual std::string model() const = 0;
  // Size of the model's window in tokens; 0 where unknown.
  [[nodiscard]] virtual int context_window() const { return 0; }
  // "o200k_base", "cl100k_base", or "" where the model's tokenizer is not to be had.
  [[nodiscard]] virtual std::string tokenizer() const { return ""; }

  // One model call. Called without the GIL, on the sender's thread.
  [[nodiscard]] virtual Reply complete(const std::shared_ptr<const Context>& context) = 0;

  // A summary of `text` in at most `limit_tokens` tokens; nullopt = make a mechanical digest.
  [[nodiscard]] virtual std::optional<std::string> summarize(std::string_view text,
                                                             int limit_tokens) {
    static_cast<void>(text);
    static_cast<void>(limit_tokens);
    return std::nullopt;
  }
};

}  // namespace memgpt
