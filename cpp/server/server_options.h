// How a server is set up, and what the program around it brings.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/tool.h"
#include "llm/embedder.h"
#include "llm/provider.h"
#include "server/workers.h"

namespace memgpt {

// A tool that came as source text. Neither is ever run in this process.
struct ToolSource {
  std::string source;
  std::string name;         // of the function
  std::string environment;  // JSON object: texts by name
  std::string schema;       // of its arguments, as a client had it from a model class; may be empty
};

struct SourceResult {
  bool failed = false;
  std::string value;  // what it returned, as the model sees it
  std::vector<std::string> out;
  std::vector<std::string> err;
  std::string json = {};  // what it returned, where JSON has that and it is no text
};

// Of the program that the server is part of; they throw errors of the core. Empty: there is none.
struct SourceHooks {
  // Name, description and parameters of a tool, from what a client sent: JSON objects both.
  std::function<std::string(const std::string& request)> derive;
  // In a sandbox, or not at all.
  std::function<SourceResult(const ToolSource& tool, const std::string& arguments)> run;
};

// Agents in Letta's agent files; as above. Texts are JSON.
struct CarryHooks {
  // `more`: an object of what only the server knows of the agent.
  std::function<std::string(const std::string& agent_id, const std::string& more)> write;
  // What a file holds: a list of objects, one an agent: "body" as for POST /v1/agents, "tools",
  // "left_out". Nothing is made.
  std::function<std::string(const std::string& file)> read;
  // Puts the messages of one of them into an agent that was made. Gives the names of what was left
  // out.
  std::function<std::vector<std::string>(const std::string& file, std::size_t index,
                                         const std::string& agent_id)>
      fill;
};

struct ServerLimits {
  std::size_t body_bytes = std::size_t{16} << 20;
  std::size_t header_bytes = std::size_t{32} << 10;
  std::size_t connections = 4096;
  double request_timeout_s = 30;  // for a request to come in whole
  double idle_timeout_s = 300;    // of a connection between two requests
  double stop_timeout_s = 10;     // how long turns that are under way may take when it stops
  std::size_t turns = 16;         // threads that turns run on
  std::size_t requests = 4;       // and all else
  std::size_t queued = 4096;      // requests that wait for a thread
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8283;  // 0: any that is free
  std::string token;
  // Names by which the server is reached, beside those of this machine itself.
  std::vector<std::string> allowed_hosts;
  bool allow_local_tools = false;  // without a token, too
  ServerLimits limits;
  std::string version;
  std::map<std::string, std::shared_ptr<LLMProvider>> models;  // of the program's own, by handle
  std::map<std::string, std::shared_ptr<Embedder>> embedders;
  SourceHooks sources;
  CarryHooks carry;
  // One JSON object for each request; may be empty.
  std::function<void(const std::string& line)> log;
  Workers::Around around;  // each thread that may call what the program brought
};

}  // namespace memgpt
