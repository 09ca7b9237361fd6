#include "llm/ollama_stream.h"

#include "error.h"
#include "llm/chat_completion.h"
#include "memory/text.h"

namespace memgpt {

bool OllamaStream::add(std::string_view line) {
  if (is_blank(line)) return true;
  const auto part = wire::parse_object(line);
  wire::throw_if_error(part, line);
  const auto* message = part.if_contains("message");
  if (message == nullptr || !message->is_object())
    throw InvalidReply("the model's answer has no message");
  const auto& object = message->get_object();
  began_ = true;
  const auto add_text = [&](Delta::Kind kind, const std::string& text, std::string& whole) {
    if (text.empty()) return;
    whole += text;
    if (on_delta_) on_delta_({kind, text});
  };
  add_text(Delta::Kind::thinking, wire::first_text(object, {"thinking"}), reply_.thinking);
  add_text(Delta::Kind::content, wire::first_text(object, {"content"}), reply_.content);
  if (const auto* calls = object.if_contains("tool_calls"); calls != nullptr && !calls->is_null()) {
    if (!calls->is_array()) throw InvalidReply("tool_calls in the model's answer is no list");
    for (const auto& call : calls->get_array()) add_call(call);
  }
  const auto* done = part.if_contains("done");
  if (done == nullptr || *done != true) return true;
  done_ = true;
  reply_.finish_reason = string_or(part, "done_reason", "stop");
  reply_.usage = {wire::count_or_unknown(part, "prompt_eval_count"),
                  wire::count_or_unknown(part, "eval_count")};
  return false;
}

void OllamaStream::add_call(const json::value& value) {
  const ToolCall call = wire::read_call(value);
  const auto index = static_cast<int>(reply_.tool_calls.size());
  if (on_delta_) on_delta_({Delta::Kind::tool_call, call.arguments, index, call.id, call.name});
  reply_.tool_calls.push_back(call);
}

}  // namespace memgpt
