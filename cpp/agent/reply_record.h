// A reply as the journal has it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/repair.h"
#include "llm/provider.h"

namespace memgpt {

// The reply as the model gave it; what is not UTF-8 is repaired. With `decoded`, also what the
// decoder made of it and how, so that replay does not depend on the decoder.
[[nodiscard]] std::string reply_to_json(const Reply& reply, const Reply* decoded = nullptr,
                                        const std::vector<Repair>& repairs = {});
// What the decoder made of it, or where that is not recorded the reply as it came. Nothing where
// the text is no such reply.
[[nodiscard]] std::optional<Reply> reply_from_json(std::string_view text);
[[nodiscard]] std::vector<Repair> repairs_from_json(std::string_view text);

}  // namespace memgpt
