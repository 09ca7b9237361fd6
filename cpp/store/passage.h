// One entry of archival memory.
#pragma once

#include <string>
#include <vector>

#include "memory/message.h"

namespace memgpt {

struct Passage {
  std::string id;
  std::string text;
  std::vector<std::string> tags;
  std::string metadata = "{}";  // JSON object
  TimeUs time_us = 0;
  std::string author = "user";
  Trust trust = Trust::user;
  // Unit-length vector and the embedder that made it; empty in passages that were read.
  std::string embedder;
  std::vector<float> vector;
};

}  // namespace memgpt
