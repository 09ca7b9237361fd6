#include "llm/offline_request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "memory/block.h"

namespace memgpt::offline {
namespace {

constexpr std::array<std::string_view, 5> kInputTypes = {"user_message", "system_alert",
                                                         "heartbeat", "login", "system_message"};

json::object parse_object(std::string_view text) {
  json::error_code error;
  const json::value value = json::parse(text, error);
  return !error && value.is_object() ? value.get_object() : json::object();
}

Input read_input(std::string_view content) {
  const json::object packed = parse_object(content);
  Input input{string_or(packed, "type"), string_or(packed, "name"), string_or(packed, "message"),
              string_or(packed, "time")};
  const bool known =
      std::find(kInputTypes.begin(), kInputTypes.end(), input.type) != kInputTypes.end();
  // Text that is not packed is what someone says, JSON or not.
  if (!known) return {"user_message", "", std::string(content), ""};
  return input;
}

// Undoes the escaping of the context's own markup, and of nothing else.
std::string unescape(std::string_view text) {
  static constexpr std::string_view kEscape = "&lt;";
  static constexpr std::array<std::string_view, 4> kTags = {"core_memory", "block",
                                                            "outside_context", "summary"};
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::string_view rest = text.substr(at);
    if (rest.starts_with(kEscape)) {
      rest.remove_prefix(kEscape.size());
      if (rest.starts_with('/')) rest.remove_prefix(1);
      if (std::any_of(kTags.begin(), kTags.end(),
                      [&](std::string_view tag) { return rest.starts_with(tag); })) {
        out.push_back('<');
        at += kEscape.size();
        continue;
      }
    }
    out.push_back(text[at++]);
  }
  return out;
}

std::string attribute(std::string_view tag, std::string_view name) {
  const std::string key = ' ' + std::string(name) + "=\"";
  const std::size_t begin = tag.find(key);
  if (begin == std::string_view::npos) return "";
  tag.remove_prefix(begin + key.size());
  return std::string(tag.substr(0, tag.find('"')));
}

std::size_t number_or(const std::string& text, std::size_t fallback) {
  std::size_t number = fallback;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : fallback;
}

std::vector<CoreBlock> read_blocks(std::string_view system) {
  static constexpr std::string_view kOpen = "<block label=\"", kClose = "\n</block>";
  std::vector<CoreBlock> blocks;
  // The last one: the prompt before it may speak of such a section, values cannot.
  const std::size_t section = system.rfind("<core_memory>\n");
  if (section == std::string_view::npos) return blocks;
  system = system.substr(section, system.find("\n</core_memory>", section) - section);
  for (std::size_t at = system.find(kOpen); at != std::string_view::npos;
       at = system.find(kOpen, at)) {
    const std::size_t tag_end = system.find(">\n", at);
    if (tag_end == std::string_view::npos) break;
    const std::string_view tag = system.substr(at, tag_end - at);
    const std::size_t end = system.find(kClose, tag_end + 1);
    if (end == std::string_view::npos) break;
    CoreBlock block;
    block.label = attribute(tag, "label");
    if (end > tag_end + 2) block.value = unescape(system.substr(tag_end + 2, end - tag_end - 2));
    block.characters = number_or(attribute(tag, "chars"), count_characters(block.value));
    block.limit = number_or(attribute(tag, "limit"), kDefaultBlockLimit);
    block.read_only = attribute(tag, "read_only") == "true";
    blocks.push_back(std::move(block));
    at = end;
  }
  return blocks;
}

std::vector<Tool> read_tools(const std::vector<ToolSchema>& schemas) {
  std::vector<Tool> tools;
  for (const ToolSchema& schema : schemas) {
    Tool tool{schema.name};
    const json::object parameters = parse_object(schema.parameters);
    const json::value* properties = parameters.if_contains("properties");
    if (properties != nullptr && properties->is_object()) {
      tool.wants_thinking = properties->get_object().contains("thinking");
      tool.wants_heartbeat = properties->get_object().contains("request_heartbeat");
    }
    tools.push_back(std::move(tool));
  }
  return tools;
}

// The calls of messages[from..] with their returns, matched by id, else by order.
std::vector<Done> read_done(const std::vector<RequestMessage>& messages, std::size_t from) {
  std::vector<Done> done;
  std::vector<const std::string*> open;  // ids, parallel to `done`; null once returned
  for (std::size_t i = from; i < messages.size(); ++i) {
    const RequestMessage& message = messages[i];
    for (const ToolCall& call : message.tool_calls) {
      done.push_back({call.name, parse_object(call.arguments), false, ""});
      open.push_back(&call.id);
    }
    if (message.role != Role::tool) continue;
    const auto is_open = [](const std::string* id) { return id != nullptr; };
    auto found = std::find_if(open.begin(), open.end(), [&](const std::string* id) {
      return is_open(id) && *id == message.tool_call_id;
    });
    if (found == open.end()) found = std::find_if(open.begin(), open.end(), is_open);
    if (found == open.end()) continue;
    *found = nullptr;
    Done& call = done[static_cast<std::size_t>(found - open.begin())];
    const json::object packed = parse_object(message.content);
    call.ok = string_or(packed, "status") == "OK";
    call.result = string_or(packed, "message", packed.empty() ? message.content : "");
  }
  return done;
}

// An answer was given: plain text, or a send_message that did not fail.
bool is_answer(const std::vector<RequestMessage>& messages, std::size_t i) {
  const RequestMessage& message = messages[i];
  if (message.role != Role::assistant) return false;
  if (message.tool_calls.empty()) return !message.content.empty();
  const bool speaks = std::any_of(message.tool_calls.begin(), message.tool_calls.end(),
                                  [](const ToolCall& call) { return call.name == "send_message"; });
  if (!speaks) return false;
  const std::vector<Done> done = read_done(messages, i);
  return std::any_of(done.begin(), done.end(),
                     [](const Done& call) { return call.tool == "send_message" && call.ok; });
}

// How much a message asks for an answer: a heartbeat or an alert only where nothing else does.
int urgency(std::string_view type) {
  if (type == "system_alert") return 1;
  return type == "heartbeat" ? 2 : 3;
}

// Sets turn.input and turn.done from the messages behind the last answer.
void read_open_turn(Turn& turn, const std::vector<RequestMessage>& messages) {
  std::size_t begin = messages.size();
  while (begin > 1 && !is_answer(messages, begin - 1)) --begin;
  std::size_t from = messages.size();
  for (std::size_t i = begin; i < messages.size(); ++i) {
    if (messages[i].role != Role::user) continue;
    Input input = read_input(messages[i].content);
    if (!turn.input.type.empty() && urgency(input.type) < urgency(turn.input.type)) continue;
    turn.input = std::move(input);
    from = i + 1;
  }
  turn.done = read_done(messages, std::max(from, begin));
}

}  // namespace

const Tool* Turn::tool(std::string_view name) const {
  const auto found =
      std::find_if(tools.begin(), tools.end(), [&](const Tool& t) { return t.name == name; });
  return found == tools.end() ? nullptr : &*found;
}

const CoreBlock* Turn::block(std::string_view label) const {
  const auto found = std::find_if(blocks.begin(), blocks.end(),
                                  [&](const CoreBlock& b) { return b.label == label; });
  return found == blocks.end() ? nullptr : &*found;
}

Turn read_turn(const Request& request, std::string_view introduction) {
  Turn turn;
  turn.tools = read_tools(request.tools);
  if (request.messages.empty()) return turn;
  turn.blocks = read_blocks(request.messages.front().content);
  std::optional<std::string> someone;
  for (const RequestMessage& message : request.messages) {
    if (message.role == Role::user) {
      const Input input = read_input(message.content);
      if (input.type != "user_message") continue;
      turn.several_people |= someone && *someone != input.name;
      someone = input.name;
    } else if (message.role == Role::assistant) {
      turn.introduced |= message.content.find(introduction) != std::string::npos;
      for (const ToolCall& call : message.tool_calls) {
        turn.introduced |= call.arguments.find(introduction) != std::string::npos;
      }
    }
  }
  read_open_turn(turn, request.messages);
  return turn;
}

}  // namespace memgpt::offline
