// What clients of the server say of blocks, tools, archives and messages. No part of any history,
// and left behind by an export.
#pragma once

#include <string>

#include "memory/message.h"

namespace memgpt {

struct Card {
  std::string kind;  // "block", "tool", "archive", "message", "secrets"
  std::string id;
  std::string name;  // of a tool: unique among them
  std::string json = "{}";
  TimeUs created_us = 0;
  TimeUs updated_us = 0;
};

}  // namespace memgpt
