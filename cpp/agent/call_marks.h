// Marks with which chat templates begin a call in a text, in one place. A text that has one of
// them, and does not quote it, is never said to a person.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace memgpt {

enum class MarkForm : std::uint8_t {
  body,      // a name and arguments follow, as JSON, Python, GLM's tags, or within another mark
  function,  // <function=name>
  invoke,    // <invoke name="name">
  deepseek,  // name, separator, JSON
  code,      // a fence with Python
  qwen,      // two flowers
  other,     // nothing that is read
};

struct Mark {
  std::size_t begin = 0;
  std::size_t end = 0;
  MarkForm form = MarkForm::other;
};

[[nodiscard]] std::optional<Mark> mark_at(std::string_view text, std::size_t at);
// The first one that is not quoted: in a code fence, between backticks, or behind a quotation mark.
[[nodiscard]] std::optional<Mark> find_mark(std::string_view text);
// Marks that end a call, and blanks.
[[nodiscard]] std::size_t skip_closes(std::string_view text, std::size_t at);

inline constexpr std::string_view kDeepseekBar = "\xEF\xBD\x9C";
inline constexpr std::string_view kDeepseekSeparator =
    "<\xEF\xBD\x9Ctool\xE2\x96\x81sep\xEF\xBD\x9C>";
inline constexpr std::string_view kQwenArguments =
    "\xE2\x9C\xBF"
    "ARGS\xE2\x9C\xBF";
inline constexpr std::string_view kKimiArguments = "<|tool_call_argument_begin|>";
// Of Anthropic's tags, which some write with it.
inline constexpr std::string_view kPrefix = "antml:";

}  // namespace memgpt
