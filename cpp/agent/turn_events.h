// What can be seen of a turn while it is under way. The loop does not know who looks on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/json_strings.h"
#include "llm/provider.h"
#include "memory/message.h"

namespace memgpt {

struct TurnEvent {
  enum class Kind {
    step,       // a model call begins
    reasoning,  // a piece of the model's thoughts, native or in the argument `thinking`
    text,       // a piece of what the model says to the user
    content,    // a piece of text outside of a call, which is not shown to the user
    tool_call,  // a piece of the arguments of a call, as the model writes them
    discard,    // what came of this model call is void: it is made again, or was not said so
    message,    // a message of a step that is durable now
  };
  Kind kind = Kind::step;
  int step = 0;  // model calls of the turn so far
  std::string_view text = {};
  std::string_view tool = {};
  std::string_view call_id = {};
  std::shared_ptr<const Message> message = nullptr;  // of `text`: where the step is durable now
  std::string_view reply_id = {};  // of `step`: the id that the reply's message will have
};
// What it throws ends the turn and comes out of send().
using OnTurnEvent = std::function<void(const TurnEvent& event)>;

// Takes `<think>...</think>` out of a text that comes in pieces, as models write it whose server
// does not.
class ThinkSplitter {
 public:
  using OnText = std::function<void(bool thinks, std::string_view text)>;
  void add(std::string_view piece, const OnText& on_text);
  // What was held back, for it might have been the beginning of a tag.
  void finish(const OnText& on_text);

 private:
  enum class Place { before, inside, behind, after };
  Place place_ = Place::before;
  std::string held_;
};

// The pieces of one reply as events.
class ReplyEvents {
 public:
  // `speaks`: text outside of calls is for the user.
  ReplyEvents(const OnTurnEvent& on_event, int step, bool speaks)
      : on_event_(on_event), step_(step), speaks_(speaks) {}
  void add(const Delta& delta);
  // A provider that does not stream gives all at the end.
  void finish(const Reply& reply);
  // Behind the step: what was shown as said and was not is void (the reply was cut off, refused or
  // mended), and what was said and not shown is shown.
  void settle(std::string_view said, const std::shared_ptr<const Message>& reply);

 private:
  void emit(TurnEvent::Kind kind, std::string_view text);
  void add_call(const Delta& delta);
  [[nodiscard]] ThinkSplitter::OnText as_text();

  const OnTurnEvent& on_event_;
  int step_;
  bool speaks_;
  bool any_ = false;
  std::string shown_;  // as text
  ThinkSplitter thoughts_;
  JsonStrings arguments_;
  std::string tool_;
  std::string call_id_;
};

}  // namespace memgpt
