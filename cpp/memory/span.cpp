#include "memory/span.h"

#include <array>

namespace memgpt {

std::string_view to_string(SpanKind kind) {
  constexpr std::array<std::string_view, kSpanKinds> kinds = {
      "system",  "tool_schema", "memory_block", "external_memory",
      "summary", "message",     "tool_return"};
  return kinds[static_cast<std::size_t>(kind)];
}

Span make_span(SpanKind kind, std::string origin, std::string text) {
  Span span;
  span.kind = kind;
  span.origin = std::move(origin);
  span.text = std::move(text);
  span.digest = sha256(span.text);
  return span;
}

}  // namespace memgpt
