// What stands before the messages and changes seldom: system prompt, tools, memory blocks,
// summary, the line about what lies outside.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "memory/block.h"
#include "memory/request.h"
#include "memory/span.h"
#include "memory/token_counter.h"

namespace memgpt {

// The tools as the model sees them; compiled anew only when they change.
struct CompiledTools {
  std::vector<ToolSchema> schemas;
  Spans spans;
  std::string wire;  // the request's fields about tools, JSON; empty without tools
  int text_tokens = 0;
};
[[nodiscard]] std::shared_ptr<const CompiledTools> compile_tools(std::vector<ToolSchema> schemas,
                                                                 const TokenCounter& counter);

struct PrefixInput {
  std::string_view system_prompt;
  std::shared_ptr<const CompiledTools> tools;
  const std::vector<Block>& blocks;
  std::string_view summary;          // empty = none yet
  std::string_view external_memory;  // the line about what lies outside the context
  // See Span.
  std::string_view system_author = "kernel";
  std::string_view summary_author = "";
};

struct Prefix {
  std::shared_ptr<const CompiledTools> tools;
  Spans spans;       // tools, then the pieces of the system message
  std::string wire;  // the system message in a request, JSON
  std::string tokenizer;
  int text_tokens = 0;
  int overhead_tokens = 0;
  [[nodiscard]] int tokens() const { return text_tokens + overhead_tokens; }
};
// `before`, an earlier prefix or null, saves the work on what has not changed since; the result is
// the same.
[[nodiscard]] Prefix compile_prefix(const PrefixInput& input, const TokenCounter& counter,
                                    const Prefix* before = nullptr);

}  // namespace memgpt
