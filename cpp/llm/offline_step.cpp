#include "llm/offline_step.h"

#include <algorithm>

#include "memory/words.h"

namespace memgpt::offline {

Reply Step::call(std::string_view tool, json::object arguments, std::string_view thinking) const {
  const Tool* schema = turn_.tool(tool);
  const bool speaks = tool == "send_message";
  json::object all;
  if (schema != nullptr && schema->wants_thinking) all["thinking"] = json::string_view(thinking);
  for (auto& [key, value] : arguments) all[key] = std::move(value);
  if (schema == nullptr || schema->wants_heartbeat) all["request_heartbeat"] = !speaks;
  Reply reply;
  reply.tool_calls.push_back({"", std::string(tool), json::serialize(all)});
  return reply;
}

Reply Step::say(std::string_view text) const {
  const std::string spoken = "[offline] " + std::string(text);
  const bool failed = std::any_of(turn_.done.begin(), turn_.done.end(),
                                  [](const Done& d) { return d.tool == "send_message" && !d.ok; });
  if (turn_.tool("send_message") == nullptr || failed) {
    Reply reply;
    reply.content = spoken;
    return reply;
  }
  return call("send_message", {{"message", spoken}}, "Nothing is left to do but to answer.");
}

const Done* Step::find_done(std::string_view tool, std::string_view argument,
                            std::string_view value) const {
  const auto found = std::find_if(turn_.done.begin(), turn_.done.end(), [&](const Done& done) {
    return done.tool == tool && done.argument(argument) == value;
  });
  return found == turn_.done.end() ? nullptr : &*found;
}

std::optional<Reply> Step::keep(const std::vector<std::string>& texts) const {
  static constexpr std::string_view kTool = "archival_memory_insert";
  if (turn_.tool(kTool) == nullptr) return std::nullopt;
  for (const std::string& text : texts) {
    if (find_done(kTool, "content", text) != nullptr) continue;
    return call(kTool, {{"content", text}}, "They ask me to keep this.");
  }
  return std::nullopt;
}

std::optional<Reply> Step::search_with(std::string_view tool, const std::string& query, int page,
                                       std::string_view thinking) {
  last_page_ = {};
  if (turn_.tool(tool) == nullptr) return std::nullopt;
  for (const Done& done : turn_.done) {
    if (done.tool != tool || done.argument("query") != query ||
        int_or(done.arguments, "page", 0) != page) {
      continue;
    }
    if (done.ok) last_page_ = read_results(done.result, tool != "archival_memory_search");
    entries_.insert(entries_.end(), last_page_.entries.begin(), last_page_.entries.end());
    return std::nullopt;
  }
  return call(tool, {{"query", query}, {"page", page}}, thinking);
}

std::optional<Reply> Step::search_dates(const DateRange& dates) {
  static constexpr std::string_view kTool = "conversation_search_date";
  if (turn_.tool(kTool) == nullptr) return std::nullopt;
  for (const Done& done : turn_.done) {
    if (done.tool != kTool || done.argument("start_date") != dates.start) continue;
    if (!done.ok) return std::nullopt;
    const ResultPage page = read_results(done.result, true);
    entries_.insert(entries_.end(), page.entries.begin(), page.entries.end());
    return std::nullopt;
  }
  return call(kTool, {{"start_date", dates.start}, {"end_date", dates.end}, {"page", 0}},
              "They ask about a date: I look at what was said then.");
}

std::optional<Reply> Step::search(const Question& question) {
  // Search makes more of a whole question than of its words.
  const std::string query = question.text;
  if (!question.terms.empty()) {
    if (auto reply = search_with("conversation_search", query, 0,
                                 "They ask something: I search what was said.")) {
      return reply;
    }
    if (last_page_.total > last_page_.shown &&
        !has_good_entry(entries_, question, turn_.input.text)) {
      if (auto reply = search_with("conversation_search", query, 1,
                                   "The first page matches poorly: I look at one more.")) {
        return reply;
      }
    }
    if (auto reply = search_with("archival_memory_search", query, 0,
                                 "They ask something: I search archival memory.")) {
      return reply;
    }
  }
  return question.dates ? search_dates(*question.dates) : std::nullopt;
}

Reply Step::next() {
  const Input& input = turn_.input;
  if (input.type == "login") return say("Hello. " + std::string(kIntroduction));
  if (input.type == "heartbeat") return say("There is nothing left to do.");
  if (input.type.empty()) return say("There is nothing to answer.");
  if (input.type != "user_message") return say("Noted.");

  Understanding understood = understand(input.text, input.time);
  if (auto& question = understood.question; question && question->of_oneself &&
                                            turn_.several_people && !input.name.empty() &&
                                            !question->terms.empty()) {
    question->terms.push_back({input.name, {}, {stem(words(input.name + " x").front())}});
    question->text += " (" + input.name + ')';
  }
  if (auto reply = keep(understood.keep)) return *reply;
  collect_facts(understood.statements);
  if (auto reply = store_facts()) return *reply;
  if (understood.question) {
    if (auto reply = search(*understood.question)) return *reply;
  }
  std::string text = report_storing(understood.keep);
  if (const std::string failures = report_failures(); !failures.empty()) {
    text = append_word(std::move(text), "\n", failures);
  }
  if (understood.question) {
    text = append_word(std::move(text), "\n", answer(*understood.question));
  }
  if (!text.empty()) return say(text);
  return say(turn_.introduced ? "Noted." : "Noted. " + std::string(kIntroduction));
}

}  // namespace memgpt::offline
