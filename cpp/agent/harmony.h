// The text of gpt-oss as its template has it: <|channel|>analysis<|message|>...<|end|>.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/call_text.h"

namespace memgpt {

// analysis is thoughts, final and commentary are text, and what goes to=functions.name is a call.
// Nothing where the text does not begin so.
[[nodiscard]] std::optional<WrittenCalls> read_harmony(std::string_view text, bool was_cut);

}  // namespace memgpt
