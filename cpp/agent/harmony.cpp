#include "agent/harmony.h"

#include <algorithm>
#include <array>

#include "agent/call_objects.h"

namespace memgpt {

namespace {

constexpr std::string_view kStart = "<|start|>";
constexpr std::string_view kChannel = "<|channel|>";
constexpr std::string_view kMessage = "<|message|>";
constexpr int kMostMessages = 64;

std::size_t next_token(std::string_view text, std::size_t at) {
  constexpr std::array<std::string_view, 6> kTokens = {"<|end|>", "<|call|>", "<|return|>",
                                                       kStart,    kChannel,   kMessage};
  auto first = text.size();
  for (; at < text.size(); ++at) {
    at = text.find("<|", at);
    if (at == std::string_view::npos) break;
    if (std::any_of(kTokens.begin(), kTokens.end(),
                    [&](auto token) { return text.substr(at).starts_with(token); }))
      return at;
  }
  return first;
}

void add_text(std::string& to, std::string_view text) {
  text = trimmed_view(text);
  if (text.empty()) return;
  if (!to.empty()) to += "\n\n";
  to += text;
}

// The name behind "to=" in what stands before the message; empty where there is none.
std::string recipient(std::string_view header) {
  auto at = header.find("to=");
  if (at == std::string_view::npos) return "";
  at += 3;
  return std::string(header.substr(at, name_end(header, at) - at));
}

}  // namespace

std::optional<WrittenCalls> read_harmony(std::string_view text, bool was_cut) {
  text = trimmed_view(text);
  if (!text.starts_with(kStart) && !text.starts_with(kChannel)) return std::nullopt;
  WrittenCalls found;
  const auto fail = [&](std::string_view why) {
    found.calls.clear();
    found.problem = "its channels cannot be read, for " + std::string(why);
    return found;
  };
  std::size_t at = 0;
  for (int count = 0; at < text.size(); ++count) {
    if (count >= kMostMessages) return fail("there are too many messages");
    const auto message = text.find(kMessage, at);
    if (message == std::string_view::npos) return fail("a message is cut off");
    const auto header = text.substr(at, message - at);
    const auto begin = message + kMessage.size();
    auto end = next_token(text, begin);
    const auto body = text.substr(begin, end - begin);
    const bool whole = end < text.size() || !was_cut;
    const auto channel = header.find(kChannel);
    if (channel == std::string_view::npos) return fail("a message has no channel");
    const auto name = header.substr(channel + kChannel.size());
    if (auto to = recipient(header); !to.empty()) {
      if (!whole) return fail("a call is cut off");
      WrittenCall call;
      call.name = std::move(to);
      call.arguments = std::string(body);
      call.repairs.add(repair::kCallInText, "in a channel");
      found.calls.push_back(std::move(call));
    } else if (name.starts_with("analysis")) {
      add_text(found.thoughts, body);
    } else if (name.starts_with("final") || name.starts_with("commentary")) {
      add_text(found.around, body);
    } else {
      return fail("a channel is not known");
    }
    for (const std::string_view close : {"<|end|>", "<|call|>", "<|return|>"})
      static_cast<void>(skip_text(text, end, close));
    at = skip_blanks(text, end);
    if (at < text.size() && !text.substr(at).starts_with(kStart) &&
        !text.substr(at).starts_with(kChannel))
      return fail("text stands between two messages");
  }
  return found;
}

}  // namespace memgpt
