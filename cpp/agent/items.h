// What is put into an agent's memories from outside, piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "memory/message.h"

namespace memgpt {

// What of a passage is to be another; none = stays as it is.
struct PassageChange {
  std::optional<std::string> text;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::string> metadata;  // JSON object
};

// One of many that are filed at once.
struct NewPassage {
  std::string text;
  std::vector<std::string> tags;
  std::string metadata = "{}";    // JSON object
  std::optional<TimeUs> time_us;  // when it was written; now, where it is not said
};

// Told how much is done, of how much; what it throws ends the work.
using Progress = std::function<void(std::size_t done, std::size_t of)>;

// Passages that were given a vector, and those that still have none.
struct Reembedded {
  std::int64_t made = 0;
  std::int64_t left = 0;
};

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
