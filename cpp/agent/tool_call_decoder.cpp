#include "agent/tool_call_decoder.h"

#include <algorithm>
#include <set>

#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::size_t kLongestName = 64;

std::string tool_names(const ToolMap& tools) {
  std::string names;
  for (const auto& [name, tool] : tools) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "none" : names;
}

// Models write booleans in many ways; anything but a clear yes is a no.
bool is_true(const json::value& value) {
  if (value.is_bool()) return value.as_bool();
  return value.is_string() && (value.as_string() == "true" || value.as_string() == "True");
}

}  // namespace

std::string reply_to_json(const Reply& reply) {
  json::array calls;
  for (const auto& call : reply.tool_calls)
    calls.push_back({{"id", valid_utf8(call.id)},
                     {"name", valid_utf8(call.name)},
                     {"arguments", valid_utf8(call.arguments)}});
  json::object object = {{"tool_calls", std::move(calls)}};
  if (!reply.content.empty()) object["content"] = valid_utf8(reply.content);
  if (!reply.thinking.empty()) object["thinking"] = valid_utf8(reply.thinking);
  return json::serialize(object);
}

std::optional<Reply> reply_from_json(std::string_view text) {
  boost::system::error_code error;
  const auto value = json::parse(text, error);
  const auto* object = error ? nullptr : value.if_object();
  const auto* calls = object == nullptr ? nullptr : object->if_contains("tool_calls");
  if (calls == nullptr || !calls->is_array()) return std::nullopt;
  Reply reply;
  reply.content = string_or(*object, "content");
  reply.thinking = string_or(*object, "thinking");
  for (const auto& item : calls->get_array()) {
    const auto* call = item.if_object();
    if (call == nullptr) return std::nullopt;
    reply.tool_calls.push_back(
        {string_or(*call, "id"), string_or(*call, "name"), string_or(*call, "arguments")});
  }
  return reply;
}

std::string sendable_name(std::string name) {
  const auto is_fine = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  name.resize(std::min(name.size(), kLongestName));
  std::replace_if(name.begin(), name.end(), [&](unsigned char c) { return !is_fine(c); }, '_');
  return name.empty() ? "unnamed" : name;
}

CleanReply clean_reply(Reply reply, const Window& window, std::int64_t position) {
  CleanReply clean;
  // Some servers number the calls of each reply from 0.
  std::set<std::string> own;
  const auto taken = [&](const std::string& id) {
    return own.contains(id) || std::any_of(window.begin(), window.end(), [&](const auto& item) {
             const auto& calls = item->message->tool_calls;
             return std::any_of(calls.begin(), calls.end(),
                                [&](const ToolCall& call) { return call.id == id; });
           });
  };
  // By place and not at random: ids are tokens, and the same conversation shall cost the same.
  int number = 0;
  const auto new_id = [&] {
    std::string id = "call-" + std::to_string(position);
    while (taken(id)) id = "call-" + std::to_string(position) + '-' + std::to_string(++number);
    return id;
  };
  reply.content = valid_utf8(std::move(reply.content));
  reply.thinking = valid_utf8(std::move(reply.thinking));
  for (auto& call : reply.tool_calls) {
    call.id = valid_utf8(std::move(call.id));
    call.name = sendable_name(valid_utf8(std::move(call.name)));
    call.arguments = valid_utf8(std::move(call.arguments));
    if (call.id.empty() || call.id.size() > kLongestCallId || taken(call.id)) call.id = new_id();
    own.insert(call.id);
    if (is_blank(call.arguments)) call.arguments = "{}";
    boost::system::error_code error;
    const auto value = json::parse(call.arguments, error);
    std::string problem;
    if (error)
      problem = "the arguments are not valid JSON (" + error.message() +
                "); send one complete JSON object";
    else if (!value.is_object())
      problem = "the arguments must be a JSON object";
    if (!problem.empty())
      call.arguments = json::serialize(json::object{{"invalid_json", call.arguments}});
    clean.broken.push_back(std::move(problem));
  }
  clean.reply = std::move(reply);
  return clean;
}

DecodedCall decode_call(const ToolCall& call, const ToolMap& tools) {
  DecodedCall decoded;
  const auto found = tools.find(call.name);
  if (found == tools.end()) {
    decoded.problem = "there is no tool \"" + std::string(utf8_prefix(call.name, 60)) +
                      "\"; tools are: " + tool_names(tools);
    return decoded;
  }
  decoded.arguments = json::parse(call.arguments).as_object();
  if (const auto* heartbeat = decoded.arguments.if_contains("request_heartbeat"))
    decoded.request_heartbeat = is_true(*heartbeat);
  decoded.arguments.erase("request_heartbeat");
  decoded.arguments.erase("thinking");
  decoded.problem = check_arguments(found->second->schema(), decoded.arguments);
  if (decoded.problem.empty()) decoded.tool = found->second;
  return decoded;
}

}  // namespace memgpt
