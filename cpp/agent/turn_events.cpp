#include "agent/turn_events.h"

#include <algorithm>

#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::string_view kOpen = "<think>";
constexpr std::string_view kClose = "</think>";
constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kSpeaker = "send_message";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// Bytes at the end of a text that `tag` may begin with.
std::size_t begun(std::string_view text, std::string_view tag) {
  for (auto size = std::min(text.size(), tag.size() - 1); size > 0; --size)
    if (tag.starts_with(text.substr(text.size() - size))) return size;
  return 0;
}

}  // namespace

void ThinkSplitter::add(std::string_view piece, const OnText& on_text) {
  held_ += piece;
  if (place_ == Place::before) {
    const auto first = held_.find_first_not_of(kBlanks);
    if (first == std::string::npos) return;
    const auto rest = std::string_view(held_).substr(first);
    if (rest.starts_with(kOpen)) {
      held_.erase(0, first + kOpen.size());
      place_ = Place::inside;
    } else if (kOpen.starts_with(rest)) {
      return;
    } else {
      place_ = Place::after;
    }
  }
  if (place_ == Place::inside) {
    const auto close = held_.find(kClose);
    const auto known = close != std::string::npos ? close : held_.size() - begun(held_, kClose);
    if (known > 0) on_text(true, std::string_view(held_).substr(0, known));
    held_.erase(0, known);
    if (close == std::string::npos) return;
    held_.erase(0, kClose.size());
    place_ = Place::behind;
  }
  if (place_ == Place::behind) {
    held_.erase(0, std::min(held_.find_first_not_of(kBlanks), held_.size()));
    if (held_.empty()) return;
    place_ = Place::after;
  }
  if (!held_.empty()) on_text(false, held_);
  held_.clear();
}

void ThinkSplitter::finish(const OnText& on_text) {
  if (!held_.empty()) on_text(place_ == Place::inside, held_);
  held_.clear();
}

ThinkSplitter::OnText ReplyEvents::as_text() {
  return [this](bool thinks, std::string_view text) {
    emit(thinks    ? TurnEvent::Kind::reasoning
         : speaks_ ? TurnEvent::Kind::text
                   : TurnEvent::Kind::content,
         text);
  };
}

void ReplyEvents::emit(TurnEvent::Kind kind, std::string_view text) {
  any_ = true;
  if (kind == TurnEvent::Kind::text) shown_ += text;
  on_event_({kind, step_, text, tool_, call_id_});
}

void ReplyEvents::settle(std::string_view said, const std::shared_ptr<const Message>& reply) {
  if (trimmed(shown_) == trimmed(said)) return;
  if (!shown_.empty()) on_event_({TurnEvent::Kind::discard, step_});
  if (!said.empty())
    on_event_({.kind = TurnEvent::Kind::text, .step = step_, .text = said, .message = reply});
}

void ReplyEvents::add(const Delta& delta) {
  switch (delta.kind) {
    case Delta::Kind::content: thoughts_.add(delta.text, as_text()); return;
    case Delta::Kind::thinking:
      if (!delta.text.empty()) emit(TurnEvent::Kind::reasoning, delta.text);
      return;
    case Delta::Kind::tool_call: add_call(delta); return;
  }
}

// Only the first call is run. What send_message says is shown as it is written, and the thoughts
// that stand among the arguments are thoughts.
void ReplyEvents::add_call(const Delta& delta) {
  if (delta.index != 0) return;
  tool_ = delta.name;
  if (!delta.id.empty()) call_id_ = delta.id;
  emit(TurnEvent::Kind::tool_call, delta.text);
  arguments_.add(delta.text, [this](std::string_view key, std::string_view text) {
    if (key == "thinking")
      emit(TurnEvent::Kind::reasoning, text);
    else if (tool_ == kSpeaker && key == "message")
      emit(TurnEvent::Kind::text, text);
  });
}

void ReplyEvents::finish(const Reply& reply) {
  if (!any_) {
    add({Delta::Kind::thinking, reply.thinking});
    if (!reply.content.empty()) add({Delta::Kind::content, reply.content});
    if (!reply.tool_calls.empty()) {
      const auto& call = reply.tool_calls.front();
      add({Delta::Kind::tool_call, call.arguments, 0, call.id, call.name});
    }
  }
  thoughts_.finish(as_text());
}

}  // namespace memgpt
