// Messages that were recorded elsewhere, on their way into recall memory.
#pragma once

#include <optional>
#include <string>

#include "memory/message.h"

namespace memgpt {

// A message of a conversation that was recorded elsewhere.
struct TranscriptItem {
  std::string text;
  std::string speaker;
  Role role = Role::user;  // user, assistant or system
  std::optional<TimeUs> time_us;
  std::optional<std::string> session;  // the transcript's own name for it
  std::string id;                      // the transcript's own
};

// A message of an agent's log that was kept elsewhere, in another form than ours.
struct HistoryItem {
  Message message;  // role, type, name, text, content, thinking, calls, source_id
  std::optional<TimeUs> time_us;
  bool shown = false;  // it stood in the context
};

}  // namespace memgpt
