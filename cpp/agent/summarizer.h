// Summaries by a model: asked in parts that fit its own window.
#pragma once

#include <string>

#include "llm/provider.h"
#include "memory/window.h"

namespace memgpt {

struct SummaryTask {
  std::string previous;  // the summary so far; empty = none
  const Window& messages;
  std::string prompt;  // empty = the stock prompt
  int limit_tokens = 0;
};

// A text by `writer`, or why there is none; neither where it writes no summaries. What exceeds its
// window of `window` tokens is summarised part after part, each with the summary of those before.
// Errors of the core are failures; anything else (Ctrl-C) goes through.
[[nodiscard]] Summary write_summary(LLMProvider& writer, int window, const SummaryTask& task);

}  // namespace memgpt
