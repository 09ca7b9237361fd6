#include "memory/message.h"

#include <array>
#include <chrono>
#include <cstdio>

#include "error.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::array<std::string_view, 4> kRoles = {"user", "assistant", "tool", "system"};

void append_field(std::string& out, std::string_view key, std::string_view value) {
  out += out.size() == 1 ? "\"" : ", \"";
  out += key;
  out += "\": ";
  append_json_string(out, value);
}

}  // namespace

std::string_view to_string(Role role) { return kRoles[static_cast<std::size_t>(role)]; }

Role role_from_string(std::string_view text) {
  for (std::size_t i = 0; i < kRoles.size(); ++i)
    if (kRoles[i] == text) return static_cast<Role>(i);
  throw InvalidInput("unknown role \"" + std::string(text) +
                     "\"; roles are user, assistant, tool and system");
}

std::string_view message_type(Role role) {
  switch (role) {
    case Role::user: return "user_message";
    case Role::assistant: return "assistant_message";
    case Role::tool: return "tool_return";
    case Role::system: break;
  }
  return "system_message";
}

std::string format_time(TimeUs time_us) {
  using namespace std::chrono;
  const auto minute = floor<minutes>(sys_time<microseconds>(microseconds(time_us)));
  const auto day = floor<days>(minute);
  const year_month_day date(day);
  const auto in_day = static_cast<int>((minute - day).count());
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02u %02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), in_day / 60,
                in_day % 60);
  return buffer;
}

std::string render_content(const Message& message) {
  if (message.role == Role::assistant) return message.content;
  std::string_view shown = message.text;
  std::string cut_note;
  if (message.shown_bytes >= 0) {
    shown = utf8_prefix(shown, static_cast<std::size_t>(message.shown_bytes));
    if (shown.size() < message.text.size())
      cut_note = "[cut: the first " + std::to_string(shown.size()) + " of " +
                 std::to_string(message.text.size()) + " bytes are shown]";
  }
  std::string out = "{";
  if (message.role == Role::tool) {
    append_field(out, "status", message.failed ? "Failed" : "OK");
  } else {
    append_field(out, "type", message.type);
    if (!message.name.empty()) append_field(out, "name", message.name);
  }
  append_field(out, "message", shown);
  if (!cut_note.empty()) append_field(out, "cut", cut_note);
  append_field(out, "time", format_time(message.time_us));
  out += '}';
  return out;
}

}  // namespace memgpt
