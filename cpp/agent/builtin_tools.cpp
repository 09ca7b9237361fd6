#include "agent/builtin_tools.h"

#include <functional>
#include <unordered_set>

#include "agent/agent.h"
#include "error.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr int kPageSize = 10;
constexpr std::size_t kShownBytes = 600;  // of a message or passage
constexpr int kMostAround = 5;

class BuiltinTool final : public Tool {
 public:
  using Body = std::function<ToolResult(ToolScope&, const json::object&)>;
  BuiltinTool(ToolSchema schema, Body body) : schema_(std::move(schema)), body_(std::move(body)) {}
  [[nodiscard]] const ToolSchema& schema() const override { return schema_; }
  [[nodiscard]] ToolResult run(ToolScope& scope, const json::object& arguments) override {
    return body_(scope, arguments);
  }

 private:
  ToolSchema schema_;
  Body body_;
};

int page_of(const json::object& arguments) {
  const auto page = int_or(arguments, "page", 0);
  if (page < 0 || page > 100'000) throw InvalidInput("page must be 0 or more; the first page is 0");
  return static_cast<int>(page);
}

std::string header(std::size_t shown, std::int64_t total, const char* what, int page) {
  return std::to_string(shown) + " of " + std::to_string(total) + " " + what + " (page " +
         std::to_string(page) + "):";
}

// A long text would push the others out: its best piece will do. A line that could pose as an entry
// of its own is indented.
std::string shown_text(const std::string& text, const QueryTerms& query) {
  const auto piece =
      text.size() <= kShownBytes ? text : make_snippet(text, query, kShownBytes).text;
  std::string out;
  for (std::size_t i = 0; i < piece.size(); ++i) {
    out += piece[i];
    if (piece[i] != '\n') continue;
    const auto next = piece.find_first_not_of(" \t\r", i + 1);
    if (next != std::string::npos && piece[next] == '[') out += "    ";
  }
  return out;
}

std::string recall_text(const RecallPage& page, const RecallQuery& query, int number,
                        const ToolScope& scope) {
  if (page.total == 0) return "No messages match.";
  std::string out = header(page.hits.size(), page.total, "matching messages", number);
  const QueryTerms terms(query.text, query.ranking);
  std::unordered_set<std::int64_t> shown;  // a neighbour of several hits, or a hit itself: once
  const auto add = [&](const Message& message, const char* before) {
    out += before + ('[' + scope.shown_time(message.time_us)) + "] " +
           (message.name.empty() ? std::string(to_string(message.role)) : message.name) + ": " +
           shown_text(message.text, terms);
  };
  const auto add_new = [&](const Message& message, const char* before) {
    if (shown.insert(message.position).second) add(message, before);
  };
  for (const auto& hit : page.hits) {
    for (const auto& message : hit.before) add_new(message, "\n  ");
    add_new(hit.message, "\n");
    for (const auto& message : hit.after) add_new(message, "\n  ");
  }
  return out;
}

ToolResult send_message(ToolScope&, const json::object& arguments) {
  if (is_blank(string_or(arguments, "message")))
    throw InvalidInput("message is empty: say something or call another tool");
  return {false, "delivered"};
}

ToolResult conversation_search(ToolScope& scope, const json::object& arguments) {
  RecallQuery query;
  query.text = string_or(arguments, "query");
  if (is_blank(query.text)) throw InvalidInput("query is empty: give words to search for");
  const auto around = int_or(arguments, "around", 0);
  if (around < 0 || around > kMostAround)
    throw InvalidInput("around must be from 0 to " + std::to_string(kMostAround));
  query.neighbours = static_cast<int>(around);
  const int page = page_of(arguments);
  query.limit = kPageSize;
  query.offset = page * kPageSize;
  return {false, recall_text(scope.search_recall(query), query, page, scope)};
}

UtcSpan date_of(const ToolScope& scope, const json::object& arguments, const char* name) {
  try {
    return scope.date_span(string_or(arguments, name));
  } catch (const InvalidInput& error) {
    throw InvalidInput(std::string(name) + ": " + error.what());
  }
}

ToolResult conversation_search_date(ToolScope& scope, const json::object& arguments) {
  RecallQuery query;
  query.start = date_of(scope, arguments, "start_date").begin;
  query.end = date_of(scope, arguments, "end_date").end;
  if (*query.start >= *query.end)
    throw InvalidInput("start_date lies after end_date: turn them round");
  const int page = page_of(arguments);
  query.limit = kPageSize;
  query.offset = page * kPageSize;
  return {false, recall_text(scope.search_recall(query), query, page, scope)};
}

ToolResult archival_memory_insert(ToolScope& scope, const json::object& arguments) {
  std::vector<std::string> tags;
  if (const auto* given = arguments.if_contains("tags"); given != nullptr && given->is_array())
    for (const auto& tag : given->as_array())
      if (tag.is_string()) tags.emplace_back(tag.as_string());
  scope.insert_passage(string_or(arguments, "content"), std::move(tags));
  return {false, "stored in archival memory"};
}

// Of a passage that others may have filed: where, and by whom. On one line.
std::string shown_source(const ArchivalHit& hit) {
  if (hit.archive.empty()) return "";
  std::string out = ", " + hit.archive + ", by " + hit.passage.author;
  for (char& c : out)
    if (c == '\n' || c == '\r' || c == ']') c = ' ';
  return out;
}

ToolResult archival_memory_search(ToolScope& scope, const json::object& arguments) {
  const auto text = string_or(arguments, "query");
  if (is_blank(text)) throw InvalidInput("query is empty: give words to search for");
  const int page = page_of(arguments);
  ArchivalQuery query;
  query.limit = kPageSize;
  query.offset = page * kPageSize;
  const auto found = scope.search_archival(text, query);
  if (found.total == 0) return {false, "Archival memory is empty."};
  std::string out = header(found.hits.size(), found.total, "passages", page);
  const QueryTerms terms(text, query.ranking);
  for (const auto& hit : found.hits)
    out += "\n[" + scope.shown_time(hit.passage.time_us) + shown_source(hit) + "] " +
           shown_text(hit.passage.text, terms);
  return {false, out};
}

constexpr const char* kQueryPage =
    R"({"type": "object", "properties": {"query": {"type": "string", "description": "Words to search for."}, "page": {"type": "integer", "description": "0 is the first page."}}, "required": ["query"]})";

}  // namespace

std::vector<std::shared_ptr<Tool>> builtin_tools() {
  std::vector<std::shared_ptr<Tool>> tools;
  const auto add = [&](const char* name, const char* description, const char* parameters,
                       BuiltinTool::Body body) {
    tools.push_back(
        std::make_shared<BuiltinTool>(ToolSchema{name, description, parameters}, std::move(body)));
  };
  add("send_message", "Say something to the user.",
      R"({"type": "object", "properties": {"message": {"type": "string", "description": "What to say."}}, "required": ["message"]})",
      send_message);
  add("conversation_search", "Search all past messages. Best matches first; \"...\" is a phrase.",
      R"({"type": "object", "properties": {"query": {"type": "string", "description": "A question or words."}, "page": {"type": "integer", "description": "0 is the first page."}, "around": {"type": "integer", "description": "Messages around each."}}, "required": ["query"]})",
      conversation_search);
  add("conversation_search_date", "List past messages of a span of time, newest first.",
      R"({"type": "object", "properties": {"start_date": {"type": "string", "description": "YYYY-MM-DD, last week"}, "end_date": {"type": "string", "description": "Included"}, "page": {"type": "integer", "description": "0 is the first page."}}, "required": ["start_date", "end_date"]})",
      conversation_search_date);
  add("archival_memory_insert", "File a text in archival memory, for ever.",
      R"({"type": "object", "properties": {"content": {"type": "string", "description": "A text that can be understood by itself."}, "tags": {"type": "array", "items": {"type": "string"}}}, "required": ["content"]})",
      archival_memory_insert);
  add("archival_memory_search", "Search archival memory by words and meaning.", kQueryPage,
      archival_memory_search);
  return tools;
}

// ToolScope: what the bodies above may do.

void ToolScope::insert_passage(const std::string& text, std::vector<std::string> tags) {
  auto passage =
      checked_passage({text, std::move(tags), "{}", std::nullopt}, agent_.filing("agent"));
  embed(passage, agent_.parts()->embedder.get());
  writes_.file(std::move(passage));
}

UtcSpan ToolScope::date_span(const std::string& text) const {
  return parse_date_in(text, agent_.now_us(), agent_.clocks());
}

std::string ToolScope::shown_time(TimeUs time_us) const {
  try {
    return format_local(time_us, agent_.clocks());
  } catch (const ConfigError&) {  // a zone that this machine does not know must not end a search
    return format_time(time_us);
  }
}

RecallPage ToolScope::search_recall(RecallQuery query) const {
  query.before_position = turn_begin_;
  query.times = agent_.asked_times(query.text, agent_.now_us());
  auto page =
      agent_.home_->recall().search(*agent_.home_->journal(), writes_.state.agent.head, query);
  for (const auto& hit : page.hits) found_.push_back(hit.message.text);
  return page;
}

ArchivalPage ToolScope::search_archival(const std::string& text, ArchivalQuery query) const {
  const auto views = agent_.views_of(writes_.state.agent, query.archive);
  const auto pending = Agent::pending_of(writes_.commit, views);
  auto page = agent_.search_archival_at(views, text, std::move(query), pending);
  for (const auto& hit : page.hits) found_.push_back(hit.passage.text);
  return page;
}

}  // namespace memgpt
