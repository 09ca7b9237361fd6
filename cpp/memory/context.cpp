#include "memory/context.h"

#include <algorithm>
#include <array>

namespace memgpt {

namespace {

constexpr int kDecay = 16;

// Where a span's text stands in a request: the spans of one place follow the same bytes.
enum class Place { tools, system, messages };

Place place_of(const Span& span) {
  if (span.kind == SpanKind::tool_schema) return Place::tools;
  return span.message ? Place::messages : Place::system;
}

// What the text of `now` begins with that stands in the request before, too, all before these spans
// being the same.
std::string_view shared_beginning(const Span& before, const Span& now) {
  if (place_of(before) != place_of(now)) return {};
  if (now.message) {
    const RequestMessage then = request_message(before);
    const RequestMessage message = request_message(now);
    // The role stands before the text. What has calls is no single text in the request.
    if (then.role != message.role || !then.tool_calls.empty() || !message.tool_calls.empty())
      return {};
  }
  return common_prefix(now.text, before.text);
}

}  // namespace

Budget budget_for_window(int context_window, int correction, int reply_tokens) {
  const int reserve = reply_tokens > 0 ? std::min(reply_tokens, std::max(1, context_window / 4))
                                       : std::min(1024, context_window / 8);
  return {context_window, reserve, correction};
}

int next_correction(int correction, int counted, int reported) {
  if (reported < 0 || counted <= 0) return correction;
  const std::int64_t ratio = (std::int64_t{reported} * kNoCorrection + counted - 1) / counted;
  const auto now = static_cast<int>(
      std::clamp(ratio, std::int64_t{kNoCorrection}, std::int64_t{kMostCorrection}));
  if (now >= correction) return now;
  return correction - std::max(1, (correction - now) / kDecay);
}

Context compile(std::shared_ptr<const Prefix> prefix, Window window, Budget budget,
                const TokenCounter& counter) {
  Context context;
  context.text_tokens = prefix->text_tokens + window.text_tokens();
  context.overhead_tokens = prefix->overhead_tokens + window.overhead_tokens();
  context.prefix = std::move(prefix);
  context.window = std::move(window);
  context.budget = budget;
  context.tokenizer = counter.name();
  context.exact = counter.exact();
  return context;
}

Spans Context::spans() const {
  Spans all = prefix->spans;
  all.reserve(span_count());
  for (const auto& item : window) all.push_back(item->span);
  return all;
}

Request Context::request() const {
  Request request;
  request.tools = prefix->tools->schemas;
  request.max_reply_tokens = budget.reply_reserve;
  request.messages.reserve(1 + window.size());
  request.messages.push_back({Role::system, "", {}, ""});
  for (const auto& span : prefix->spans)
    if (span->kind != SpanKind::tool_schema) request.messages.front().content += span->text;
  for (const auto& item : window) request.messages.push_back(request_message(*item->span));
  return request;
}

std::string Context::to_request_json(const RequestForm& form) const {
  const std::string_view tools = form.tools.value_or(prefix->tools->wire);
  std::string out;
  out.reserve(prefix->wire.size() + tools.size() + window.wire_bytes() + form.model.size() * 2 +
              form.more.size() + 128);
  out += "{\"model\": ";
  append_json_string(out, form.model);
  out += ", \"messages\": [";
  out += prefix->wire;
  window.append_wire(out);
  out += ']';
  out += tools;
  out += ", ";
  append_json_string(out, form.reply_limit);
  out += ": " + std::to_string(budget.reply_reserve);
  out += form.more;
  out += '}';
  return out;
}

Digest Context::digest() const { return DigestChain().digest(*this); }

Digest DigestChain::digest(const Context& context) {
  const Spans& before = context.prefix->spans;
  std::size_t same = 0;
  if (prefix_) {
    const Spans& last = prefix_->spans;
    while (same < before.size() && same < last.size() && before[same]->digest == last[same]->digest)
      ++same;
    if (same == before.size() && same == last.size()) same += window_.shared_with(context.window);
  }
  links_.resize(same);
  std::string link;
  for (std::size_t i = same; i < context.span_count(); ++i) {
    const Digest previous = i == 0 ? Digest{} : links_[i - 1];
    const Digest& own = context.span(i)->digest;
    link.assign(previous.begin(), previous.end());
    link.append(own.begin(), own.end());
    links_.push_back(sha256(link));
  }
  prefix_ = context.prefix;
  window_ = context.window;
  return links_.empty() ? Digest{} : links_.back();
}

SharedPrefix shared_prefix(const Context& before, const Context& now, const TokenCounter* counter) {
  const Spans& then = before.prefix->spans;
  const Spans& spans = now.prefix->spans;
  const auto is_same = [](const auto& a, const auto& b) {
    return a == b || (a->kind == b->kind && a->digest == b->digest);
  };
  std::size_t same = 0;
  while (same < then.size() && same < spans.size() && is_same(then[same], spans[same])) ++same;
  if (same == then.size() && same == spans.size()) {
    // A message's role and ids are not in its text: its place in the request has them.
    std::size_t next = before.window.shared_with(now.window);
    while (next < before.window.size() && next < now.window.size() &&
           before.window[next]->wire == now.window[next]->wire)
      ++next;
    same += next;
  }
  SharedPrefix shared{static_cast<int>(same), now.text_tokens, ""};
  for (std::size_t i = same; i < now.span_count(); ++i) shared.tokens -= now.span(i)->tokens;
  if (same == before.span_count()) return shared;
  shared.broken = before.span(same)->origin;
  if (counter == nullptr || same == now.span_count()) return shared;
  const Span& next = *now.span(same);
  const auto text = shared_beginning(*before.span(same), next);
  if (!text.empty()) shared.tokens += std::min(static_cast<int>(counter->count(text)), next.tokens);
  return shared;
}

std::string Context::draw() const {
  constexpr int width = 48;
  const Spans spans = this->spans();
  std::array<int, kSpanKinds> by_kind{};
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
  const int thousandths = budget.correction - kNoCorrection;
  const std::string corrected = thousandths == 0 ? ""
                                                 : ", " + std::to_string((thousandths + 9) / 10) +
                                                       " % more as the provider counts";
  std::string out = "context: " + std::to_string(tokens()) + " of " +
                    std::to_string(budget.limit()) + " tokens (window " +
                    std::to_string(budget.context_window) + ", " +
                    std::to_string(budget.reply_reserve) + " kept for the reply; " + tokenizer +
                    (exact ? "" : ", estimated") + corrected + ")\n";
  for (std::size_t i = 0; i < by_kind.size(); ++i)
    if (by_kind[i] > 0) out += row(std::string(to_string(static_cast<SpanKind>(i))), by_kind[i]);
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
