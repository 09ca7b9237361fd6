#include "store/rows.h"

#include "error.h"

namespace memgpt {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw StoreError(what + "; the file is damaged: restore it from a copy");
}

}  // namespace

json::array array_column(std::string_view text) {
  boost::system::error_code error;
  auto value = json::parse(text, error);
  if (error || !value.is_array())
    fail("a field of this file that should be a JSON array is not: " +
         valid_utf8(std::string(utf8_prefix(text, 40))));
  return std::move(value.get_array());
}

std::vector<std::string> strings_from_json(std::string_view text) {
  std::vector<std::string> strings;
  if (text.empty()) return strings;
  for (const auto& item : array_column(text)) {
    if (!item.is_string()) fail("a list of texts in this file holds something else");
    strings.emplace_back(item.get_string());
  }
  return strings;
}

std::vector<Range> ranges_of(const json::array& pairs) {
  std::vector<Range> ranges;
  for (const auto& item : pairs) {
    const auto* pair = item.if_array();
    if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_int64() || !(*pair)[1].is_int64())
      fail("a range in this file is not a pair of integers");
    ranges.push_back({(*pair)[0].get_int64(), (*pair)[1].get_int64()});
  }
  return ranges;
}

std::vector<Range> ranges_from_json(std::string_view text) { return ranges_of(array_column(text)); }

namespace {

std::vector<ToolCall> calls_from_json(std::string_view text) {
  std::vector<ToolCall> calls;
  if (text.empty()) return calls;
  for (const auto& item : array_column(text)) {
    if (!item.is_object()) fail("a call in this file is not a JSON object");
    const auto& call = item.get_object();
    calls.push_back({string_or(call, "id"), string_or(call, "name"), string_or(call, "arguments")});
  }
  return calls;
}

Role role_column(std::string_view text) {
  try {
    return role_from_string(text);
  } catch (const InvalidInput&) {
    fail("a message in this file has the role \"" + valid_utf8(std::string(utf8_prefix(text, 40))) +
         "\", which there is not");
  }
}

}  // namespace

StepRow read_step(const Statement& row) {
  StepRow step;
  step.seq = row.integer(0);
  step.kind = row.text(1);
  step.author = row.text(2);
  step.time_us = row.integer(3);
  step.config = row.integer(4);
  step.seed = row.integer(5);
  step.model = row.text(6);
  step.tokenizer = row.text(7);
  step.compiler = static_cast<int>(row.integer(8));
  step.digest = row.text(9);
  step.context_tokens = static_cast<int>(row.integer(10));
  step.overhead_tokens = static_cast<int>(row.integer(11));
  step.prompt_tokens = static_cast<int>(row.integer(12));
  step.completion_tokens = static_cast<int>(row.integer(13));
  step.decision = row.text(14);
  step.reply = row.text(15);
  step.correction = static_cast<int>(row.integer(16));
  step.unbound_tools = strings_from_json(row.view(17));
  step.content = row.text(18);
  step.prefix_tokens = static_cast<int>(row.integer(19));
  step.prefix_broken = row.text(20);
  step.passages = static_cast<int>(row.integer(21));
  step.purged = row.integer(22);
  return step;
}

Message read_message(const Statement& row, int first) {
  Message message;
  message.id = row.text(first);
  message.position = row.integer(first + 1);
  message.role = role_column(row.view(first + 2));
  message.type = row.text(first + 3);
  message.name = row.text(first + 4);
  message.text = row.text(first + 5);
  message.content = row.text(first + 6);
  message.thinking = row.text(first + 7);
  message.tool_calls = calls_from_json(row.view(first + 8));
  message.tool_call_id = row.text(first + 9);
  message.failed = row.integer(first + 10) != 0;
  message.shown_bytes = row.integer(first + 11);
  message.time_us = row.integer(first + 12);
  message.session = row.integer(first + 13);
  message.author = row.text(first + 14);
  message.trust = static_cast<Trust>(row.integer(first + 15));
  message.tokens = static_cast<int>(row.integer(first + 16));
  message.source_id = row.text(first + 17);
  message.printed = row.text(first + 18);
  return message;
}

Passage read_passage(const Statement& row, int first) {
  Passage passage;
  passage.id = row.text(first);
  passage.text = row.text(first + 1);
  passage.tags = strings_from_json(row.view(first + 2));
  passage.metadata = row.text(first + 3);
  passage.time_us = row.integer(first + 4);
  passage.author = row.text(first + 5);
  passage.trust = static_cast<Trust>(row.integer(first + 6));
  return passage;
}

BlockVersion read_block(const Statement& row, int first) {
  BlockVersion version;
  Block& block = version.block;
  block.id = row.text(first);
  block.label = row.text(first + 1);
  block.value = row.text(first + 2);
  block.limit = static_cast<int>(row.integer(first + 3));
  block.description = row.text(first + 4);
  block.read_only = row.integer(first + 5) != 0;
  block.author = row.text(first + 6);
  block.trust = static_cast<Trust>(row.integer(first + 7));
  version.place = static_cast<int>(row.integer(first + 8));
  version.detached = row.integer(first + 9) != 0;
  block.version = row.integer(first + 10);
  block.time_us = row.integer(first + 11);
  version.shared = row.integer(first + 12);
  return version;
}

SummaryRow read_summary(const Statement& row, int first) {
  SummaryRow summary;
  summary.id = row.integer(first);
  summary.text = row.text(first + 1);
  summary.covers = ranges_from_json(row.view(first + 2));
  summary.covered = row.integer(first + 3);
  if (!row.is_null(first + 4)) summary.replaces = row.integer(first + 4);
  summary.author = row.text(first + 5);
  summary.trust = static_cast<Trust>(row.integer(first + 6));
  summary.tokens = static_cast<int>(row.integer(first + 7));
  summary.failure = row.text(first + 8);
  return summary;
}

ToolRunRow read_tool_run(const Statement& row, int first) {
  return {row.text(first),     row.text(first + 1), row.text(first + 2),
          row.text(first + 3), row.text(first + 4), row.text(first + 5),
          row.text(first + 6), row.text(first + 7), row.integer(first + 8)};
}

WindowRow read_window(const Statement& row, int first) {
  WindowRow window;
  window.ranges = ranges_from_json(row.view(first));
  if (!row.is_null(first + 1)) window.summary = row.integer(first + 1);
  window.warned = row.integer(first + 2) != 0;
  window.outside = row.text(first + 3);
  return window;
}

}  // namespace memgpt
