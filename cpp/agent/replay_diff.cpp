#include "agent/replay_diff.h"

#include <algorithm>
#include <map>
#include <set>

namespace memgpt {

namespace {

constexpr std::size_t kShown = 200;
constexpr std::size_t kMostRows = 20;  // of a kind: an import is one commit

std::string shortened(std::string_view text) {
  std::string out(utf8_prefix(text, kShown));
  for (char& c : out)
    if (c == '\n') c = ' ';
  if (out.size() < text.size()) out += "...";
  return out;
}

// format_time() ends with the minute.
std::string time_text(TimeUs time_us) {
  return format_time(time_us) + " (" + std::to_string(time_us) + " us)";
}

std::string call_text(const ToolCall& call) {
  return call.name + '(' + call.arguments + ") [" + call.id + ']';
}

void compare(std::string& diff, std::string_view name, std::string_view reply,
             std::string_view message) {
  if (reply == message) return;
  if (!diff.empty()) diff += '\n';
  diff += "- recorded reply, " + std::string(name) + ": " + shortened(reply) + '\n';
  diff += "+ message in the log, " + std::string(name) + ": " + shortened(message);
}

std::string span_line(char sign, const Span& span) {
  return std::string(1, sign) + ' ' + std::string(to_string(span.kind)) + ' ' + span.origin + ": " +
         shortened(span.text) + '\n';
}

}  // namespace

std::string reply_diff(const Reply& reply, const Message& message) {
  std::string diff;
  compare(diff, "content", reply.content, message.content);
  compare(diff, "thinking", reply.thinking, message.thinking);
  const auto text = [](const std::vector<ToolCall>& calls, std::size_t i) {
    return i < calls.size() ? call_text(calls[i]) : "none";
  };
  const std::size_t most = std::max(reply.tool_calls.size(), message.tool_calls.size());
  for (std::size_t i = 0; i < most; ++i)
    compare(diff, "call " + std::to_string(i + 1), text(reply.tool_calls, i),
            text(message.tool_calls, i));
  return diff;
}

std::string context_diff(const std::optional<Context>& before, std::int64_t seq,
                         const Context& now) {
  std::map<std::string, std::shared_ptr<const Span>> then;
  if (before)
    for (const auto& span : before->spans()) then[span->origin] = span;
  std::string diff;
  std::set<std::string> seen;
  for (const auto& span : now.spans()) {
    seen.insert(span->origin);
    const auto found = then.find(span->origin);
    if (found == then.end()) {
      diff += span_line('+', *span);
    } else if (found->second->digest != span->digest) {
      diff += span_line('-', *found->second) + span_line('+', *span);
    }
  }
  for (const auto& [origin, span] : then)
    if (!seen.contains(origin)) diff += span_line('-', *span);
  if (!before) return "no context before it was compared; this one has\n" + diff;
  return "since the context of commit " + std::to_string(seq) + ", which is as recorded:\n" +
         (diff.empty() ? "no span is new; their order is\n" : diff);
}

std::string drawn(const std::vector<Range>& ranges) {
  std::string out;
  for (const auto& range : ranges)
    out += (out.empty() ? "[" : ", [") + std::to_string(range.begin) + ", " +
           std::to_string(range.end) + ")";
  return out.empty() ? "nothing" : out;
}

std::string drawn(const Commit& commit) {
  const StepRow& step = commit.step;
  std::string out = "step: " + step.kind + " by " + step.author + " at " + time_text(step.time_us) +
                    ", configuration " + std::to_string(step.config) + ", seed " +
                    std::to_string(step.seed);
  if (!step.model.empty())
    out += "\ncall: model " + step.model + ", tokenizer " + step.tokenizer + ", compiler " +
           std::to_string(step.compiler) + ", digest " +
           (step.digest.empty() ? "none" : step.digest) + ", tokens " +
           std::to_string(step.context_tokens) + " + " + std::to_string(step.overhead_tokens) +
           ", correction " + std::to_string(step.correction) + ", prefix " +
           std::to_string(step.prefix_tokens) + " (" + step.prefix_broken + "), reported " +
           std::to_string(step.prompt_tokens) + " and " + std::to_string(step.completion_tokens);
  if (!step.reply.empty()) out += "\nreply: " + shortened(step.reply);
  if (!step.decision.empty()) out += "\ndecision: " + shortened(step.decision);
  if (commit.config) out += "\nconfig: " + shortened(*commit.config);
  for (std::size_t i = 0; i < std::min(kMostRows, commit.messages.size()); ++i) {
    const Message& message = commit.messages[i];
    out += "\nmessage " + message.id + " (" + message.type + " by " + message.author + ", trust " +
           std::to_string(static_cast<int>(message.trust)) + ", session " +
           std::to_string(message.session) + ", at " + time_text(message.time_us) +
           "): " + shortened(message.text.empty() ? message.content : message.text);
  }
  if (commit.messages.size() > kMostRows)
    out += "\nand " + std::to_string(commit.messages.size() - kMostRows) + " messages more";
  for (const auto& version : commit.blocks)
    out += "\nblock " + version.block.label + (version.detached ? " (detached): " : ": ") +
           shortened(version.block.value);
  for (const auto& passage : commit.passages)
    out += "\npassage " + passage.id + ": " + shortened(passage.text);
  for (const auto& row : commit.retired)
    out += "\nno longer by " + row.retired_by + ": passage " + row.passage.id + " of commit " +
           std::to_string(row.seq);
  if (commit.summary)
    out += "\nsummary of " + drawn(commit.summary->covers) + ": " + shortened(commit.summary->text);
  if (commit.window)
    out += "\nwindow " + drawn(commit.window->ranges) + ": " + commit.window->outside;
  for (const auto& run : commit.tool_runs)
    out += "\ntool run " + run.tool + ' ' + run.phase + ' ' + run.status + ": " +
           shortened(run.arguments);
  return out;
}

}  // namespace memgpt
