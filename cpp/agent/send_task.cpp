#include "agent/send_task.h"

#include "error.h"

namespace memgpt {

Agent::SendTask::SendTask(Agent& agent, std::vector<Input> inputs, const OnTurnEvent& on_event,
                          int max_steps)
    : agent_(agent), inputs_(std::move(inputs)), on_event_(on_event), max_steps_(max_steps) {
  if (inputs_.empty()) throw InvalidInput("there is no message to send");
  for (const auto& input : inputs_) check_input(input);
  if (on_event_) run_.on_event = &on_event_;
}

Agent::SendTask::~SendTask() { end_turn(); }

// The connection is dropped, and the turn goes to the next in line.
void Agent::SendTask::end_turn() {
  pending_.reset();
  call_.reset();
  hold_.reset();
  ended_ = true;
}

Response Agent::send(const Input& input, const OnTurnEvent& on_event) {
  SendTask task(*this, {input}, on_event);
  static_cast<void>(task.advance(false));
  return task.response();
}

void Agent::SendTask::begin_turn() {
  hold_.emplace(agent_.take_turn());
  agent_.check_bound();
  agent_.refresh();
  // A turn that was given a time happens then: what it writes must not seem to be of today.
  agent_.turn_time_us_ = inputs_.front().time_us;
  agent_.poll();
  agent_.renew_config();
  agent_.recover_open_calls(nullptr);
  append();
}

void Agent::SendTask::append() {
  for (int tries = 0;; ++tries) {
    const TurnRun before = run_;
    try {
      agent_.append_inputs(inputs_, run_);
      return;
    } catch (const Conflict&) {
      agent_.go_back(run_, before, tries);
    }
  }
}

const PendingReply* Agent::SendTask::advance(bool may_leave) {
  if (ended_) return nullptr;
  try {
    if (!hold_) begin_turn();
    if (left_) agent_.turn_.enter();
    left_ = false;
    do {
      if (!step(may_leave)) {
        agent_.turn_.leave();
        left_ = true;
        return pending_.get();
      }
    } while (!ended_);
  } catch (...) {
    end_turn();
    throw;
  }
  end_turn();
  return nullptr;
}

// False: a server is waited for. One that somebody has forestalled who does not know our turns is
// made again from where the head is then.
bool Agent::SendTask::step(bool may_leave) {
  try {
    if (!call_) {
      before_ = run_;
      call_ = agent_.begin_call(run_);
    }
    Reply reply;
    if (!has_reply(may_leave, reply)) return false;
    const bool go_on = agent_.finish_step(run_, *call_, reply);
    tries_ = 0;
    call_.reset();
    if (!go_on) {
      ended_ = true;
    } else if (run_.response.steps >=
               (max_steps_ > 0 ? max_steps_ : agent_.parts()->config.max_steps)) {
      run_.response.stop_reason = "max_steps";
      ended_ = true;
    } else {
      agent_.poll();
    }
  } catch (const Conflict&) {
    pending_.reset();
    call_.reset();
    agent_.go_back(run_, *before_, tries_++);
  }
  return true;
}

// Calls the model with what fits. Where it says that this is too long, something is evicted by
// force and it is called once more. False: its server is waited for.
bool Agent::SendTask::has_reply(bool may_leave, Reply& reply) {
  for (;;) {
    try {
      LLMProvider& model = *call_->provider;
      if (!pending_) {
        agent_.show_call(run_, *call_);
        if (may_leave) pending_ = model.begin(call_->context, call_->options);
        if (pending_) return false;
        reply = model.complete(call_->context, call_->options);
      } else {
        const auto pending = std::move(pending_);
        reply = pending->finish();
      }
      if (call_->events) call_->events->finish(reply);
      return true;
    } catch (const ContextOverflow& overflow) {
      agent_.make_room(run_, *call_, overflow);
    }
  }
}

}  // namespace memgpt
