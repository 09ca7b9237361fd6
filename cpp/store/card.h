// What clients of the server say of blocks, tools and archives. No part of any history.
#pragma once

#include <string>

#include "memory/message.h"

namespace memgpt {

struct Card {
  std::string kind;  // "block", "tool", "archive"
  std::string id;
  std::string name;  // of a tool: unique among them
  std::string json = "{}";
  TimeUs created_us = 0;
  TimeUs updated_us = 0;
};

}  // namespace memgpt
