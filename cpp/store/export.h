// Writing everything that an agent is into one file.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "memory/message.h"

namespace memgpt {

// Source text of tools, by their names. Never executed.
using ToolSources = std::vector<std::pair<std::string, std::string>>;

struct ExportRequest {
  std::string agent_id;
  std::string path;        // absolute
  bool overwrite = false;  // an export that is there
  // Of tools that are bound, beside those that came with the agent; none: no sources at all.
  std::optional<ToolSources> sources;
  TimeUs now_us = 0;
  std::function<void()> poll;  // may throw: then nothing was written
};

// From one read transaction on the home's file, into a file beside the target that then takes its
// name: it is there as a whole, or as it was. Throws AlreadyExists, AgentNotFound, DiskFull,
// ReadOnlyStore or StoreError.
void export_agent(const std::string& home, const ExportRequest& request);

}  // namespace memgpt
