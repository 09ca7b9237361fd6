#include "memory/context.h"

#include <algorithm>
#include <array>

namespace memgpt {

namespace {

// Estimates of what the wire format adds, on the high side; text itself is counted exactly.
constexpr int kOverheadPerMessage = 4;
constexpr int kOverheadPerCall = 8;
constexpr int kOverheadPerTool = 8;
constexpr int kOverheadPerRequest = 3;

constexpr std::array<std::string_view, 7> kKinds = {
    "system",  "tool_schema", "memory_block", "external_memory",
    "summary", "message",     "tool_return"};

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

std::string tool_text(const ToolSchema& tool) {
  std::string out = R"({"type": "function", "function": {"name": )";
  append_json_string(out, tool.name);
  out += ", \"description\": ";
  append_json_string(out, tool.description);
  out += ", \"parameters\": " + tool.parameters + "}}";
  return out;
}

void append_calls(std::string& out, const std::vector<ToolCall>& calls) {
  out += '[';
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (i > 0) out += ", ";
    out += "{\"id\": ";
    append_json_string(out, calls[i].id);
    out += R"(, "type": "function", "function": {"name": )";
    append_json_string(out, calls[i].name);
    out += ", \"arguments\": ";
    append_json_string(out, calls[i].arguments);
    out += "}}";
  }
  out += ']';
}

Span make_span(SpanKind kind, std::string origin, std::string text) {
  Span span;
  span.kind = kind;
  span.origin = std::move(origin);
  span.text = std::move(text);
  span.digest = sha256(span.text);
  return span;
}

// The spans of one system message: counted as one text, so that they add up exactly.
void count_together(std::vector<Span>& spans, const TokenCounter& counter) {
  std::string text;
  std::size_t counted = 0;
  for (auto& span : spans) {
    text += span.text;
    const std::size_t total = counter.count(text);
    span.tokens = static_cast<int>(total) - static_cast<int>(counted);
    counted = total;
  }
}

bool in_system_message(SpanKind kind) {
  return kind != SpanKind::tool_schema && kind != SpanKind::message &&
         kind != SpanKind::tool_return;
}

}  // namespace

std::string_view to_string(SpanKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

Budget budget_for_window(int context_window) {
  return {context_window, std::min(1024, context_window / 8)};
}

Prefix compile_prefix(const PrefixInput& input, const TokenCounter& counter) {
  Prefix prefix;
  prefix.tools = input.tools;
  for (const auto& tool : input.tools) {
    auto span = make_span(SpanKind::tool_schema, "tool:" + tool.name, tool_text(tool));
    span.tokens = static_cast<int>(counter.count(span.text));
    prefix.spans.push_back(std::make_shared<const Span>(std::move(span)));
  }
  std::vector<Span> system;
  system.push_back(
      make_span(SpanKind::system, "system_prompt", std::string(input.system_prompt) + "\n\n"));
  for (std::size_t i = 0; i < input.blocks.size(); ++i) {
    std::string text = i == 0 ? "<core_memory>\n" : "";
    text += block_text(input.blocks[i]);
    if (i + 1 == input.blocks.size()) text += "</core_memory>\n\n";
    system.push_back(
        make_span(SpanKind::memory_block, "block:" + input.blocks[i].label, std::move(text)));
  }
  if (!input.external_memory.empty())
    system.push_back(make_span(
        SpanKind::external_memory, "external_memory",
        "<outside_context>\n" + std::string(input.external_memory) + "\n</outside_context>\n"));
  if (!input.summary.empty())
    system.push_back(make_span(SpanKind::summary, "summary",
                               "\n<summary>\n" + escape_markup(input.summary) + "\n</summary>\n"));
  count_together(system, counter);
  for (auto& span : system) prefix.spans.push_back(std::make_shared<const Span>(std::move(span)));
  for (const auto& span : prefix.spans) prefix.text_tokens += span->tokens;
  prefix.overhead_tokens = kOverheadPerRequest + kOverheadPerMessage +
                           kOverheadPerTool * static_cast<int>(input.tools.size());
  return prefix;
}

WindowMessage measure(Message message, const TokenCounter& counter, int known_tokens) {
  Span span;
  span.kind = message.role == Role::tool ? SpanKind::tool_return : SpanKind::message;
  span.origin = message.id;
  span.text = render_content(message);
  if (!message.tool_calls.empty()) {
    if (!span.text.empty()) span.text += '\n';
    append_calls(span.text, message.tool_calls);
  }
  span.digest = sha256(span.text);
  if (message.shown_bytes >= 0)
    span.cut =
        std::to_string(static_cast<std::int64_t>(message.text.size()) - message.shown_bytes) +
        " bytes of this message are in recall memory only";
  message.tokens = known_tokens >= 0 ? known_tokens : static_cast<int>(counter.count(span.text));
  span.tokens = message.tokens;
  WindowMessage measured;
  measured.overhead_tokens =
      kOverheadPerMessage + kOverheadPerCall * static_cast<int>(message.tool_calls.size());
  measured.message = std::make_shared<const Message>(std::move(message));
  span.message = measured.message;
  measured.span = std::make_shared<const Span>(std::move(span));
  return measured;
}

Context compile(const Prefix& prefix, const Window& window, Budget budget,
                const TokenCounter& counter) {
  Context context;
  context.spans.reserve(prefix.spans.size() + window.size());
  context.spans = prefix.spans;
  context.tools = prefix.tools;
  context.budget = budget;
  context.text_tokens = prefix.text_tokens;
  context.overhead_tokens = prefix.overhead_tokens;
  context.tokenizer = counter.name();
  context.exact = counter.exact();
  for (const auto& item : window) {
    context.spans.push_back(item->span);
    context.text_tokens += item->message->tokens;
    context.overhead_tokens += item->overhead_tokens;
  }
  return context;
}

Request Context::request() const {
  Request request;
  request.tools = tools;
  request.max_reply_tokens = budget.reply_reserve;
  request.messages.reserve(spans.size());
  request.messages.push_back({Role::system, "", {}, ""});
  for (const auto& pointer : spans) {
    const Span& span = *pointer;
    if (in_system_message(span.kind)) {
      request.messages.front().content += span.text;
    } else if (span.message) {
      const Message& message = *span.message;
      RequestMessage out;
      // Alerts and heartbeats travel in the user's role: many chat templates refuse a system
      // message after the first. Their packed type tells them apart.
      out.role = message.role == Role::system ? Role::user : message.role;
      out.content = message.tool_calls.empty() ? span.text : message.content;
      out.tool_calls = message.tool_calls;
      out.tool_call_id = message.tool_call_id;
      request.messages.push_back(std::move(out));
    }
  }
  return request;
}

std::string Context::to_request_json(std::string_view model, std::string_view reply_limit) const {
  const Request request = this->request();
  std::string out = "{\"model\": ";
  append_json_string(out, model);
  out += ", \"messages\": [";
  for (std::size_t i = 0; i < request.messages.size(); ++i) {
    const auto& message = request.messages[i];
    if (i > 0) out += ", ";
    out += "{\"role\": ";
    append_json_string(out, to_string(message.role));
    out += ", \"content\": ";
    if (message.content.empty() && !message.tool_calls.empty())
      out += "null";
    else
      append_json_string(out, message.content);
    if (!message.tool_calls.empty()) {
      out += ", \"tool_calls\": ";
      append_calls(out, message.tool_calls);
    }
    if (message.role == Role::tool) {
      out += ", \"tool_call_id\": ";
      append_json_string(out, message.tool_call_id);
    }
    out += '}';
  }
  out += ']';
  if (!request.tools.empty()) {
    out += ", \"tools\": [";
    for (std::size_t i = 0; i < request.tools.size(); ++i)
      out += (i > 0 ? ", " : "") + tool_text(request.tools[i]);
    out += R"(], "tool_choice": "required", "parallel_tool_calls": false)";
  }
  out += ", ";
  append_json_string(out, reply_limit);
  out += ": " + std::to_string(request.max_reply_tokens) + '}';
  return out;
}

Digest Context::digest() const { return DigestChain().digest(spans); }

Digest DigestChain::digest(const Spans& spans) {
  std::size_t same = 0;
  while (same < spans.size() && same < spans_.size() && spans[same] == spans_[same]) ++same;
  links_.resize(same);
  std::string link;
  for (std::size_t i = same; i < spans.size(); ++i) {
    const Digest previous = i == 0 ? Digest{} : links_[i - 1];
    link.assign(previous.begin(), previous.end());
    link.append(spans[i]->digest.begin(), spans[i]->digest.end());
    links_.push_back(sha256(link));
  }
  spans_ = spans;
  return links_.empty() ? Digest{} : links_.back();
}

std::string Context::draw() const {
  constexpr int width = 48;
  std::array<int, kKinds.size()> by_kind{};
  for (const auto& span : spans) by_kind[static_cast<std::size_t>(span->kind)] += span->tokens;
  const auto bar = [&](int tokens) {
    const int limit = std::max(1, budget.context_window);
    return std::string(static_cast<std::size_t>((tokens * width + limit - 1) / limit), '#');
  };
  const auto row = [&](std::string name, int tokens) {
    name.resize(16, ' ');
    std::string number = std::to_string(tokens);
    number.insert(0, number.size() < 6 ? 6 - number.size() : 0, ' ');
    return name + number + "  " + bar(tokens) + '\n';
  };
  std::string out = "context: " + std::to_string(tokens()) + " of " +
                    std::to_string(budget.limit()) + " tokens (window " +
                    std::to_string(budget.context_window) + ", " +
                    std::to_string(budget.reply_reserve) + " kept for the reply; " + tokenizer +
                    (exact ? "" : ", estimated") + ")\n";
  for (std::size_t i = 0; i < by_kind.size(); ++i)
    if (by_kind[i] > 0) out += row(std::string(kKinds[i]), by_kind[i]);
  out += row("wire (estimate)", overhead_tokens);
  out += row("free", std::max(0, budget.limit() - tokens()));
  for (const auto& pointer : spans) {
    const Span& span = *pointer;
    out += "\n-- " + std::string(to_string(span.kind)) + "  " + span.origin + "  " +
           std::to_string(span.tokens) + " tokens" +
           (span.cut.empty() ? "" : "  [" + span.cut + "]") + '\n' + span.text;
    if (!span.text.ends_with('\n')) out += '\n';
  }
  return out;
}

}  // namespace memgpt
