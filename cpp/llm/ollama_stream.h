// What Ollama answers: whole, or as lines of JSON.
#pragma once

#include <string_view>

#include "llm/provider.h"
#include "memory/json.h"

namespace memgpt {

// The lines of a streamed answer, or the only one, put together.
class OllamaStream {
 public:
  explicit OllamaStream(const OnDelta& on_delta) : on_delta_(on_delta) {}
  // False = that was the last. Throws InvalidReply, ProviderError, ContextOverflow.
  bool add(std::string_view line);
  [[nodiscard]] bool complete() const { return done_; }
  [[nodiscard]] bool began() const { return began_; }
  [[nodiscard]] Reply reply() { return std::move(reply_); }

 private:
  void add_call(const json::value& call);

  const OnDelta& on_delta_;
  Reply reply_;
  bool began_ = false;
  bool done_ = false;
};

}  // namespace memgpt
