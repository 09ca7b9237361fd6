#include "server/message_answers.h"

#include <map>

#include "memory/text.h"
#include "server/api.h"
#include "server/arguments_text.h"
#include "server/refusal.h"
#include "server/run_records.h"
#include "server/wire.h"

namespace memgpt {

namespace {

std::string stop_json(std::string_view reason) {
  std::string out = R"({"message_type": "stop_reason", "stop_reason": )";
  append_json_string(out, reason);
  return out + '}';
}

constexpr std::int64_t kMostMessages = 10'000;  // of one turn

// What both have in common: how a turn comes to its end.
class TurnAnswer {
 public:
  TurnAnswer(ServerApi& api, std::shared_ptr<Agent> agent, std::shared_ptr<ServerExchange> exchange,
             AnswerForm form)
      : api_(api),
        agent_(std::move(agent)),
        exchange_(std::move(exchange)),
        form_(std::move(form)) {}
  virtual ~TurnAnswer() = default;
  TurnAnswer(const TurnAnswer&) = delete;
  TurnAnswer& operator=(const TurnAnswer&) = delete;

  void done(Response response) {
    // The kernel calls it by what it saw of the reply: no call that could be read.
    const auto& reason = response.stop_reason;
    if (response.cut && (reason == "invalid_tool_call" || reason == "no_tool_call"))
      response.stop_reason = "max_tokens_exceeded";
    keep_end(api_, response.input, response.stop_reason);
    api_.metrics().count_turn(response.stop_reason, response.steps);
    finish(response);
  }

  void failed(const std::exception_ptr& error, const Response& so_far) {
    try {
      std::rethrow_exception(error);
    } catch (const TurnCancelled&) {
      // What came of it is there to be seen.
      Response response = so_far;
      response.stop_reason = "cancelled";
      done(std::move(response));
    } catch (...) {
      const auto failure = failure_of_exception();
      keep_end(api_, so_far.input, failure.stop_reason, failure.text);
      api_.metrics().count_turn(failure.stop_reason, so_far.steps);
      fail(failure);
    }
  }

 protected:
  virtual void finish(const Response& response) = 0;
  // Called where the exception was caught.
  virtual void fail(const TurnFailure& failure) = 0;

  ServerApi& api_;
  std::shared_ptr<Agent> agent_;
  std::shared_ptr<ServerExchange> exchange_;
  AnswerForm form_;
};

class WholeAnswer final : public TurnAnswer {
 public:
  using TurnAnswer::TurnAnswer;

 private:
  void finish(const Response& response) override {
    std::string body = "{\"messages\": [";
    bool first = true;
    const auto begin = response.messages.empty() ? 0 : response.messages.front()->position;
    const auto steps = steps_from(begin);
    for (const auto& message : response.messages) {
      const auto index = static_cast<std::size_t>(message->position - begin);
      split_message(*message, {index < steps.size() ? steps[index] : Head(), response.input},
                    form_.messages, [&](std::string_view, std::string&& part) {
                      if (!std::exchange(first, false)) body += ", ";
                      body += part;
                    });
    }
    body += "], \"stop_reason\": " + stop_json(response.stop_reason) +
            ", \"usage\": " + usage_json(response) + ", \"logprobs\": null, \"turns\": null}";
    exchange_->respond({200, std::move(body)});
  }

  void fail(const TurnFailure& /*failure*/) override {
    exchange_->respond(response_of_exception());
  }

  // Of the log from a position on; none where the agent was deleted meanwhile.
  [[nodiscard]] std::vector<Head> steps_from(std::int64_t position) const {
    try {
      return api_.home().journal()->places(agent_->state().agent.head, position, kMostMessages);
    } catch (const AgentNotFound&) {
      return {};
    }
  }
};

class StreamedAnswer final : public TurnAnswer {
 public:
  using TurnAnswer::TurnAnswer;

  void on_event(const TurnEvent& event, const Response& so_far) {
    input_ = so_far.input;
    begin();
    if (event.kind != TurnEvent::Kind::reasoning && event.kind != TurnEvent::Kind::tool_call)
      give_call();
    switch (event.kind) {
      case TurnEvent::Kind::step:
        reply_id_ = event.reply_id;
        arguments_ = ArgumentsText();
        named_ = false;
        parts_.clear();
        blanks_.clear();
        break;
      case TurnEvent::Kind::reasoning:
        reasoning(event, event.tool.empty() ? Part::thinking : Part::argument);
        break;
      case TurnEvent::Kind::content: reasoning(event, Part::content); break;
      case TurnEvent::Kind::text: text(event); break;
      case TurnEvent::Kind::tool_call: call(event); break;
      case TurnEvent::Kind::discard: break;
      case TurnEvent::Kind::message: message(*event.message); break;
    }
  }

  void waiting() {
    if (!form_.pings || !began_) return;
    data("{\"message_type\": \"ping\", \"id\": \"" + api_.new_id("ping") + "\", \"date\": \"" +
         wire_time(api_.now_us()) + "\", \"run_id\": \"" + run_id(input_) +
         "\", \"seq_id\": null}");
  }

 private:
  void finish(const Response& response) override {
    input_ = response.input;
    begin();
    data(stop_json(response.stop_reason));
    data(usage_json(response));
    end();
  }

  void fail(const TurnFailure& failure) override {
    if (!began_) return exchange_->respond(response_of_exception());
    data(stop_json(failure.stop_reason));
    std::string text = R"({"message_type": "error_message", "run_id": ")" + run_id(input_) +
                       R"(", "error_type": )";
    append_json_string(text, failure.type);
    text += ", \"message\": ";
    append_json_string(text, failure.text);
    text += ", \"detail\": ";
    append_json_string(text, failure.text);
    write("event: error\ndata: " + text + ", \"seq_id\": null}\n\n");
    end();
  }

  void begin() {
    if (began_) return;
    began_ = true;
    ServerResponse head;
    head.content_type = "text/event-stream";
    head.headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}};
    exchange_->begin_stream(std::move(head));
  }

  void end() {
    write("data: [DONE]\n\n");
    exchange_->end_stream();
  }

  void data(const std::string& json) { write("data: " + json + "\n\n"); }
  // The turn goes on where nobody reads any more: what it does is in the journal.
  void write(const std::string& frame) {
    if (reads_) reads_ = exchange_->write(frame);
  }

  // Pieces of the reply that is being written; those of one part share its id.
  enum class Part { thinking, content, argument, call };
  [[nodiscard]] PieceHead head(Part part) {
    return {reply_id_, number(part), api_.now_us(), {{}, input_}};
  }
  // By the order in which they began.
  int number(Part part) {
    const auto next = static_cast<int>(parts_.size());
    return parts_.try_emplace(part, next).first->second;
  }
  [[nodiscard]] bool shows(std::string_view type) const {
    return form_.tokens && form_.messages.wants(type);
  }

  // A part that is blank to its end is none: its beginning waits for more. Empty = it waits.
  std::string begun(Part part, std::string_view piece) {
    auto text = std::exchange(blanks_[part], "").append(piece);
    if (is_blank(text) && !parts_.contains(part)) {
      blanks_[part] = std::move(text);
      return "";
    }
    return text;
  }

  void reasoning(const TurnEvent& event, Part part) {
    const auto text = begun(part, event.text);
    if (text.empty()) return;
    if (part == Part::argument && !arguments_.thinks_first()) {
      number(Part::call);
      give_call();
    }
    const auto piece_head = head(part);
    if (shows("reasoning_message")) data(reasoning_piece(piece_head, text, part == Part::thinking));
  }

  void text(const TurnEvent& event) {
    if (event.message != nullptr)
      parts_.insert_or_assign(Part::call, said_part(*event.message, form_.messages));
    const bool plainly = event.tool.empty() && event.message == nullptr;
    const auto part = plainly ? Part::content : Part::call;
    const auto text = plainly ? begun(part, event.text) : std::string(event.text);
    if (text.empty()) return;
    const auto piece_head = head(part);
    if (form_.messages.use_assistant_message && shows("assistant_message"))
      data(assistant_piece(piece_head, text));
  }

  // What is said comes as text, and not as the call that says it.
  void call(const TurnEvent& event) {
    const auto text = arguments_.add(event.text);
    if (form_.messages.use_assistant_message && event.tool == form_.messages.tool_name) return;
    if (text.empty() || !shows("tool_call_message")) return;
    give_call();
    call_ = text;  // thoughts before it that came in the same piece are shown first
    call_tool_ = std::exchange(named_, true) ? "" : event.tool;
    call_id_ = event.call_id;
  }
  void give_call() {
    if (call_.empty()) return;
    data(call_piece(head(Part::call), call_tool_, call_, call_id_));
    call_.clear();
  }

  void message(const Message& message) {
    if (message.role != Role::assistant && message.role != Role::tool) return;
    if (form_.tokens) {
      if (message.role == Role::assistant) return;  // it came in pieces
      // Where it failed this tells that what was shown as said was not.
      if (form_.messages.use_assistant_message && message.name == form_.messages.tool_name &&
          !message.failed)
        return;
    }
    split_message(message, {agent_->state().agent.head, input_}, form_.messages,
                  [&](std::string_view, std::string&& part) { data(part); });
  }

  Head input_;
  std::string reply_id_;
  ArgumentsText arguments_;
  bool named_ = false;  // the call's name was given
  std::string call_;    // a piece of it that waits
  std::string call_tool_;
  std::string call_id_;
  std::map<Part, int> parts_;  // those that were begun
  std::map<Part, std::string> blanks_;
  bool began_ = false;
  bool reads_ = true;
};

}  // namespace

std::string usage_json(const Response& response) {
  const auto number = [](std::int64_t value) { return std::to_string(value); };
  std::string out =
      R"({"message_type": "usage_statistics", "completion_tokens": )" +
      number(response.completion_tokens) +
      ", \"prompt_tokens\": " + number(response.prompt_tokens) +
      ", \"total_tokens\": " + number(response.prompt_tokens + response.completion_tokens) +
      ", \"step_count\": " + number(response.steps) + ", \"steps_messages\": null, \"run_ids\": [";
  if (response.input.seq > 0) out += '"' + run_id(response.input) + '"';
  return out +
         "], \"cached_input_tokens\": null, \"cache_write_tokens\": null, \"reasoning_tokens\": "
         "null, \"context_tokens\": null}";
}

TurnOrder answered(ServerApi& api, std::shared_ptr<Agent> agent,
                   std::shared_ptr<ServerExchange> exchange, AnswerForm form) {
  TurnOrder order;
  order.agent = agent;
  std::shared_ptr<TurnAnswer> answer;
  if (form.streaming) {
    const auto streamed = std::make_shared<StreamedAnswer>(api, std::move(agent),
                                                           std::move(exchange), std::move(form));
    order.on_event = [streamed](const TurnEvent& event, const Response& so_far) {
      streamed->on_event(event, so_far);
    };
    order.waiting = [streamed] { streamed->waiting(); };
    answer = streamed;
  } else {
    answer =
        std::make_shared<WholeAnswer>(api, std::move(agent), std::move(exchange), std::move(form));
  }
  order.done = [answer](const Response& response) { answer->done(response); };
  order.failed = [answer](const std::exception_ptr& error, const Response& so_far) {
    answer->failed(error, so_far);
  };
  return order;
}

}  // namespace memgpt
