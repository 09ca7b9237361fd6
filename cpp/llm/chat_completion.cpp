#include "llm/chat_completion.h"

#include <algorithm>
#include <charconv>

#include "error.h"
#include "llm/raw_arguments.h"
#include "llm/wire_error.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::size_t kMostCalls = 128;  // in one reply; a server that gives more is broken

// Half of a pair, as a cut emoji leaves it, is written as an escape that no strict reader takes: it
// becomes U+FFFD.
void mend_surrogates(std::string& text) {
  const auto unit = [&](std::size_t at) {
    unsigned value = 0;
    if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return 0U;
    const char* end = text.data() + at + 6;
    return std::from_chars(text.data() + at + 2, end, value, 16).ptr == end ? value : 0U;
  };
  for (auto at = text.find('\\'); at != std::string::npos; at = text.find('\\', at)) {
    const unsigned first = unit(at);
    const bool pair =
        first >= 0xD800 && first < 0xDC00 && unit(at + 6) >= 0xDC00 && unit(at + 6) < 0xE000;
    if (!pair && first >= 0xD800 && first < 0xE000) text.replace(at + 2, 4, "fffd");
    at += pair ? 12 : (first != 0 ? 6 : 2);
  }
}

const json::value* first_choice(const json::object& answer) {
  const auto* choices = answer.if_contains("choices");
  if (choices == nullptr) return nullptr;
  if (!choices->is_array() || choices->get_array().empty())
    throw InvalidReply("the model's answer has no choices");
  return &choices->get_array().front();
}

// The message of a completion's first choice; of an object without choices, the object itself.
const json::object* message_of(const json::object& answer, const json::value* choice) {
  if (choice == nullptr) return &answer;
  const auto* message = choice->is_object() ? choice->get_object().if_contains("message") : nullptr;
  if (message == nullptr || !message->is_object())
    throw InvalidReply("the first choice of the model's answer has no message");
  return &message->get_object();
}

void read_usage(const json::object& answer, Usage& usage) {
  const auto* given = answer.if_contains("usage");
  if (given == nullptr || !given->is_object()) return;
  usage.prompt_tokens = wire::count_or_unknown(given->get_object(), "prompt_tokens");
  usage.completion_tokens = wire::count_or_unknown(given->get_object(), "completion_tokens");
}

// Some servers number their calls from 1.
bool never_began(const ToolCall& call) {
  return call.id.empty() && call.name.empty() && call.arguments.empty();
}

void check_not_withheld(const Reply& reply) {
  if (reply.finish_reason == "error" && reply.content.empty() && reply.tool_calls.empty())
    throw ProviderError("the model's server failed and gave no answer; send again");
  if (reply.finish_reason == "content_filter" && reply.content.empty() && reply.tool_calls.empty())
    throw ProviderError(
        "the server's content filter withheld the answer; say it in other words, or use a model "
        "without that filter");
}

}  // namespace

namespace wire {

json::object parse_object(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::string mended = valid_utf8(std::string(text));
  mend_surrogates(mended);
  boost::system::error_code failed;
  auto value = json::parse(mended, failed);
  if (failed) throw InvalidReply("the model's answer is no JSON (" + failed.message() + ")");
  if (!value.is_object()) throw InvalidReply("the model's answer is no JSON object");
  if (auto exact = with_arguments_as_text(mended); exact != mended) value = json::parse(exact);
  return std::move(value.get_object());
}

std::string text_of(const json::value& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return std::string(value.get_string());
  if (!value.is_array()) throw InvalidReply("a text in the model's answer is no string");
  std::string text;
  for (const auto& part : value.get_array()) {
    if (!part.is_object()) throw InvalidReply("a part of the model's answer is no object");
    const auto& object = part.get_object();
    if (string_or(object, "type", "text") != "text") continue;
    if (!object.contains("text")) throw InvalidReply("a text part of the answer has no text");
    text += string_or(object, "text");
  }
  return text;
}

std::string first_text(const json::object& message, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto* value = message.if_contains(name); value != nullptr)
      if (auto text = text_of(*value); !text.empty()) return text;
  return "";
}

ToolCall read_call(const json::value& value) {
  if (!value.is_object()) throw InvalidReply("a tool call in the model's answer is no object");
  const auto& call = value.get_object();
  const auto* nested = call.if_contains("function");
  const auto& function = nested != nullptr && nested->is_object() ? nested->get_object() : call;
  ToolCall read{string_or(call, "id"), string_or(function, "name"), "{}"};
  if (const auto* arguments = function.if_contains("arguments"); arguments != nullptr)
    read.arguments =
        arguments->is_string() ? std::string(arguments->get_string()) : json::serialize(*arguments);
  return read;
}

int count_or_unknown(const json::object& usage, const char* name) {
  const auto count = int_or(usage, name, -1);
  return count >= 0 && count < (std::int64_t{1} << 31) ? static_cast<int>(count) : -1;
}

void throw_if_error(const json::object& answer, std::string_view text) {
  const auto* error = answer.if_contains("error");
  if (error == nullptr || error->is_null()) return;
  if (says_too_long(200, text)) throw_overflow("the server answered with an error", text);
  const auto* object = error->if_object();
  const auto code = object == nullptr ? 0 : int_or(*object, "code", 0);
  throw ErrorInAnswer("the server answered with an error: " + error_text(text),
                      static_cast<int>(code), text);
}

}  // namespace wire

Reply read_chat_completion(std::string_view text) {
  const auto answer = wire::parse_object(text);
  wire::throw_if_error(answer, text);
  const auto* choice = first_choice(answer);
  const json::object& message = *message_of(answer, choice);
  // Older servers give one call, under another name.
  const auto* old_call = message.if_contains("function_call");
  const bool has_old_call = old_call != nullptr && old_call->is_object();
  if (!message.contains("content") && !message.contains("tool_calls") && !has_old_call)
    throw InvalidReply("the model's answer has neither content nor tool_calls");
  Reply reply;
  reply.content = wire::first_text(message, {"content", "refusal"});
  reply.thinking = wire::first_text(message, {"reasoning_content", "reasoning", "thinking"});
  if (const auto* calls = message.if_contains("tool_calls");
      calls != nullptr && !calls->is_null()) {
    if (!calls->is_array()) throw InvalidReply("tool_calls in the model's answer is no list");
    for (const auto& call : calls->get_array()) reply.tool_calls.push_back(wire::read_call(call));
  }
  if (reply.tool_calls.empty() && has_old_call)
    reply.tool_calls.push_back(wire::read_call(*old_call));
  if (choice != nullptr) wire::throw_if_error(choice->get_object(), text);
  if (choice != nullptr) reply.finish_reason = string_or(choice->get_object(), "finish_reason");
  read_usage(answer, reply.usage);
  check_not_withheld(reply);
  return reply;
}

bool ChatStream::add(std::string_view data) {
  if (data == "[DONE]") {
    done_ = true;
    return false;
  }
  if (is_blank(data)) return true;
  const auto chunk = wire::parse_object(data);
  wire::throw_if_error(chunk, data);
  began_ = true;
  read_usage(chunk, reply_.usage);
  const auto* choices = chunk.if_contains("choices");
  // The chunk with the usage has none, nor has Azure's about its filter.
  if (choices == nullptr || !choices->is_array() || choices->get_array().empty()) return true;
  const auto& first = choices->get_array().front();
  if (!first.is_object()) throw InvalidReply("a choice in the model's stream is no object");
  const auto& choice = first.get_object();
  wire::throw_if_error(choice, json::serialize(choice));
  if (int_or(choice, "index", 0) != 0) return true;
  if (auto reason = string_or(choice, "finish_reason"); !reason.empty())
    reply_.finish_reason = std::move(reason);
  const auto* delta = choice.if_contains("delta");
  // Some end with a whole message instead.
  if (delta == nullptr) delta = choice.if_contains("message");
  if (delta == nullptr || !delta->is_object()) return true;
  const auto& message = delta->get_object();
  add_text(Delta::Kind::thinking,
           wire::first_text(message, {"reasoning_content", "reasoning", "thinking"}));
  add_text(Delta::Kind::content, wire::first_text(message, {"content"}));
  refusal_ += wire::first_text(message, {"refusal"});
  if (const auto* calls = message.if_contains("tool_calls"); calls != nullptr && !calls->is_null())
    add_calls(*calls);
  return true;
}

void ChatStream::add_text(Delta::Kind kind, const std::string& text) {
  if (text.empty()) return;
  (kind == Delta::Kind::content ? reply_.content : reply_.thinking) += text;
  if (on_delta_) on_delta_({kind, text});
}

void ChatStream::add_calls(const json::value& calls) {
  if (!calls.is_array()) throw InvalidReply("tool_calls in the model's stream is no list");
  for (std::size_t i = 0; i < calls.get_array().size(); ++i) {
    const auto& call = calls.get_array()[i];
    if (!call.is_object()) throw InvalidReply("a tool call in the model's stream is no object");
    add_call(call.get_object(), i);
  }
}

// Some servers give no index, and some the index 0 to all: an id that is another one begins another
// call.
std::size_t ChatStream::place_of(const json::object& call, std::size_t position) const {
  const auto& calls = reply_.tool_calls;
  const auto id = string_or(call, "id");
  auto index = int_or(call, "index", -1);
  if (index < 0 && !id.empty()) {
    for (std::size_t i = 0; i < calls.size(); ++i)
      if (calls[i].id == id) return i;
    return calls.size();
  }
  if (index < 0) index = calls.empty() ? 0 : static_cast<std::int64_t>(calls.size()) - 1;
  const auto place = static_cast<std::size_t>(index);
  if (place < calls.size() && !id.empty() && !calls[place].id.empty() && calls[place].id != id &&
      position == 0 && place + 1 == calls.size())
    return calls.size();
  return place;
}

void ChatStream::add_call(const json::object& call, std::size_t position) {
  const auto place = place_of(call, position);
  if (place >= kMostCalls)
    throw InvalidReply("the model's stream has more than " + std::to_string(kMostCalls) +
                       " tool calls");
  if (place >= reply_.tool_calls.size()) reply_.tool_calls.resize(place + 1);
  ToolCall& whole = reply_.tool_calls[place];
  // Which call is the first was told already.
  if (never_began(whole) &&
      !std::all_of(reply_.tool_calls.begin() + static_cast<std::ptrdiff_t>(place),
                   reply_.tool_calls.end(), never_began))
    throw InvalidReply("the model's stream begins a tool call behind a later one");
  const auto* nested = call.if_contains("function");
  const auto& function = nested != nullptr && nested->is_object() ? nested->get_object() : call;
  if (whole.id.empty()) whole.id = string_or(call, "id");
  // Some repeat the name in each chunk, and some send it in pieces.
  if (const auto name = string_or(function, "name"); name != whole.name) whole.name += name;
  std::string piece;
  if (const auto* arguments = function.if_contains("arguments");
      arguments != nullptr && !arguments->is_null())
    piece =
        arguments->is_string() ? std::string(arguments->get_string()) : json::serialize(*arguments);
  whole.arguments += piece;
  // The index is a call's place among those that began.
  const auto* const calls = reply_.tool_calls.data();
  const auto before = std::count_if(calls, calls + place, never_began);
  const auto index = static_cast<int>(place) - static_cast<int>(before);
  if (on_delta_) on_delta_({Delta::Kind::tool_call, piece, index, whole.id, whole.name});
}

Reply ChatStream::reply() {
  if (reply_.content.empty()) reply_.content = refusal_;
  if (!began_) throw InvalidReply("the model's stream has no chunk of a chat completion");
  std::erase_if(reply_.tool_calls, never_began);
  check_not_withheld(reply_);
  return std::move(reply_);
}

}  // namespace memgpt
