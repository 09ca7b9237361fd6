#include "agent/reply_record.h"

#include "memory/json.h"
#include "memory/text.h"

namespace memgpt {

namespace {

json::object object_of(const Reply& reply) {
  json::array calls;
  for (const auto& call : reply.tool_calls)
    calls.push_back({{"id", valid_utf8(call.id)},
                     {"name", valid_utf8(call.name)},
                     {"arguments", valid_utf8(call.arguments)}});
  json::object object = {{"tool_calls", std::move(calls)}};
  if (!reply.content.empty()) object["content"] = valid_utf8(reply.content);
  if (!reply.thinking.empty()) object["thinking"] = valid_utf8(reply.thinking);
  return object;
}

std::optional<Reply> reply_of(const json::object& object) {
  const auto* calls = object.if_contains("tool_calls");
  if (calls == nullptr || !calls->is_array()) return std::nullopt;
  Reply reply;
  reply.content = string_or(object, "content");
  reply.thinking = string_or(object, "thinking");
  for (const auto& item : calls->get_array()) {
    const auto* call = item.if_object();
    if (call == nullptr) return std::nullopt;
    reply.tool_calls.push_back(
        {string_or(*call, "id"), string_or(*call, "name"), string_or(*call, "arguments")});
  }
  return reply;
}

}  // namespace

std::string reply_to_json(const Reply& reply, const Reply* decoded,
                          const std::vector<Repair>& repairs) {
  auto object = object_of(reply);
  if (decoded != nullptr) {
    json::array list;
    for (const auto& [kind, text] : repairs) list.push_back({{"kind", kind}, {"text", text}});
    object["repairs"] = std::move(list);
    object["decoded"] = object_of(*decoded);
  }
  return json::serialize(object);
}

std::optional<Reply> reply_from_json(std::string_view text) {
  boost::system::error_code error;
  const auto value = json::parse(text, error);
  const auto* object = error ? nullptr : value.if_object();
  if (object == nullptr) return std::nullopt;
  if (const auto* decoded = object->if_contains("decoded"))
    return decoded->is_object() ? reply_of(decoded->get_object()) : std::nullopt;
  return reply_of(*object);
}

std::vector<Repair> repairs_from_json(std::string_view text) {
  std::vector<Repair> repairs;
  if (text.find("\"repairs\"") == std::string_view::npos) return repairs;
  boost::system::error_code error;
  const auto value = json::parse(text, error);
  const auto* object = error ? nullptr : value.if_object();
  const auto* list = object == nullptr ? nullptr : object->if_contains("repairs");
  if (list == nullptr || !list->is_array()) return repairs;
  for (const auto& item : list->get_array())
    if (const auto* one = item.if_object())
      repairs.push_back({string_or(*one, "kind"), string_or(*one, "text")});
  return repairs;
}

}  // namespace memgpt
