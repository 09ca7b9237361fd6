#include "agent/call_marks.h"

#include <array>

#include "agent/mend_json.h"

namespace memgpt {

namespace {

struct Known {
  std::string_view text;
  MarkForm form;
};

constexpr std::array<Known, 36> kOpen = {{
    {"<tool_call>", MarkForm::body},
    {"<|tool_call|>", MarkForm::body},
    {"<tool_calls>", MarkForm::body},
    {"<|tool_calls|>", MarkForm::body},
    {"<function_call>", MarkForm::body},
    {"<functioncall>", MarkForm::body},
    {"<function_calls>", MarkForm::body},
    {"<minimax:tool_call>", MarkForm::body},
    {"<TOOLCALL>", MarkForm::body},
    {"<tools>", MarkForm::body},
    {"[TOOL_CALLS]", MarkForm::body},
    {"<|python_tag|>", MarkForm::body},
    {"<|python_start|>", MarkForm::body},
    {"<|tool_calls_section_begin|>", MarkForm::body},
    {"<|tool_call_begin|>", MarkForm::body},
    {"<|tool_call_start|>", MarkForm::body},
    {"<|START_ACTION|>", MarkForm::body},
    {"<function=", MarkForm::function},
    {"<invoke name=\"", MarkForm::invoke},
    {"<\xEF\xBD\x9Ctool\xE2\x96\x81"
     "calls\xE2\x96\x81"
     "begin\xEF\xBD\x9C>",
     MarkForm::body},
    {"<\xEF\xBD\x9Ctool\xE2\x96\x81"
     "call\xE2\x96\x81"
     "begin\xEF\xBD\x9C>",
     MarkForm::deepseek},
    {"```tool_code", MarkForm::code},
    {"\xE2\x9C\xBF"
     "FUNCTION\xE2\x9C\xBF",
     MarkForm::qwen},
    {kQwenArguments, MarkForm::other},
    {kDeepseekSeparator, MarkForm::other},
    {kKimiArguments, MarkForm::other},
    {"<\xEF\xBD\x9C"
     "DSML\xEF\xBD\x9C",
     MarkForm::other},
    {"<function/", MarkForm::other},
    {"<tool_use>", MarkForm::other},
    {"<|channel|>", MarkForm::other},
    {"<|message|>", MarkForm::other},
    {"<|constrain|>", MarkForm::other},
    {"<|recipient|>", MarkForm::other},
    {"</tool_call>", MarkForm::other},
    {"<|tool_call_end|>", MarkForm::other},
    {"[ARGS]", MarkForm::other},
}};

constexpr std::array<std::string_view, 20> kClose = {
    "</tool_call>",
    "<|/tool_call|>",
    "</tool_calls>",
    "</function_call>",
    "</functioncall>",
    "</function_calls>",
    "</minimax:tool_call>",
    "</TOOLCALL>",
    "</tools>",
    "[/TOOL_CALLS]",
    "<|python_end|>",
    "<|tool_calls_section_end|>",
    "<|tool_call_end|>",
    "<|END_ACTION|>",
    "</function>",
    "</invoke>",
    "<\xEF\xBD\x9Ctool\xE2\x96\x81"
    "calls\xE2\x96\x81"
    "end\xEF\xBD\x9C>",
    "<\xEF\xBD\x9Ctool\xE2\x96\x81"
    "call\xE2\x96\x81"
    "end\xEF\xBD\x9C>",
    "<|eom_id|>",
    "<|im_end|>",
};

// "<" or "</", without the prefix of Anthropic's tags that may stand behind it: how long it is.
std::size_t prefixed(std::string_view text, std::size_t at) {
  const std::size_t begin = text.substr(at).starts_with("</") ? 2 : 1;
  return text[at] == '<' && text.substr(at).size() > begin + kPrefix.size() &&
                 text.substr(at + begin).starts_with(kPrefix)
             ? begin
             : 0;
}

// The length of `mark` where it stands at `at`, with the prefix or without; else 0.
std::size_t matches(std::string_view text, std::size_t at, std::string_view mark) {
  if (text.substr(at).starts_with(mark)) return mark.size();
  const auto begin = prefixed(text, at);
  if (begin == 0 || !mark.starts_with(text.substr(at, begin)) ||
      !text.substr(at + begin + kPrefix.size()).starts_with(mark.substr(begin)))
    return 0;
  return mark.size() + kPrefix.size();
}

bool behind_quotation_mark(std::string_view text, std::size_t at) {
  constexpr std::array<std::string_view, 7> kQuotes = {
      "\"", "'", "\xE2\x80\x9C", "\xE2\x80\x98", "\xE2\x80\x9E", "\xC2\xAB", "\xE2\x80\x9A"};
  for (const auto quote : kQuotes)
    if (text.substr(0, at).ends_with(quote)) return true;
  return false;
}

}  // namespace

std::optional<Mark> mark_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return std::nullopt;
  for (const auto& [mark, form] : kOpen)
    if (const auto length = matches(text, at, mark); length > 0) return Mark{at, at + length, form};
  return std::nullopt;
}

std::optional<Mark> find_mark(std::string_view text) {
  bool fence = false;
  bool code = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n') code = false;
    if (c != '<' && c != '[' && c != '`' && c != '\xE2') continue;
    if (!fence && !code && !behind_quotation_mark(text, at))
      if (const auto mark = mark_at(text, at)) return mark;
    if (text.substr(at).starts_with("```")) {
      fence = !fence;
      at += 2;
    } else if (c == '`') {
      code = !code;
    }
  }
  return std::nullopt;
}

std::size_t skip_closes(std::string_view text, std::size_t at) {
  for (bool again = true; again;) {
    again = false;
    at = skip_blanks(text, at);
    for (const auto close : kClose) {
      if (at >= text.size()) break;
      const auto length = matches(text, at, close);
      at += length;
      again = again || length > 0;
    }
  }
  return at;
}

}  // namespace memgpt
