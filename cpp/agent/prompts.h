// Every sentence that the kernel itself says to a model.
#pragma once

#include <string>
#include <string_view>

namespace memgpt {

// The system prompt of a `memgpt_agent`; recorded in the agent's configuration, so that a newer
// version of it does not change old agents.
extern const std::string_view kSystemPrompt;
// It, as it is for an agent of this type that thinks so, see Reasoning.
[[nodiscard]] std::string stock_prompt(std::string_view reasoning, std::string_view agent_type);
[[nodiscard]] bool is_stock_prompt(std::string_view prompt);
extern const std::string_view kMemoryPressure;
extern const std::string_view kNoToolCall;
extern const std::string_view kOneCallOnly;
extern const std::string_view kInterrupted;
extern const std::string_view kSummarize;  // asks a model for a summary

}  // namespace memgpt
