// A language model, and what it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/model_parameters.h"
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

// A piece of a reply, as it comes. The reply itself has it all again.
struct Delta {
  enum class Kind { content, thinking, tool_call };
  Kind kind = Kind::content;
  std::string_view text;  // of a call: a piece of its arguments' JSON text
  // Of a call.
  int index = 0;
  std::string_view id = {};    // may be empty, also later
  std::string_view name = {};  // in the first piece of each call
};
// What it throws ends the call and comes out of it.
using OnDelta = std::function<void(const Delta& delta)>;

// Where a model's thoughts go: into the argument `thinking` that is injected into each tool, into
// the reasoning that the model has by itself, or nowhere.
enum class Reasoning { argument, native, none };
[[nodiscard]] std::string_view to_string(Reasoning reasoning);
// Throws ConfigError for a text that is none of the three.
[[nodiscard]] Reasoning reasoning_from_string(std::string_view text);

struct CallOptions {
  OnDelta on_delta;  // where it is set, the reply is asked for as a stream
  Reasoning reasoning = Reasoning::argument;
  ModelParameters parameters;
};

class HttpPools;

// What a provider may ask of the process that it runs in.
struct Outside {
  std::function<void()> poll;  // called at every wait; may throw (Ctrl-C)
  // A variable of the process's environment; "" where it is not set.
  std::function<std::string(const char*)> variable;
  // The same of a key or an address, which may also stand in the user's configuration file.
  std::function<std::string(const char*)> setting;
  // Seconds that clocks of a zone ("Europe/Berlin") are ahead of UTC at a time. Throws ConfigError
  // for a zone that is not known. Not set: all clocks show UTC.
  std::function<int(const std::string& zone, std::int64_t utc_us)> utc_offset_s;
  // Shows a warning to whoever runs the process; may throw. Not set: nobody is told.
  std::function<void(const std::string& text)> warn;
  // Connections that all providers share; null: each has its own.
  std::shared_ptr<HttpPools> pools;
};

// A text, or why there is none; neither where the provider writes no summaries.
struct Summary {
  std::optional<std::string> text;
  std::string failure;
};

// A call whose request is sent, and whose server thinks.
class PendingReply {
 public:
  virtual ~PendingReply() = default;
  // Can be read from when the answer begins, or the connection ends. -1: there is nothing to wait
  // for.
  [[nodiscard]] virtual int descriptor() const = 0;
  // Seconds after which finish() fails by itself.
  [[nodiscard]] virtual double timeout_s() const = 0;
  // The rest of the call, once, on any thread: throws what complete() does.
  [[nodiscard]] virtual Reply finish() = 0;
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

  // True: the model reasons by itself before it answers.
  [[nodiscard]] virtual bool reasons_natively() const { return false; }

  // One model call. Called without the GIL, on the sender's thread.
  [[nodiscard]] virtual Reply complete(const std::shared_ptr<const Context>& context,
                                       const CallOptions& options) = 0;

  // The same in two halves, so that no thread waits between them; null where it cannot be split.
  [[nodiscard]] virtual std::unique_ptr<PendingReply> begin(
      const std::shared_ptr<const Context>& context, const CallOptions& options) {
    static_cast<void>(context);
    static_cast<void>(options);
    return nullptr;
  }
  // The request that a call would send, as JSON text; of a model that sends none, what it is shown.
  [[nodiscard]] virtual std::string payload(const Context& context, const CallOptions& options);
  // Whether begin() can.
  [[nodiscard]] virtual bool splits_calls() const { return false; }

  // A summary of `text` in at most `limit_tokens` tokens.
  [[nodiscard]] virtual Summary summarize(std::string_view text, int limit_tokens) {
    static_cast<void>(text);
    static_cast<void>(limit_tokens);
    return {};
  }
  // True: its agents' summaries are written by it, asked through complete().
  [[nodiscard]] virtual bool summarizes_by_completion() const { return false; }
};

// The provider for a model's handle ("offline", "openai/gpt-4.1", "ollama/llama3.2"); null where no
// provider answers for it. See services.h.
[[nodiscard]] std::shared_ptr<LLMProvider> provider_for(std::string_view handle,
                                                        const Outside& outside);

}  // namespace memgpt
