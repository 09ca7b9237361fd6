// A language model, and what it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memory/context.h"
#include "memory/message.h"
#include "memory/token_counter.h"

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
  // Why the model stopped, as the provider said it ("stop", "tool_calls", "length" ...); may be
  // empty. "length": it was cut off.
  std::string finish_reason;
};

// What a provider may ask of the process that it runs in.
struct Outside {
  std::function<void()> poll;  // called at every wait; may throw (Ctrl-C)
  // A variable of the process's environment; "" where it is not set.
  std::function<std::string(const char*)> variable;
  // Seconds that clocks of a zone ("Europe/Berlin") are ahead of UTC at a time. Throws ConfigError
  // for a zone that is not known. Not set: all clocks show UTC.
  std::function<int(const std::string& zone, std::int64_t utc_us)> utc_offset_s;
  // Shows a warning to whoever runs the process; may throw. Not set: nobody is told.
  std::function<void(const std::string& text)> warn;
};

// A text, or why there is none; neither where the provider writes no summaries.
struct Summary {
  std::optional<std::string> text;
  std::string failure;
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
  // What counts for the model where it brings its own counter; null = by the tokenizer's name.
  [[nodiscard]] virtual std::shared_ptr<const TokenCounter> counter() const { return nullptr; }

  // The environment variable whose key a call would miss; "" where none is missing.
  [[nodiscard]] virtual std::string missing_key() const { return ""; }

  // One model call. Called without the GIL, on the sender's thread.
  [[nodiscard]] virtual Reply complete(const std::shared_ptr<const Context>& context) = 0;

  // A summary of `text` in at most `limit_tokens` tokens.
  [[nodiscard]] virtual Summary summarize(std::string_view text, int limit_tokens) {
    static_cast<void>(text);
    static_cast<void>(limit_tokens);
    return {};
  }
  // True: its agents' summaries are written by it, asked through complete().
  [[nodiscard]] virtual bool summarizes_by_completion() const { return false; }
};

// The provider for a model's handle ("offline", "openai/gpt-4.1"); null where no provider answers
// for it.
[[nodiscard]] std::shared_ptr<LLMProvider> provider_for(std::string_view handle,
                                                        const Outside& outside);

}  // namespace memgpt
