// What servers answer in the form of OpenAI's chat completions: whole, or as a stream of chunks.
#pragma once

#include <string>
#include <string_view>

#include "llm/provider.h"
#include "memory/json.h"

namespace memgpt {

// The reply in a chat completion, or in one of its messages alone. Throws InvalidReply, saying what
// is missing; ProviderError or ContextOverflow where it is an error that came with the status 200.
[[nodiscard]] Reply read_chat_completion(std::string_view text);

// The chunks of a streamed one, put together.
class ChatStream {
 public:
  explicit ChatStream(const OnDelta& on_delta) : on_delta_(on_delta) {}

  // The data of one event. False = that was the last. Throws what read_chat_completion() does.
  bool add(std::string_view data);
  // False: the stream broke off.
  [[nodiscard]] bool complete() const { return done_ || !reply_.finish_reason.empty(); }
  [[nodiscard]] bool began() const { return began_; }
  // Throws InvalidReply where there is no reply in it.
  [[nodiscard]] Reply reply();

 private:
  void add_text(Delta::Kind kind, const std::string& text);
  void add_calls(const json::value& calls);
  void add_call(const json::object& call, std::size_t position);
  [[nodiscard]] std::size_t place_of(const json::object& call, std::size_t position) const;

  const OnDelta& on_delta_;
  Reply reply_;
  std::string refusal_;
  bool began_ = false;
  bool done_ = false;
};

// Parts of the wire format that other dialects have, too.
namespace wire {
// JSON as servers write it: with a byte order mark, bytes that are no UTF-8, half surrogates.
// Throws InvalidReply.
[[nodiscard]] json::object parse_object(std::string_view text);
// Text, or a list of parts; those of other kinds than text say nothing to us.
[[nodiscard]] std::string text_of(const json::value& value);
// The first of these fields that has a text.
[[nodiscard]] std::string first_text(const json::object& message,
                                     std::initializer_list<const char*> names);
[[nodiscard]] ToolCall read_call(const json::value& value);
[[nodiscard]] int count_or_unknown(const json::object& usage, const char* name);
// Throws where the answer is an error, though its status was none.
void throw_if_error(const json::object& answer, std::string_view text);
}  // namespace wire

}  // namespace memgpt
