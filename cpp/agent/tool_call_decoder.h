// From what a model really answers to one call that can be run, or to a sentence about what is
// wrong with it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/tool.h"
#include "llm/provider.h"

namespace memgpt {

struct DecodedCall {
  std::shared_ptr<Tool> tool;  // null where the call cannot be run
  json::object arguments;      // without the injected ones
  bool request_heartbeat = false;
  std::string problem;  // what the model is told where it cannot be run
};

using ToolMap = std::map<std::string, std::shared_ptr<Tool>, std::less<>>;

[[nodiscard]] DecodedCall decode_call(const ToolCall& call, const ToolMap& tools);

// OpenAI refuses a request whose history has a call by a name that no tool can have, or with a
// longer id: an agent whose model once wrote one could never speak again.
constexpr std::size_t kLongestCallId = 40;
[[nodiscard]] std::string sendable_name(std::string name);

// Valid UTF-8 everywhere, names and ids that a server takes back, an id for every call that no
// other call in `window` has (by `position`, the reply's place in the log, where the model gave
// none), and arguments that are a JSON object: broken ones are kept as {"invalid_json": "..."}, so
// that every provider accepts them in its history.
struct CleanReply {
  Reply reply;
  std::vector<std::string> broken;  // per call: why its arguments are broken, or empty
};
[[nodiscard]] CleanReply clean_reply(Reply reply, const Window& window, std::int64_t position);

// The reply as the model gave it, for the journal; what is not UTF-8 is repaired.
[[nodiscard]] std::string reply_to_json(const Reply& reply);
// Nothing where the text is no such reply.
[[nodiscard]] std::optional<Reply> reply_from_json(std::string_view text);

}  // namespace memgpt
