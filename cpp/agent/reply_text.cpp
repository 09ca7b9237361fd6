#include "agent/reply_text.h"

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
constexpr std::array<Tags, 5> kThoughts = {{{"<think>", "</think>"},
                                            {"<thinking>", "</thinking>"},
                                            {"<thought>", "</thought>"},
                                            {"<reasoning>", "</reasoning>"},
                                            {"[THINK]", "[/THINK]"}}};

bool strip_one(std::string_view& text, bool struck_through) {
  for (const auto token : kTokens) {
    if (token == "</s>" && struck_through) continue;
    if (text.ends_with(token))
      text.remove_suffix(token.size());
    else if (token != "</s>" && text.starts_with(token))
      text.remove_prefix(token.size());
    else
      continue;
    return true;
  }
  return false;
}

// A closing tag without the opening one stands at the end of its line, or before a call.
bool ends_thoughts(std::string_view behind) {
  return behind.empty() ||
         std::string_view("\n\r{[<").find(behind.front()) != std::string_view::npos;
}

}  // namespace

void strip_special_tokens(std::string& text, Repairs& repairs) {
  if (text.find_first_of("<[") == std::string::npos) return;
  std::string_view left = trimmed_view(text);
  // Text between <s> and </s>, in HTML.
  const bool struck_through = text.find("<s>") != std::string::npos;
  int count = 0;
  while (strip_one(left, struck_through)) {
    left = trimmed_view(left);
    ++count;
  }
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
            !ends_thoughts(left.substr(end + close.size())))
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
