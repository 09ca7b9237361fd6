// What a provider is asked: plain messages and tools, made from the spans of a compiled context.
#pragma once

#include <string>
#include <vector>

#include "memory/message.h"
#include "memory/span.h"

namespace memgpt {

struct ToolSchema {
  std::string name;
  std::string description;
  std::string parameters;       // JSON Schema text of an object, injected arguments included
  std::string author = "user";  // or "kernel"; for people, see Span
};

struct RequestMessage {
  Role role = Role::user;
  std::string content;
  std::vector<ToolCall> tool_calls;  // assistant only
  std::string tool_call_id;          // tool only
};

struct Request {
  std::vector<RequestMessage> messages;  // the first is the system message
  std::vector<ToolSchema> tools;
  int max_reply_tokens = 0;
};

// The message that a message or tool_return span stands for.
[[nodiscard]] RequestMessage request_message(const Span& span);

// The form of OpenAI's chat completions.
void append_request_message(std::string& out, const RequestMessage& message);
void append_calls(std::string& out, const std::vector<ToolCall>& calls);
[[nodiscard]] std::string tool_text(const ToolSchema& tool);

}  // namespace memgpt
