// Turns that clients have begun: on a few threads, in order for each agent, and without a thread
// while a model's server thinks.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/agent.h"
#include "agent/send_task.h"
#include "error.h"
#include "server/waiter.h"
#include "server/workers.h"

namespace memgpt {

// Thrown out of a turn that a client cancelled, or that the server's stop broke off.
class TurnCancelled : public Error {
 public:
  TurnCancelled() : Error("the turn was cancelled") {}
};

// What a client wants of a turn. Its functions are called on a worker, one at a time; `done` once.
struct TurnOrder {
  std::shared_ptr<Agent> agent;
  std::vector<Input> inputs;
  int max_steps = 0;
  std::function<void(const TurnEvent& event, const Response& so_far)> on_event;  // may be empty
  std::function<void(Response response)> done;
  std::function<void(std::exception_ptr error, const Response& so_far)> failed;
  std::function<void()> waiting;  // each half minute of a model's silence; may be empty
};

class Turns {
 public:
  Turns(std::size_t threads, std::size_t queued, const Workers::Around& around);
  ~Turns();

  // Throws Refusal (503) where too many wait.
  void begin(TurnOrder order);
  // Does what would have to wait for the agent's turns once those that clients have begun are over:
  // no thread waits meanwhile. `work` must not throw. Throws Refusal as begin() does.
  void after(const std::string& agent_id, std::function<void()> work);
  // What is under way, and the commit of each one's input; seq 0 = it has none yet.
  struct Active {
    std::string agent_id;
    Head input;
  };
  [[nodiscard]] std::vector<Active> active() const;
  // Turns of an agent; `inputs`: only those. Gives the ones that it ended.
  std::vector<Head> cancel(const std::string& agent_id, const std::vector<Head>& inputs);
  // Waits for what is under way, and cancels it then.
  void stop(std::chrono::duration<double> timeout);
  [[nodiscard]] std::int64_t begun() const { return begun_; }

 private:
  struct Job;
  void put(const std::shared_ptr<Job>& job);
  void start(const std::shared_ptr<Job>& job);
  void run(const std::shared_ptr<Job>& job);
  void wait_for_server(const std::shared_ptr<Job>& job, const PendingReply& pending);
  void set_over(Job& job);
  void end(const std::shared_ptr<Job>& job);

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::unordered_map<std::string, std::deque<std::shared_ptr<Job>>> jobs_;  // by agent; first: runs
  std::size_t waiting_ = 0;
  const std::size_t queued_;
  bool stopping_ = false;
  std::atomic<std::int64_t> begun_{0};
  Waiter waiter_;
  Workers workers_;
};

}  // namespace memgpt
