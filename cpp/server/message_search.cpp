#include "server/message_search.h"

#include <algorithm>
#include <set>
#include <utility>

#include "agent/agent_config.h"
#include "server/message_list.h"
#include "server/refusal.h"
#include "server/sent_words.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr double kFusion = 60;        // of reciprocal ranks
constexpr std::int64_t kChunk = 256;  // messages that are read at once

std::vector<AgentRow> rows_of(ServerApi& api, const std::optional<std::string>& agent_id) {
  if (agent_id) return {api.home().journal()->agent_row(api.agent(*agent_id)->id())};
  return api.home().journal()->agents();
}

AgentConfig config_of(ServerApi& api, const AgentRow& row) {
  return agent_config_from_json(api.home().journal()->newest_config(row.id));
}

// The best of one agent.
std::vector<RecallHit> hits_of(ServerApi& api, const AgentRow& row, RecallQuery query) {
  const auto config = config_of(api, row);
  const auto& outside = api.home().environment().outside;
  query.times = asked_times_on(clocks_of(config.timezone, outside), query.text, api.now_us());
  const auto from = first_listed(config);
  const auto wanted = static_cast<std::size_t>(query.limit);
  std::vector<RecallHit> hits;
  for (;;) {
    auto page = api.home().recall().search(*api.home().journal(), row.head, query);
    for (auto& hit : page.hits)
      if (hit.message.position >= from && hits.size() < wanted) hits.push_back(std::move(hit));
    query.offset += query.limit;
    if (hits.size() == wanted || page.total <= query.offset) return hits;
  }
}

std::string_view type_of(Role role) {
  switch (role) {
    case Role::user: return "user_message";
    case Role::system: return "system_message";
    case Role::tool: return "tool_return_message";
    case Role::assistant: break;
  }
  return "assistant_message";
}

json::value calls_of(const Message& message) {
  if (message.tool_calls.empty()) return nullptr;
  json::array calls;
  for (const auto& call : message.tool_calls)
    calls.push_back({{"id", call.id},
                     {"type", "function"},
                     {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  return calls;
}

json::array returns_of(const Message& message) {
  json::array returns;
  if (message.role == Role::tool)
    returns.push_back({{"tool_call_id", message.tool_call_id},
                       {"status", message.failed ? "error" : "success"},
                       {"func_response", message.text},
                       {"stdout", nullptr},
                       {"stderr", nullptr}});
  return returns;
}

// The message as it is kept, in the words of the older generation.
json::object kept_json(const FoundMessage& found) {
  const auto& message = found.hit.message;
  return {{"id", message.id},
          {"agent_id", found.agent_id},
          {"role", to_string(message.role)},
          {"content", json::array{json::object{{"type", "text"}, {"text", message.text}}}},
          {"name", text_or_null(message.name)},
          {"model", nullptr},
          {"tool_calls", calls_of(message)},
          {"tool_call_id", text_or_null(message.tool_call_id)},
          {"tool_returns", returns_of(message)},
          {"step_id", nullptr},
          {"run_id", nullptr},
          {"otid", part_id(message.id, 0)},
          {"group_id", nullptr},
          {"sender_id", nullptr},
          {"batch_item_id", nullptr},
          {"is_err", message.failed},
          {"approval_request_id", nullptr},
          {"approve", nullptr},
          {"denial_reason", nullptr},
          {"created_at", wire_time(message.time_us)},
          {"updated_at", wire_time(message.time_us)},
          {"created_by_id", nullptr},
          {"last_updated_by_id", nullptr}};
}

// Adds the parts of messages to a JSON array.
class Parts {
 public:
  Parts(ServerApi& api, const MessageForm& form) : journal_(api.home().journal()), form_(form) {}
  // False where the form wants none of them.
  bool add(const LoggedMessage& logged, bool newest_first) {
    const MessagePlace place{logged.place, turn_input(*journal_, logged.head, logged.place),
                             sent_words(*journal_, logged.message)};
    std::vector<std::string> parts;
    split_message(logged.message, place, form_,
                  [&](std::string_view, std::string&& part) { parts.push_back(std::move(part)); });
    if (newest_first) std::reverse(parts.begin(), parts.end());
    for (const auto& part : parts) text_ += (text_.size() > 1 ? ", " : "") + part;
    return !parts.empty();
  }
  [[nodiscard]] std::string text() const { return text_ + ']'; }

 private:
  std::shared_ptr<Journal> journal_;
  const MessageForm& form_;
  std::string text_ = "[";
};

}  // namespace

std::vector<LogView> logs_of(ServerApi& api, const std::optional<std::string>& agent_id) {
  std::vector<LogView> logs;
  for (const auto& row : rows_of(api, agent_id))
    logs.push_back({row.id, row.head, first_listed(config_of(api, row))});
  return logs;
}

std::vector<FoundMessage> search_messages(ServerApi& api, const RecallQuery& query,
                                          const std::optional<std::string>& agent_id) {
  std::vector<FoundMessage> all;
  std::set<std::string> ids;  // what a fork shares is found once
  for (const auto& row : rows_of(api, agent_id))
    for (auto& hit : hits_of(api, row, query))
      if (ids.insert(hit.message.id).second) all.push_back({std::move(hit), row.id});
  std::stable_sort(all.begin(), all.end(), [](const FoundMessage& a, const FoundMessage& b) {
    return std::pair(a.hit.score, a.hit.message.time_us) >
           std::pair(b.hit.score, b.hit.message.time_us);
  });
  const auto wanted = static_cast<std::size_t>(query.limit);
  if (all.size() > wanted) all.erase(all.begin() + static_cast<std::ptrdiff_t>(wanted), all.end());
  return all;
}

json::object found_json(const FoundMessage& found) {
  const auto& message = found.hit.message;
  return {{"message_type", type_of(message.role)},
          {"message_id", message.id},
          {"agent_id", found.agent_id},
          {"conversation_id", nullptr},
          {"created_at", wire_time(message.time_us)},
          {"content", message.text},
          {"score", found.hit.score},
          {"search_mode", kRecallMode}};
}

json::object ranked_json(const FoundMessage& found, int rank) {
  return {{"embedded_text", found.hit.message.text},
          {"message", kept_json(found)},
          {"fts_rank", rank},
          {"vector_rank", nullptr},
          {"rrf_score", 1 / (kFusion + rank)},
          {"search_mode", kRecallMode}};
}

std::string all_messages_page(ServerApi& api, const Page& page, const MessageForm& form) {
  const auto logs = logs_of(api, std::nullopt);
  ListRange range{page.after, page.before, kChunk, page.ascending};
  const bool forward = range.forward();
  // Those that the form wants, as they are read: with `before` alone, the last of the page first.
  std::vector<LoggedMessage> shown;
  for (bool more = true; more && std::ssize(shown) < page.limit;) {
    auto chunk = api.home().journal()->list_messages(logs, range);
    more = std::ssize(chunk) == range.limit;
    const bool backwards = forward != range.ascending;
    if (backwards) std::reverse(chunk.begin(), chunk.end());
    if (more) (backwards ? range.before : range.after) = chunk.back().message.id;
    for (auto& logged : chunk)
      if (std::ssize(shown) < page.limit && Parts(api, form).add(logged, false))
        shown.push_back(std::move(logged));
  }
  if (forward != page.ascending) std::reverse(shown.begin(), shown.end());
  Parts parts(api, form);
  for (const auto& logged : shown) parts.add(logged, !page.ascending);
  return parts.text();
}

std::string one_message(ServerApi& api, const std::string& id) {
  const auto found = api.home().journal()->find_message(logs_of(api, std::nullopt), id);
  if (!found) throw Refusal(404, "Message with id " + id + " not found");
  const MessageForm form;
  Parts parts(api, form);
  parts.add(*found, false);
  return parts.text();
}

}  // namespace memgpt
