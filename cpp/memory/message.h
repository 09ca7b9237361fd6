// One entry of an agent's log. The only message type; wire forms are made from it at the doors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

enum class Role { user, assistant, tool, system };

// Whose word a text is. A digest inherits the least trust of what it covers.
enum class Trust : int { outside = 0, model = 1, user = 2, kernel = 3 };

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON text, as the model wrote it (perhaps broken)
};

// Microseconds since 1970-01-01T00:00:00Z.
using TimeUs = std::int64_t;

// Messages with gaps up to this belong to one session.
inline constexpr TimeUs kSessionGapUs = TimeUs{60} * 60 * 1'000'000;

// Types of messages, as they are named inside the context: user_message, system_message,
// system_alert, heartbeat, login, assistant_message, tool_return; and search_echo: a spoken reply
// that quotes what a search of its turn found.
inline constexpr const char* kSearchEcho = "search_echo";

struct Message {
  std::string id;
  std::int64_t position = 0;  // place in the agent's log; the window is ranges of positions
  Role role = Role::user;
  std::string type;
  std::string name;      // speaker, or the tool's name in a tool return
  std::string text;      // what was said: input, spoken reply, tool result
  std::string content;   // assistant only: text that the model gave outside a tool call
  std::string thinking;  // assistant only: native reasoning, not sent back
  std::vector<ToolCall> tool_calls;
  std::string tool_call_id;       // tool only
  bool failed = false;            // tool only: the call failed
  std::string printed;            // tool only: see ToolResult; kept with the tool's run
  std::int64_t shown_bytes = -1;  // how much of text the context shows; -1 = all
  TimeUs time_us = 0;
  std::string author;  // "user", "agent", "kernel", "tool:<name>"
  Trust trust = Trust::user;
  std::int64_t session = 0;  // number of the run of messages with gaps under 60 minutes
  int tokens = 0;            // of the form that the context shows, by `tokenizer`
  std::string source_id;     // of an imported message: its id in the transcript
};

[[nodiscard]] std::string_view to_string(Role role);
[[nodiscard]] Role role_from_string(std::string_view text);
// The type of what is just said in a role.
[[nodiscard]] std::string_view message_type(Role role);

// The content of the message as the model sees it (JSON packed, so that no text can pose as
// another message). For an assistant message: its content outside tool calls.
[[nodiscard]] std::string render_content(const Message& message);

// "2023-05-08 13:56" (UTC).
[[nodiscard]] std::string format_time(TimeUs time_us);

}  // namespace memgpt
