#include "agent/summarizer.h"

#include <algorithm>
#include <vector>

#include "agent/home.h"
#include "agent/prompts.h"
#include "error.h"
#include "memory/summary.h"

namespace memgpt {

namespace {

constexpr int kSmallestPart = 64;  // tokens; below that nothing is gained
constexpr int kEnvelope = 64;      // what a request has besides prompt and text
constexpr int kPackedShare = 85;   // per cent: JSON packing makes a text longer
constexpr int kMostPartsInARow = 4096;

std::string text_of(const std::string& previous, const std::string& part) {
  return previous.empty() ? part : "Summary so far:\n" + previous + "\n\nNew messages:\n" + part;
}

// The transcript in parts of at most `room` tokens, cut between lines where that is possible.
std::vector<std::string> parts_of(const std::string& transcript, int room,
                                  const TokenCounter& counter) {
  std::vector<std::string> parts;
  int used = room;
  for (std::string_view rest = transcript; !rest.empty();) {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end == std::string_view::npos ? rest.size() : end + 1);
    auto tokens = static_cast<int>(counter.count(line));
    while (tokens > room) {
      const auto bytes = std::max<std::size_t>(4, line.size() * static_cast<std::size_t>(room) /
                                                      static_cast<std::size_t>(tokens) * 9 / 10);
      line = utf8_prefix(line, bytes);
      tokens = static_cast<int>(counter.count(line));
    }
    if (used + tokens > room) {
      parts.emplace_back();
      used = 0;
    }
    parts.back() += line;
    used += tokens;
    rest.remove_prefix(line.size());
  }
  return parts;
}

// A request without tools, whose only message is the text to summarise.
Summary by_completion(LLMProvider& writer, const TokenCounter& counter, int window,
                      const SummaryTask& task, std::string_view prompt, std::string text) {
  const std::vector<Block> no_blocks;
  const auto prefix = std::make_shared<const Prefix>(compile_prefix(
      PrefixInput{prompt, compile_tools({}, counter), no_blocks, "", "", "", ""}, counter));
  Message message;
  message.type = "user_message";
  message.text = std::move(text);
  message.time_us = task.messages.empty() ? 0 : task.messages.back()->message->time_us;
  Window messages;
  messages.push_back(std::make_shared<const WindowMessage>(measure(std::move(message), counter)));
  const Budget budget{window, task.limit_tokens};
  const auto reply = writer.complete(
      std::make_shared<const Context>(compile(prefix, std::move(messages), budget, counter)), {});
  if (is_blank(reply.content) && !reply.tool_calls.empty())
    return {std::nullopt,
            "it answered with a call of " + reply.tool_calls.front().name + ", not with a text"};
  return {reply.content, ""};
}

}  // namespace

Summary write_summary(LLMProvider& writer, int window, const SummaryTask& task) {
  const auto counter = counter_for(&writer);
  const std::string prompt = task.prompt.empty() ? std::string(kSummarize) : task.prompt;
  const bool completes = writer.summarizes_by_completion();
  const int room =
      (window - 2 * task.limit_tokens - static_cast<int>(counter->count(prompt)) - kEnvelope) *
      kPackedShare / 100;
  if (room < kSmallestPart)
    return {std::nullopt, "its window of " + std::to_string(window) +
                              " tokens has no room for messages beside a summary of " +
                              std::to_string(task.limit_tokens)};
  const auto parts = parts_of(transcript(task.messages), room, *counter);
  if (parts.size() > kMostPartsInARow)
    return {std::nullopt, "the messages are " + std::to_string(parts.size()) +
                              " times its window of " + std::to_string(window) + " tokens"};
  std::string so_far = task.previous;
  try {
    for (const auto& part : parts) {
      auto text = text_of(so_far, part);
      if (!completes && !task.prompt.empty()) text = task.prompt + "\n\n" + text;
      auto made = completes ? by_completion(writer, *counter, window, task, prompt, std::move(text))
                            : writer.summarize(text, task.limit_tokens);
      if (!made.text) return made;
      so_far = valid_utf8(std::move(*made.text));
      if (is_blank(so_far)) return {std::nullopt, "it answered with an empty text"};
      // The next part's room was reckoned with this much.
      if (&part != &parts.back() && static_cast<int>(counter->count(so_far)) > task.limit_tokens)
        return {std::nullopt, "its summary of a part is over the limit of " +
                                  std::to_string(task.limit_tokens) + " tokens"};
    }
  } catch (const Error& error) {
    const std::string what = error.what();
    return {std::nullopt, std::string(error.name()) + ": " + std::string(utf8_prefix(what, 500))};
  }
  return {std::move(so_far), ""};
}

}  // namespace memgpt
