// The compiled context: typed spans, from which the provider's request is made and nothing else.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "memory/block.h"
#include "memory/message.h"
#include "memory/request.h"
#include "memory/text.h"
#include "memory/token_counter.h"

namespace memgpt {

enum class SpanKind {
  system,
  tool_schema,
  memory_block,
  external_memory,
  summary,
  message,
  tool_return
};
[[nodiscard]] std::string_view to_string(SpanKind kind);

// A piece of the context and where it came from. Immutable once made, and shared by every context
// that it stands in.
struct Span {
  SpanKind kind = SpanKind::system;
  std::string origin;  // "block:human", "message-...", "tool:send_message", "summary", ...
  std::string text;    // exactly as it stands in the request
  int tokens = 0;      // of text, by the context's tokenizer
  std::string cut;     // what was left out of this span; empty = nothing
  Digest digest{};     // of text
  std::shared_ptr<const Message> message;  // of message and tool_return spans
};

struct Budget {
  int context_window = 0;
  int reply_reserve = 0;  // kept free for the reply
  [[nodiscard]] int limit() const { return context_window - reply_reserve; }
};
// Reply reserve: min(1024, an eighth of the window).
[[nodiscard]] Budget budget_for_window(int context_window);

// What stands before the messages and changes seldom: compiled once, reused until it changes.
struct PrefixInput {
  std::string_view system_prompt;
  const std::vector<ToolSchema>& tools;
  const std::vector<Block>& blocks;
  std::string_view external_memory;  // the line about what lies outside the context
  std::string_view summary;          // empty = none yet
};

using Spans = std::vector<std::shared_ptr<const Span>>;

struct Prefix {
  Spans spans;
  std::vector<ToolSchema> tools;
  int text_tokens = 0;
  int overhead_tokens = 0;
  [[nodiscard]] int tokens() const { return text_tokens + overhead_tokens; }
};
[[nodiscard]] Prefix compile_prefix(const PrefixInput& input, const TokenCounter& counter);

// A message with what compiling needs of it, computed once when it is appended.
struct WindowMessage {
  std::shared_ptr<const Message> message;
  std::shared_ptr<const Span> span;
  int overhead_tokens = 0;
  [[nodiscard]] int cost() const { return message->tokens + overhead_tokens; }
};
// Renders and counts; sets message.tokens unless the count is given (>= 0).
[[nodiscard]] WindowMessage measure(Message message, const TokenCounter& counter,
                                    int known_tokens = -1);

// The messages that the context shows, oldest first.
using Window = std::vector<std::shared_ptr<const WindowMessage>>;

class Context {
 public:
  Spans spans;
  std::vector<ToolSchema> tools;
  Budget budget;
  int text_tokens = 0;      // sum of the spans' tokens
  int overhead_tokens = 0;  // estimate of what the wire format adds
  std::string tokenizer;
  bool exact = true;  // false: the tokenizer stands in for an unknown one

  [[nodiscard]] int tokens() const { return text_tokens + overhead_tokens; }
  // The request that the spans make.
  [[nodiscard]] Request request() const;
  // The request as JSON in the form of OpenAI's chat completions. `reply_limit`: what the model
  // calls the limit on its reply; newer ones take only "max_completion_tokens".
  [[nodiscard]] std::string to_request_json(std::string_view model,
                                            std::string_view reply_limit = "max_tokens") const;
  // Plain text for people: a bar, a line a kind, then every span.
  [[nodiscard]] std::string draw() const;
  // SHA-256 chained over the spans: h_i = SHA-256(h_{i-1} || digest of span i).
  [[nodiscard]] Digest digest() const;
};

// Computes the same digest as Context::digest(), reusing the links of the spans that the last
// context began with: an appended message costs one small hash.
class DigestChain {
 public:
  [[nodiscard]] Digest digest(const Spans& spans);

 private:
  Spans spans_;
  std::vector<Digest> links_;
};

// Pure: the same prefix, window and budget give the same bytes.
[[nodiscard]] Context compile(const Prefix& prefix, const Window& window, Budget budget,
                              const TokenCounter& counter);

// Raised whenever the same input would give other bytes; recorded with every step.
inline constexpr int kCompilerVersion = 1;

}  // namespace memgpt
