#include "memory/prefix.h"

#include <algorithm>

namespace memgpt {

namespace {

// Estimates of what the wire format adds, on the high side; text itself is counted exactly.
constexpr int kOverheadPerRequest = 3;
constexpr int kOverheadPerSystemMessage = 4;
constexpr int kOverheadPerTool = 8;

std::string block_text(const Block& block) {
  std::string out = "<block label=\"" + block.label + "\" chars=\"" +
                    std::to_string(count_characters(block.value)) + "\" limit=\"" +
                    std::to_string(block.limit) + '"';
  if (block.read_only) out += " read_only=\"true\"";
  if (!block.description.empty()) {
    out += " description=";
    append_json_string(out, escape_markup(block.description));
  }
  out += ">\n";
  out += escape_markup(block.value);
  out += "\n</block>\n";
  return out;
}

// The pieces of the system message, not counted yet.
std::vector<Span> system_spans(const PrefixInput& input) {
  std::vector<Span> spans;
  const auto add = [&](Span span, std::string_view author) -> Span& {
    span.author = author;
    spans.push_back(std::move(span));
    return spans.back();
  };
  add(make_span(SpanKind::system, "system_prompt", std::string(input.system_prompt) + "\n\n"),
      input.system_author);
  for (std::size_t i = 0; i < input.blocks.size(); ++i) {
    std::string text = i == 0 ? "<core_memory>\n" : "";
    text += block_text(input.blocks[i]);
    if (i + 1 == input.blocks.size()) text += "</core_memory>\n\n";
    const Block& block = input.blocks[i];
    Span& span = add(make_span(SpanKind::memory_block, "block:" + block.label, std::move(text)),
                     block.author);
    span.version = block.version;
    span.time_us = block.time_us;
  }
  if (!input.summary.empty())
    add(make_span(SpanKind::summary, "summary",
                  "<summary>\n" + escape_markup(input.summary) + "\n</summary>\n\n"),
        input.summary_author);
  // Behind the summary, whose beginning an eviction may keep: its counts are new each time.
  if (!input.external_memory.empty())
    add(make_span(
            SpanKind::external_memory, "external_memory",
            "<outside_context>\n" + std::string(input.external_memory) + "\n</outside_context>\n"),
        "kernel");
  return spans;
}

// Spans [begin, end) of a system message whose tokens depend on each other and on no other's.
struct Run {
  std::size_t begin = 0;
  std::size_t end = 0;
};

template <typename Text>
std::vector<Run> runs_of(std::size_t begin, std::size_t end, const Text& text,
                         const TokenCounter& counter) {
  std::vector<Run> runs;
  for (std::size_t i = begin; i < end; ++i) {
    if (i > begin && !counter.splits_between(text(i - 1), text(i)))
      runs.back().end = i + 1;
    else
      runs.push_back({i, i + 1});
  }
  return runs;
}

// Counted as one text, so that they add up exactly.
void count_run(std::vector<Span>& spans, Run run, const TokenCounter& counter) {
  std::string text;
  std::vector<std::size_t> ends;
  for (std::size_t i = run.begin; i < run.end; ++i) {
    text += spans[i].text;
    ends.push_back(text.size());
  }
  const auto tokens = counter.count_parts(text, ends);
  for (std::size_t i = run.begin; i < run.end; ++i) spans[i].tokens = tokens[i - run.begin];
}

// The run of the same texts in an earlier prefix, or null.
const Run* find_run(const std::vector<Span>& spans, Run run, const Spans& before,
                    const std::vector<Run>& runs_before) {
  for (const Run& other : runs_before) {
    if (other.end - other.begin != run.end - run.begin) continue;
    bool same = true;
    for (std::size_t i = 0; same && i < run.end - run.begin; ++i) {
      const Span& now = spans[run.begin + i];
      const Span& then = *before[other.begin + i];
      same = now.digest == then.digest && now.origin == then.origin;
    }
    if (same) return &other;
  }
  return nullptr;
}

// The span of an earlier prefix with the same text, or a new one with its count where somebody else
// wrote that text, or wrote it again.
std::shared_ptr<const Span> reused(Span span, const std::shared_ptr<const Span>& before) {
  if (span.author == before->author && span.version == before->version &&
      span.time_us == before->time_us)
    return before;
  span.tokens = before->tokens;
  return std::make_shared<const Span>(std::move(span));
}

}  // namespace

std::shared_ptr<const CompiledTools> compile_tools(std::vector<ToolSchema> schemas,
                                                   const TokenCounter& counter) {
  auto tools = std::make_shared<CompiledTools>();
  for (const auto& schema : schemas) {
    auto span = make_span(SpanKind::tool_schema, "tool:" + schema.name, tool_text(schema));
    span.tokens = static_cast<int>(counter.count(span.text));
    span.author = schema.author;
    tools->text_tokens += span.tokens;
    tools->wire += (tools->wire.empty() ? ", \"tools\": [" : ", ") + span.text;
    tools->spans.push_back(std::make_shared<const Span>(std::move(span)));
  }
  if (!schemas.empty())
    tools->wire += R"(], "tool_choice": "required", "parallel_tool_calls": false)";
  tools->schemas = std::move(schemas);
  return tools;
}

Prefix compile_prefix(const PrefixInput& input, const TokenCounter& counter, const Prefix* before) {
  Prefix prefix;
  prefix.tools = input.tools;
  prefix.tokenizer = counter.name();
  prefix.spans = input.tools->spans;
  prefix.text_tokens = input.tools->text_tokens;
  auto spans = system_spans(input);

  static const Spans kNone;
  const Spans& spans_before = before != nullptr ? before->spans : kNone;
  std::vector<Run> runs_before;
  if (before != nullptr && before->tokenizer == prefix.tokenizer)
    runs_before = runs_of(
        before->tools->spans.size(), spans_before.size(),
        [&](std::size_t i) { return std::string_view(spans_before[i]->text); }, counter);
  const auto runs = runs_of(
      0, spans.size(), [&](std::size_t i) { return std::string_view(spans[i].text); }, counter);
  std::string system;
  for (const Run run : runs) {
    const Run* const same = find_run(spans, run, spans_before, runs_before);
    if (same == nullptr) count_run(spans, run, counter);
    for (std::size_t i = run.begin; i < run.end; ++i) {
      system += spans[i].text;
      if (same != nullptr)
        prefix.spans.push_back(
            reused(std::move(spans[i]), spans_before[same->begin + (i - run.begin)]));
      else
        prefix.spans.push_back(std::make_shared<const Span>(std::move(spans[i])));
      prefix.text_tokens += prefix.spans.back()->tokens;
    }
  }
  append_request_message(prefix.wire, {Role::system, std::move(system), {}, ""});
  prefix.overhead_tokens = kOverheadPerRequest + kOverheadPerSystemMessage +
                           kOverheadPerTool * static_cast<int>(input.tools->schemas.size());
  return prefix;
}

}  // namespace memgpt
