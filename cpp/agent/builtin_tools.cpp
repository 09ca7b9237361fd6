#include "agent/builtin_tools.h"

#include <charconv>
#include <chrono>
#include <functional>

#include "agent/agent.h"
#include "error.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr int kPageSize = 10;

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

std::string recall_text(const RecallPage& page, int number) {
  if (page.total == 0) return "No messages match.";
  std::string out = header(page.hits.size(), page.total, "matching messages", number);
  for (const auto& hit : page.hits) {
    const Message& message = hit.message;
    out += "\n[" + format_time(message.time_us) + "] " +
           (message.name.empty() ? std::string(to_string(message.role)) : message.name) + ": " +
           message.text;
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
  const int page = page_of(arguments);
  query.limit = kPageSize;
  query.offset = page * kPageSize;
  return {false, recall_text(scope.search_recall(query), page)};
}

// "2023-05-08" or "2023-05-08 13:56", UTC; with end, a date means the end of that day.
TimeUs parse_date(const std::string& text, const char* name, bool end) {
  using namespace std::chrono;
  int field[5] = {0, 0, 0, 0, 0};
  const char* at = text.data();
  const char* const last = at + text.size();
  int count = 0;
  for (; count < 5 && at < last; ++count) {
    const auto [next, error] = std::from_chars(at, last, field[count]);
    if (error != std::errc()) break;
    at = next < last ? next + 1 : next;
  }
  const year_month_day date{year(field[0]), month(static_cast<unsigned>(field[1])),
                            day(static_cast<unsigned>(field[2]))};
  const bool dated = count == 3 || count == 5;
  const bool clock = field[3] >= 0 && field[3] < 24 && field[4] >= 0 && field[4] < 60;
  if (!dated || !date.ok() || !clock || at != last)
    throw InvalidInput(std::string(name) +
                       " must be a date like 2023-05-08 or a time like "
                       "2023-05-08 13:56, not \"" +
                       std::string(utf8_prefix(text, 40)) + "\"");
  const auto time = sys_days(date) + hours(field[3]) + minutes(field[4]);
  const auto span =
      !end ? microseconds(0) : (count == 3 ? microseconds(days(1)) : microseconds(minutes(1)));
  return duration_cast<microseconds>(time.time_since_epoch() + span).count();
}

ToolResult conversation_search_date(ToolScope& scope, const json::object& arguments) {
  RecallQuery query;
  query.start = parse_date(string_or(arguments, "start_date"), "start_date", false);
  query.end = parse_date(string_or(arguments, "end_date"), "end_date", true);
  if (*query.start >= *query.end)
    throw InvalidInput("start_date lies after end_date: turn them round");
  const int page = page_of(arguments);
  query.limit = kPageSize;
  query.offset = page * kPageSize;
  return {false, recall_text(scope.search_recall(query), page)};
}

ToolResult archival_memory_insert(ToolScope& scope, const json::object& arguments) {
  std::vector<std::string> tags;
  if (const auto* given = arguments.if_contains("tags"); given != nullptr && given->is_array())
    for (const auto& tag : given->as_array())
      if (tag.is_string()) tags.emplace_back(tag.as_string());
  scope.insert_passage(string_or(arguments, "content"), std::move(tags));
  return {false, "stored in archival memory"};
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
  for (const auto& hit : found.hits)
    out += "\n[" + format_time(hit.passage.time_us) + "] " + hit.passage.text;
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
  add("conversation_search",
      "Search all past messages by words. Best matches first; \"...\" is a phrase.", kQueryPage,
      conversation_search);
  add("conversation_search_date", "List past messages of a span of time, newest first.",
      R"({"type": "object", "properties": {"start_date": {"type": "string", "description": "YYYY-MM-DD"}, "end_date": {"type": "string", "description": "YYYY-MM-DD, included"}, "page": {"type": "integer", "description": "0 is the first page."}}, "required": ["start_date", "end_date"]})",
      conversation_search_date);
  add("archival_memory_insert", "File a text in archival memory, for ever.",
      R"({"type": "object", "properties": {"content": {"type": "string", "description": "A text that can be understood by itself."}, "tags": {"type": "array", "items": {"type": "string"}}}, "required": ["content"]})",
      archival_memory_insert);
  add("archival_memory_search", "Search archival memory by meaning.", kQueryPage,
      archival_memory_search);
  return tools;
}

// ToolScope: what the bodies above may do.

void ToolScope::insert_passage(const std::string& text, std::vector<std::string> tags) {
  writes_.file(agent_.make_passage(text, std::move(tags), "{}", "agent", Trust::model));
}

RecallPage ToolScope::search_recall(RecallQuery query) const {
  query.before_position = turn_begin_;
  auto page = memgpt::search_recall(*agent_.home_->journal(), writes_.state.agent.head, query);
  for (const auto& hit : page.hits) found_.push_back(hit.message.text);
  return page;
}

ArchivalPage ToolScope::search_archival(const std::string& text, ArchivalQuery query) const {
  query.vector = agent_.embed_query(text);
  const auto embedder = agent_.parts()->embedder;
  const AgentRow& agent = writes_.state.agent;
  auto page = agent_.home_->indexes().search(*agent_.home_->journal(), agent.archive,
                                             embedder ? embedder->name() : "", agent.head, query);
  for (const auto& hit : page.hits) found_.push_back(hit.passage.text);
  return page;
}

}  // namespace memgpt
