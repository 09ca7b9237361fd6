// What the offline model reads out of a request: blocks, tools, the open turn and its calls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "memory/json.h"
#include "memory/request.h"

namespace memgpt::offline {

struct CoreBlock {
  std::string label;
  std::string value;
  std::size_t characters = 0;
  std::size_t limit = 0;
  bool read_only = false;
};

// A message that needs an answer.
struct Input {
  std::string type;  // user_message, heartbeat, login, system_message, system_alert; empty = none
  std::string name;  // the speaker, where the message says one
  std::string text;
  std::string time;  // "2023-05-08 13:56" or empty
};

// A tool call of the open turn and its return.
struct Done {
  std::string tool;
  json::object arguments;
  bool ok = false;  // false also where no return is there
  std::string result;

  [[nodiscard]] std::string argument(std::string_view name) const {
    return string_or(arguments, name);
  }
};

struct Tool {
  std::string name;
  bool wants_thinking = false;
  bool wants_heartbeat = true;
};

struct Turn {
  Input input;
  std::vector<Done> done;
  std::vector<CoreBlock> blocks;
  std::vector<Tool> tools;
  bool several_people = false;  // more than one person speaks in the messages of the request
  bool introduced = false;      // the model has said before what it is

  [[nodiscard]] const Tool* tool(std::string_view name) const;
  [[nodiscard]] const CoreBlock* block(std::string_view label) const;
};

// `introduction`: the words by which an earlier introduction is recognised.
[[nodiscard]] Turn read_turn(const Request& request, std::string_view introduction);

}  // namespace memgpt::offline
