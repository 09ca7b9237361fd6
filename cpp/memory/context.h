// The compiled context: typed spans, from which the provider's request is made and nothing else.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memory/prefix.h"
#include "memory/request.h"
#include "memory/span.h"
#include "memory/window.h"

namespace memgpt {

// A correction, in thousandths: how many of the provider's tokens one of ours has been.
inline constexpr int kNoCorrection = 1000;
inline constexpr int kMostCorrection = 4000;

struct Budget {
  int context_window = 0;
  int reply_reserve = 0;  // kept free for the reply
  int correction = kNoCorrection;
  // What the context may take, in tokens as we count them.
  [[nodiscard]] int limit() const {
    return static_cast<int>(std::int64_t{context_window - reply_reserve} * kNoCorrection /
                            correction);
  }
};
// Reply reserve: what a reply may take (reply_tokens), a quarter of the window at most; where
// nobody said (0), min(1024, an eighth of the window).
[[nodiscard]] Budget budget_for_window(int context_window, int correction = kNoCorrection,
                                       int reply_tokens = 0);

// The correction after a reply whose prompt the provider counted (-1 = it did not say) as
// `reported`, and we as `counted`. It follows a higher figure at once, decays slowly, and never
// falls below none: some servers report only what was not in their cache.
[[nodiscard]] int next_correction(int correction, int counted, int reported);

// What a request in the form of OpenAI's chat completions has besides the context.
struct RequestForm {
  std::string_view model;
  // What the model calls the limit on its reply; newer ones take only "max_completion_tokens".
  std::string_view reply_limit = "max_tokens";
  // The fields about tools, each with a comma before it; none = those of the context.
  std::optional<std::string_view> tools = std::nullopt;
  // More fields, each with a comma before it.
  std::string_view more = {};
};

class Context {
 public:
  std::shared_ptr<const Prefix> prefix;
  Window window;
  Budget budget;
  int text_tokens = 0;      // sum of the spans' tokens
  int overhead_tokens = 0;  // estimate of what the wire format adds
  std::string tokenizer;
  bool exact = true;        // false: the tokenizer stands in for an unknown one
  int previous_spans = -1;  // leading spans that the request before had; -1 = not known

  [[nodiscard]] int tokens() const { return text_tokens + overhead_tokens; }
  [[nodiscard]] std::size_t span_count() const { return prefix->spans.size() + window.size(); }
  [[nodiscard]] const std::shared_ptr<const Span>& span(std::size_t index) const {
    const auto& before = prefix->spans;
    return index < before.size() ? before[index] : window[index - before.size()]->span;
  }
  [[nodiscard]] Spans spans() const;
  // The request that the spans make.
  [[nodiscard]] Request request() const;
  // The request as JSON in the form of OpenAI's chat completions.
  [[nodiscard]] std::string to_request_json(const RequestForm& form) const;
  // Plain text for people: a bar, a line a kind, then every span.
  [[nodiscard]] std::string draw() const;
  // SHA-256 chained over the spans: h_i = SHA-256(h_{i-1} || digest of span i).
  [[nodiscard]] Digest digest() const;
};

// Computes the same digest as Context::digest(), reusing the links of the spans that the last
// context began with: an appended message costs one small hash.
class DigestChain {
 public:
  [[nodiscard]] Digest digest(const Context& context);

 private:
  std::shared_ptr<const Prefix> prefix_;
  Window window_;
  std::vector<Digest> links_;
};

// Pure: the same prefix, window and budget give the same bytes. Costs next to nothing: prefix and
// window were made as they changed, and are shared.
[[nodiscard]] Context compile(std::shared_ptr<const Prefix> prefix, Window window, Budget budget,
                              const TokenCounter& counter);

// What a request begins with that the one before it began with, byte for byte: what a provider's
// cache can give. Spans stand in the order in which it is looked up: tools, system message,
// messages.
struct SharedPrefix {
  int spans = -1;      // whole ones; -1 = not known
  int tokens = -1;     // of these spans, and of what the next one begins with in both
  std::string broken;  // the origin of the first span of `before` that is not among them; "" = none
};
// Costs what comes after the shared spans where both contexts share the others' memory. Only where
// something broke is text counted; without a counter the tokens are those of whole spans.
[[nodiscard]] SharedPrefix shared_prefix(const Context& before, const Context& now,
                                         const TokenCounter* counter);

// Raised whenever the same input would give other bytes, or another figure of what they share;
// recorded with every step.
inline constexpr int kCompilerVersion = 2;

}  // namespace memgpt
