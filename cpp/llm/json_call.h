// A reply that is one JSON object, {"name": ..., "arguments": {...}}, read as the call that it is.
#pragma once

#include <string>

#include "llm/provider.h"

namespace memgpt {

// The content of a reply as a call; the reply stays as it is where it is none.
void read_json_call(Reply& reply);

// The pieces of such a content as pieces of a call.
class JsonCallStream {
 public:
  explicit JsonCallStream(const OnDelta& on_delta) : on_delta_(on_delta) {}
  void add(const Delta& delta);

 private:
  const OnDelta& on_delta_;
  std::string head_;  // until the arguments begin
  std::string name_;
  bool in_arguments_ = false;
};

}  // namespace memgpt
