// What a provider is asked: plain messages and tools, made from a compiled context.
#pragma once

#include <string>
#include <vector>

#include "memory/message.h"

namespace memgpt {

struct ToolSchema {
  std::string name;
  std::string description;
  std::string parameters;  // JSON Schema text of an object, injected arguments included
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

}  // namespace memgpt
