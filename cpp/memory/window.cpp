#include "memory/window.h"

#include <algorithm>

#include "memory/importance.h"
#include "memory/request.h"

namespace memgpt {

namespace {

// Estimates of what the wire format adds, on the high side; text itself is counted exactly.
constexpr int kOverheadPerMessage = 4;
constexpr int kOverheadPerCall = 8;

constexpr std::string_view kSeparator = ", ";

}  // namespace

WindowMessage measure(Message message, const TokenCounter& counter, int known_tokens) {
  std::string text = render_content(message);
  if (!message.tool_calls.empty()) {
    if (!text.empty()) text += '\n';
    append_calls(text, message.tool_calls);
  }
  Span span = make_span(message.role == Role::tool ? SpanKind::tool_return : SpanKind::message,
                        message.id, std::move(text));
  if (message.shown_bytes >= 0)
    span.cut =
        std::to_string(static_cast<std::int64_t>(message.text.size()) - message.shown_bytes) +
        " bytes of this message are in recall memory only";
  message.tokens = known_tokens >= 0 ? known_tokens : static_cast<int>(counter.count(span.text));
  span.tokens = message.tokens;
  span.author = message.author;
  span.time_us = message.time_us;
  WindowMessage measured;
  measured.overhead_tokens =
      kOverheadPerMessage + kOverheadPerCall * static_cast<int>(message.tool_calls.size());
  if (message.role != Role::system && message.tool_calls.empty())
    measured.score = importance(message.text);
  measured.message = std::make_shared<const Message>(std::move(message));
  span.message = measured.message;
  append_request_message(measured.wire, request_message(span));
  measured.span = std::make_shared<const Span>(std::move(span));
  return measured;
}

void Window::push_back(Item item) {
  auto chunk = std::make_shared<Chunk>();
  chunk->items.reserve(kChunk);
  const bool begins_chunk = size_ % kChunk == 0;
  if (!begins_chunk) chunk->items = chunks_.back()->items;
  ++size_;
  text_tokens_ += item->message->tokens;
  overhead_tokens_ += item->overhead_tokens;
  wire_bytes_ += kSeparator.size() + item->wire.size();
  chunk->items.push_back(std::move(item));
  if (chunk->items.size() == kChunk)
    for (const auto& each : chunk->items) chunk->wire.append(kSeparator).append(each->wire);
  if (begins_chunk)
    chunks_.push_back(std::move(chunk));
  else
    chunks_.back() = std::move(chunk);
}

std::size_t Window::shared_with(const Window& other) const {
  std::size_t chunk = 0;
  while (chunk < chunks_.size() && chunk < other.chunks_.size() &&
         chunks_[chunk] == other.chunks_[chunk])
    ++chunk;
  std::size_t index = std::min({chunk * kChunk, size_, other.size_});
  while (index < size_ && index < other.size_ && (*this)[index] == other[index]) ++index;
  return index;
}

void Window::append_wire(std::string& out) const {
  for (const auto& chunk : chunks_) {
    out += chunk->wire;
    if (!chunk->wire.empty()) continue;
    for (const auto& item : chunk->items) out.append(kSeparator).append(item->wire);
  }
}

}  // namespace memgpt
