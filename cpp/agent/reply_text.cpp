#include "agent/reply_text.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "agent/mend_json.h"

namespace memgpt {

namespace {

constexpr std::array<std::string_view, 17> kTokens = {"<|im_end|>",
                                                      "<|eot_id|>",
                                                      "<|eom_id|>",
                                                      "<|end_of_text|>",
                                                      "<|begin_of_text|>",
                                                      "<|endoftext|>",
                                                      "<|end|>",
                                                      "<|return|>",
                                                      "<|call|>",
                                                      "<|end_of_turn|>",
                                                      "<end_of_turn>",
                                                      "<|assistant|>",
                                                      "<|im_start|>assistant",
                                                      "<\xEF\xBD\x9C"
                                                      "end\xE2\x96\x81of\xE2\x96\x81sentence"
                                                      "\xEF\xBD\x9C>",
                                                      "[/INST]",
                                                      "<eos>",
                                                      "</s>"};

constexpr int kMostThoughts = 16;  // in one reply

struct Tags {
  std::string_view open;
  std::string_view close;
};
constexpr std::array<Tags, 6> kThoughts = {{{"<think>", "</think>"},
                                            {"<thinking>", "</thinking>"},
                                            {"<thought>", "</thought>"},
                                            {"<reasoning>", "</reasoning>"},
                                            {"<|START_THINKING|>", "<|END_THINKING|>"},
                                            {"[THINK]", "[/THINK]"}}};

bool strip_last(std::string_view& text, bool struck_through) {
  for (const auto token : kTokens) {
    if ((token == "</s>" && struck_through) || !text.ends_with(token)) continue;
    text.remove_suffix(token.size());
    return true;
  }
  return false;
}

bool strip_first(std::string_view& text) {
  for (const auto token : kTokens) {
    if (token == "</s>" || !text.starts_with(token)) continue;
    text.remove_prefix(token.size());
    return true;
  }
  return false;
}

bool speaks_of_what_follows(std::string_view text) {
  constexpr std::array<std::string_view, 6> kEnds = {
      " ", "\"", "'", "\xE2\x80\x9C", "\xE2\x80\x98", "\xC2\xAB"};
  return std::any_of(kEnds.begin(), kEnds.end(), [&](auto end) { return text.ends_with(end); });
}

// A closing tag without the opening one has a line of its own, or a call stands behind it.
bool ends_thoughts(std::string_view before, std::string_view behind) {
  const bool begins = before.empty() || before.ends_with('\n');
  return begins && (behind.empty() ||
                    std::string_view("\n\r{[<").find(behind.front()) != std::string_view::npos);
}

}  // namespace

void strip_special_tokens(std::string& text, Repairs& repairs, bool spoken) {
  if (text.find_first_of("<[") == std::string::npos) return;
  std::string_view left = trimmed_view(text);
  // Text between <s> and </s>, in HTML.
  const bool struck_through = text.find("<s>") != std::string::npos;
  int count = 0;
  while (strip_first(left)) {
    left = trimmed_view(left);
    ++count;
  }
  auto end = left;
  int ended = 0;
  while (strip_last(end, struck_through)) {
    if (spoken && speaks_of_what_follows(end)) {
      ended = 0;
      end = left;
      break;
    }
    end = trimmed_view(end);
    ++ended;
  }
  left = end;
  count += ended;
  if (count == 0) return;
  for (int i = 0; i < count; ++i) repairs.add(repair::kSpecialToken, "at the end of a text");
  text = std::string(left);
}

void add_thinking(Reply& reply, std::string_view thoughts) {
  thoughts = trimmed_view(thoughts);
  if (thoughts.empty()) return;
  if (!reply.thinking.empty()) reply.thinking += "\n\n";
  reply.thinking += thoughts;
}

void move_thoughts(Reply& reply, Repairs& repairs) {
  if (reply.content.find_first_of("<[") == std::string::npos) return;
  const std::string content = reply.content;
  std::string_view left = trimmed_view(content);
  bool again = true;
  for (int tries = 0; again && tries < kMostThoughts; ++tries) {
    again = false;
    for (const auto& [open, close] : kThoughts) {
      const bool opened = left.starts_with(open);
      const auto begin = opened ? open.size() : 0;
      const auto end = left.find(close, begin);
      if (!opened) {
        if (end == std::string_view::npos || left.find(open) != std::string_view::npos ||
            left.find(close, end + 1) != std::string_view::npos ||
            !ends_thoughts(left.substr(0, end), left.substr(end + close.size())))
          continue;
      }
      const bool ended = end != std::string_view::npos;
      add_thinking(reply, left.substr(begin, ended ? end - begin : std::string_view::npos));
      left = ended ? trimmed_view(left.substr(end + close.size())) : std::string_view();
      repairs.add(repair::kThoughts, "from the content");
      again = !left.empty();
      break;
    }
  }
  if (left != trimmed_view(content)) reply.content = std::string(left);
}

}  // namespace memgpt
