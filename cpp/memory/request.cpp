#include "memory/request.h"

#include "memory/text.h"

namespace memgpt {

RequestMessage request_message(const Span& span) {
  const Message& message = *span.message;
  // Alerts and heartbeats travel in the user's role: many chat templates refuse a system message
  // after the first. Their packed type tells them apart.
  return {message.role == Role::system ? Role::user : message.role,
          message.tool_calls.empty() ? span.text : message.content, message.tool_calls,
          message.tool_call_id};
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

void append_request_message(std::string& out, const RequestMessage& message) {
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

std::string tool_text(const ToolSchema& tool) {
  std::string out = R"({"type": "function", "function": {"name": )";
  append_json_string(out, tool.name);
  out += ", \"description\": ";
  append_json_string(out, tool.description);
  out += ", \"parameters\": " + tool.parameters + "}}";
  return out;
}

}  // namespace memgpt
