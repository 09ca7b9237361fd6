#include "server/turns.h"

#include <algorithm>

#include "server/refusal.h"

namespace memgpt {

namespace {

constexpr double kPingSeconds = 30;

}  // namespace

struct Turns::Job {
  explicit Job(TurnOrder given) : agent_id(given.agent->id()), order(std::move(given)) {}
  Job(std::string id, std::function<void()> given)
      : agent_id(std::move(id)), work(std::move(given)) {}
  void check() const {
    if (cancelled) throw TurnCancelled();
  }

  const std::string agent_id;
  TurnOrder order;
  const std::function<void()> work;  // empty: a turn
  std::atomic<bool> cancelled{false};
  std::optional<Agent::SendTask> task;
  std::chrono::steady_clock::time_point deadline{};  // of the model's answer
  // Guarded by the mutex of Turns.
  Head input;
  std::uint64_t wait = 0;  // at the waiter; 0 = a worker has it
  bool over = false;       // its client may know already
};

Turns::Turns(std::size_t threads, std::size_t queued, const Workers::Around& around)
    : queued_(queued), workers_(threads, queued + threads, around) {}

Turns::~Turns() { stop(std::chrono::duration<double>(0)); }

void Turns::begin(TurnOrder order) {
  put(std::make_shared<Job>(std::move(order)));
  ++begun_;
}

void Turns::after(const std::string& agent_id, std::function<void()> work) {
  put(std::make_shared<Job>(agent_id, std::move(work)));
}

void Turns::put(const std::shared_ptr<Job>& job) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) throw Refusal(503, "the server is stopping; send again when it is back");
    if (waiting_ >= queued_) throw Refusal(503, "too many turns wait already; send again later");
    ++waiting_;
    auto& line = jobs_[job->agent_id];
    line.push_back(job);
    if (line.size() > 1) return;  // end() of the one before it starts it
  }
  start(job);
}

void Turns::start(const std::shared_ptr<Job>& job) {
  // There is room for as many as may wait, and the workers stop last.
  static_cast<void>(workers_.post([this, job] { run(job); }));
}

namespace {

// A worker must not end by what an answer could not say: who is left without one is told by the
// exchange's end.
void tell(const TurnOrder& order, const std::exception_ptr& error, const Response& so_far) {
  try {
    order.failed(error, so_far);
  } catch (...) {
    return;
  }
}

}  // namespace

void Turns::run(const std::shared_ptr<Job>& job) {
  static const Response kNothing;
  if (job->work) {
    job->work();
    return end(job);
  }
  try {
    job->check();
    if (!job->task) {
      // Outlives this call: the job is the task's owner.
      OnTurnEvent on_event = [this, &job = *job](const TurnEvent& event) {
        job.check();
        if (event.kind == TurnEvent::Kind::step) {
          const std::scoped_lock lock(mutex_);
          job.input = job.task->progress().input;
        }
        if (job.order.on_event) job.order.on_event(event, job.task->progress());
      };
      job->task.emplace(*job->order.agent, std::move(job->order.inputs), on_event,
                        job->order.max_steps);
    }
    while (const auto* pending = job->task->advance(true)) {
      job->check();
      if (pending->descriptor() < 0) continue;
      job->deadline = std::chrono::steady_clock::now() +
                      std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                          std::chrono::duration<double>(pending->timeout_s()));
      return wait_for_server(job, *pending);
    }
    set_over(*job);
    job->order.done(job->task->response());
  } catch (...) {
    set_over(*job);
    tell(job->order, std::current_exception(), job->task ? job->task->progress() : kNothing);
  }
  end(job);
}

// Who has the answer does not find the turn under way any more.
void Turns::set_over(Job& job) {
  const std::scoped_lock lock(mutex_);
  job.over = true;
}

void Turns::wait_for_server(const std::shared_ptr<Job>& job, const PendingReply& pending) {
  const auto left = std::chrono::duration<double>(job->deadline - std::chrono::steady_clock::now());
  const double seconds = std::max(0.0, left.count());
  const std::scoped_lock lock(mutex_);
  job->wait = waiter_.wait(pending.descriptor(), std::min(seconds, kPingSeconds),
                           [this, job, &pending, last = seconds <= kPingSeconds](bool ready) {
                             workers_.resume([this, job, &pending, ready, last] {
                               {
                                 const std::scoped_lock resumed(mutex_);
                                 job->wait = 0;
                               }
                               if (ready || last || job->cancelled) return run(job);
                               if (job->order.waiting) job->order.waiting();
                               wait_for_server(job, pending);
                             });
                           });
  // A cancellation that came just before found nothing to wake.
  if (job->cancelled && waiter_.forget(job->wait)) {
    job->wait = 0;
    start(job);
  }
}

void Turns::end(const std::shared_ptr<Job>& job) {
  job->task.reset();
  std::shared_ptr<Job> next;
  {
    const std::scoped_lock lock(mutex_);
    --waiting_;
    const auto found = jobs_.find(job->agent_id);
    found->second.pop_front();
    if (found->second.empty())
      jobs_.erase(found);
    else
      next = found->second.front();
  }
  ended_.notify_all();
  if (next) start(next);
}

std::vector<Turns::Active> Turns::active() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Active> all;
  for (const auto& [id, line] : jobs_)
    if (!line.front()->work && !line.front()->over) all.push_back({id, line.front()->input});
  return all;
}

std::vector<Head> Turns::cancel(const std::string& agent_id, const std::vector<Head>& inputs) {
  std::vector<Head> ended;
  std::vector<std::shared_ptr<Job>> woken;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = jobs_.find(agent_id);
    if (found == jobs_.end()) return ended;
    for (const auto& job : found->second) {
      if (job->work || job->over) continue;
      if (!inputs.empty() && std::find(inputs.begin(), inputs.end(), job->input) == inputs.end())
        continue;
      job->cancelled = true;
      ended.push_back(job->input);
      if (job->wait != 0 && waiter_.forget(job->wait)) {
        job->wait = 0;
        woken.push_back(job);
      }
    }
  }
  for (const auto& job : woken) start(job);
  return ended;
}

void Turns::stop(std::chrono::duration<double> timeout) {
  std::vector<std::string> agents;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    ended_.wait_for(lock, timeout, [&] { return jobs_.empty(); });
    for (const auto& [id, line] : jobs_) agents.push_back(id);
  }
  for (const auto& id : agents) cancel(id, {});
  {
    // A model or tool that cannot be broken off is waited for no longer than this.
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return jobs_.empty(); });
  }
  waiter_.stop();
  workers_.stop();
}

}  // namespace memgpt
