// A piece of the context and where it came from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "memory/message.h"
#include "memory/text.h"

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
inline constexpr std::size_t kSpanKinds = 7;
[[nodiscard]] std::string_view to_string(SpanKind kind);

// Immutable once made, and shared by every context that it stands in.
struct Span {
  SpanKind kind = SpanKind::system;
  std::string origin;  // "block:human", "message-...", "tool:send_message", "summary", ...
  std::string text;    // exactly as it stands in the request
  int tokens = 0;      // of text, by the context's tokenizer
  std::string cut;     // what was left out of this span; empty = nothing
  Digest digest{};     // of text
  std::shared_ptr<const Message> message;  // of message and tool_return spans
  // For people; no part of the digest, nor of any request.
  std::string author;        // whose words these are: "user", "agent", "kernel", "digest", ...
  std::int64_t version = 0;  // of memory blocks: the commit that wrote the text; 0 = not known
  TimeUs time_us = 0;        // when it was written; 0 = not known
};

[[nodiscard]] Span make_span(SpanKind kind, std::string origin, std::string text);

using Spans = std::vector<std::shared_ptr<const Span>>;

}  // namespace memgpt
