// From what a model really answers to one call that can be run, or to a sentence about what is
// wrong with it.
//
// Never a guess about values: a value is run as it was written, or not at all. What was cut off
// (the provider says so, or the text ends inside of a value) is not run; see mend_json.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/repair.h"
#include "agent/reply_record.h"
#include "agent/tool.h"
#include "llm/provider.h"

namespace memgpt {

struct DecodedCall {
  std::shared_ptr<Tool> tool;  // null where the call cannot be run
  json::object arguments;      // without the injected ones
  // All of them as JSON, where a number in them is exact there alone (see strict_json.h); else "".
  std::string exact;
  bool request_heartbeat = false;
  std::string problem;  // what the model is told where it cannot be run
};

using ToolMap = std::map<std::string, std::shared_ptr<Tool>, std::less<>>;

// A call as the log has it, without any repair.
[[nodiscard]] DecodedCall decode_call(const ToolCall& call, const ToolMap& tools);

struct DecodedReply {
  Reply reply;                  // as the log has it
  DecodedCall call;             // the first one, where there is one
  std::string problem;          // without a call: what is wrong, where that is clear
  std::vector<Repair> repairs;  // empty: the reply was as it should be, or stays as it is
};

// A well-formed reply comes out as it is. The first call is run or says why not, and then no other
// one is; it stays as the model wrote it.
[[nodiscard]] DecodedReply decode_reply(Reply reply, const ToolMap& tools, const Window& window,
                                        std::int64_t position);

// Valid UTF-8 everywhere, an id for every call that no other call in `window` has (by `position`,
// the reply's place in the log, where the model gave none), and arguments that are a JSON object:
// broken ones are kept as {"invalid_json": "..."}, so that every provider accepts them in its
// history. Of the first `sound` calls the arguments are known to be an object.
[[nodiscard]] Reply clean_reply(Reply reply, const Window& window, std::int64_t position,
                                std::size_t sound = 0);

}  // namespace memgpt
