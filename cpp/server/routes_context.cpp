// The context window: what it holds, what it would be sent as, and room made in it.
#include "server/api.h"
#include "server/message_bodies.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr const char* kFlag = R"({"type": "boolean"})";
constexpr std::string_view kObject = R"({"type": "object"})";

// A message as it stands in the window, in the form of the server's own rows.
json::object raw_message(const Message& message, const Span& span, const std::string& agent_id) {
  const auto request = request_message(span);
  json::array calls;
  for (const auto& call : request.tool_calls)
    calls.push_back({{"id", call.id},
                     {"type", "function"},
                     {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  json::array content;
  if (!request.content.empty()) content.push_back({{"type", "text"}, {"text", request.content}});
  json::object out = {{"id", message.id},
                      {"role", to_string(request.role)},
                      {"content", std::move(content)},
                      {"name", text_or_null(message.name)},
                      {"agent_id", agent_id},
                      {"created_at", wire_time(message.time_us)},
                      {"tool_calls", calls.empty() ? json::value() : json::value(std::move(calls))},
                      {"tool_call_id", text_or_null(request.tool_call_id)},
                      {"tool_returns", json::array()}};
  for (const char* none : {"model", "otid", "sender_id", "step_id", "group_id", "batch_item_id",
                           "updated_at", "created_by_id", "last_updated_by_id"})
    out[none] = nullptr;
  return out;
}

// What the spans of a kind say, and take.
struct Parts {
  std::string text;
  int tokens = 0;
  void add(const Span& span) {
    text += span.text;
    tokens += span.tokens;
  }
};

ServerResponse overview(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  const auto context = agent->context();
  const auto state = agent->state();
  Parts system;
  Parts blocks;
  Parts outside;
  Parts summary;
  Parts tools;
  json::array messages;
  for (const auto& span : context.prefix->spans) switch (span->kind) {
      case SpanKind::tool_schema: tools.add(*span); break;
      case SpanKind::memory_block: blocks.add(*span); break;
      case SpanKind::external_memory: outside.add(*span); break;
      case SpanKind::summary: summary.add(*span); break;
      default: system.add(*span);
    }
  for (const auto& item : context.window)
    messages.push_back(raw_message(*item->message, *item->span, agent->id()));
  json::array functions;
  for (const auto& tool : context.prefix->tools->schemas)
    functions.push_back({{"type", "function"},
                         {"function",
                          {{"name", tool.name},
                           {"description", tool.description},
                           {"parameters", object_of(tool.parameters)},
                           {"strict", false}}}});
  // What the wire's form adds stands where it is added, so that the parts make up the whole.
  return {200, json::serialize(json::object{
                   {"context_window_size_max", context.budget.context_window},
                   {"context_window_size_current", context.tokens()},
                   {"num_messages", context.window.size()},
                   {"num_archival_memory", state.passages},
                   {"num_recall_memory", state.next_position},
                   {"num_tokens_external_memory_summary", outside.tokens},
                   {"external_memory_summary", outside.text},
                   {"num_tokens_system", system.tokens + context.prefix->overhead_tokens},
                   {"system_prompt", system.text},
                   {"num_tokens_core_memory", blocks.tokens},
                   {"core_memory", blocks.text},
                   {"num_tokens_summary_memory", summary.tokens},
                   {"summary_memory", text_or_null(summary.text)},
                   {"num_tokens_functions_definitions", tools.tokens},
                   {"functions_definitions", std::move(functions)},
                   {"num_tokens_messages", context.window.tokens()},
                   {"messages", std::move(messages)}})};
}

// It is compiled anew with whatever changes it: there is nothing to be written for it.
ServerResponse recompile(ServerApi& api, Call& call) {
  static_cast<void>(call.asked_flag("dry_run", false));
  static_cast<void>(call.asked_flag("update_timestamp", false));
  const auto request = api.agent(call.at("agent_id"))->context().request();
  return {200, json::serialize(json::value(request.messages.front().content))};
}

ServerResponse summarize(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  static_cast<void>(call.asked_int("max_message_length", 0, 0, 1'000'000'000));
  if (const auto* settings = body::object(call.body(), "compaction_settings")) {
    const auto config = agent->config();
    const auto& writer = config.summarizer.empty() ? config.model : config.summarizer;
    if (body::text(*settings, "model").value_or(writer) != writer ||
        body::text(*settings, "prompt"))
      throw Refusal(501,
                    "compaction with a model or prompt of its own is not served: summaries are "
                    "written by \"" +
                        writer + "\"; leave out \"model\" and \"prompt\"");
  }
  const auto done = agent->compact();
  const auto state = agent->state();
  return {200, json::serialize(json::object{{"summary", state.summary ? state.summary->text : ""},
                                            {"num_messages_before", done.before},
                                            {"num_messages_after", done.after}})};
}

ServerResponse preview(ServerApi& api, Call& call) {
  const auto agent = api.agent(call.at("agent_id"));
  const auto& body = call.body();
  refuse_unserved(body);
  const bool given =
      body::find(body, "messages") != nullptr || body::find(body, "input") != nullptr;
  return {200, agent->payload_with(given ? inputs_of(body) : std::vector<Input>())};
}

}  // namespace

void add_context_routes(Router& router, ServerApi& api) {
  router.add({"GET",
              "/v1/agents/{agent_id}/context",
              "retrieve_agent_context_window",
              "What the context window of an agent holds",
              answering([&api](Call& call) { return overview(api, call); }),
              {},
              {},
              kObject});
  router.add({"POST",
              "/v1/agents/{agent_id}/recompile",
              "recompile_agent",
              "The system message as it is compiled now: it always is what is sent",
              api.in_line([&api](Call& call) { return recompile(api, call); }),
              {{"dry_run", kFlag}, {"update_timestamp", kFlag}},
              {},
              R"({"type": "string"})"});
  router.add({"POST",
              "/v1/agents/{agent_id}/summarize",
              "summarize_messages",
              "Make room in the window: what goes is summarised",
              api.in_line([&api](Call& call) { return summarize(api, call); }),
              {{"max_message_length", R"({"type": "integer"})"}},
              R"({"type": "object", "properties": {
                "compaction_settings": {"type": ["object", "null"]}}})",
              R"({"type": "object", "properties": {"summary": {"type": "string"},
                "num_messages_before": {"type": "integer"},
                "num_messages_after": {"type": "integer"}},
                "required": ["summary", "num_messages_before", "num_messages_after"]})"});
  router.add({"POST",
              "/v1/agents/{agent_id}/messages/preview-raw-payload",
              "preview_raw_payload",
              "The request that these messages would be sent with: nothing is written",
              answering([&api](Call& call) { return preview(api, call); }),
              {},
              R"({"type": "object", "properties": {"messages": {"type": ["array", "null"],
                "items": {"type": "object"}}, "input": {}}})",
              kObject});
}

}  // namespace memgpt
