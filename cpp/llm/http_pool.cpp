#include "llm/http_pool.h"

#include <unistd.h>

#include <chrono>
#include <iterator>
#include <map>
#include <mutex>
#include <vector>

namespace memgpt {

namespace {

using Clock = std::chrono::steady_clock;
// Servers and firewalls forget connections that are quiet for long.
constexpr auto kIdleLimit = std::chrono::seconds(50);
constexpr std::size_t kMaxIdle = 64;

struct Idle {
  std::unique_ptr<HttpConnection> connection;
  Clock::time_point since;
};

}  // namespace

struct HttpPools::State {
  const int process = ::getpid();                 // whose connections they are
  std::mutex mutex;                               // guards what follows
  std::map<std::string, std::vector<Idle>> idle;  // newest last
  std::map<std::string, std::shared_ptr<HttpTls>> tls;

  // Of all endpoints, so that one that is never asked again leaves nothing behind. They are closed
  // by the caller, without the lock.
  [[nodiscard]] std::vector<Idle> take_old() {
    std::vector<Idle> old;
    const auto limit = Clock::now() - kIdleLimit;
    for (auto entry = idle.begin(); entry != idle.end();) {
      auto& list = entry->second;
      auto first = list.begin();
      while (first != list.end() && first->since < limit) ++first;
      std::move(list.begin(), first, std::back_inserter(old));
      list.erase(list.begin(), first);
      entry = list.empty() ? idle.erase(entry) : std::next(entry);
    }
    return old;
  }
};

HttpPools::HttpPools() : state_(new State) {}

// A child's exit leaves the parent's connections alone, see state().
HttpPools::~HttpPools() {
  State* state = state_.load();
  const std::unique_ptr<State> mine(state->process == ::getpid() ? state : nullptr);
}

// After a fork the connections are the parent's: two processes on one would read each other's
// answers, and closing them would say so to the server where they have TLS. The lock, too, may be
// held for ever, by a thread that the child has not. All of it is left alone.
HttpPools::State& HttpPools::state() {
  State* known = state_.load();
  if (known->process == ::getpid()) return *known;
  auto fresh = std::make_unique<State>();
  if (state_.compare_exchange_strong(known, fresh.get())) known = fresh.release();
  return *known;
}

std::unique_ptr<HttpConnection> HttpPools::take(const std::string& key) {
  auto& state = this->state();
  for (;;) {
    std::vector<Idle> old;
    std::unique_ptr<HttpConnection> connection;
    {
      const std::scoped_lock lock(state.mutex);
      old = state.take_old();
      const auto found = state.idle.find(key);
      if (found == state.idle.end()) return nullptr;
      connection = std::move(found->second.back().connection);
      found->second.pop_back();
      if (found->second.empty()) state.idle.erase(found);
    }
    if (!connection->is_stale()) return connection;
  }
}

bool HttpPools::close_idle() {
  auto& state = this->state();
  std::map<std::string, std::vector<Idle>> idle;
  const std::scoped_lock lock(state.mutex);
  idle.swap(state.idle);
  return !idle.empty();
}

void HttpPools::give(const std::string& key, std::unique_ptr<HttpConnection> connection) {
  auto& state = this->state();
  std::vector<Idle> old;
  const std::scoped_lock lock(state.mutex);
  old = state.take_old();
  auto& list = state.idle[key];
  if (list.size() < kMaxIdle) list.push_back({std::move(connection), Clock::now()});
}

std::shared_ptr<HttpTls> HttpPools::tls(const std::string& trust) {
  auto& state = this->state();
  const std::scoped_lock lock(state.mutex);
  auto& known = state.tls[trust];
  if (!known) known = read_authorities();
  return known;
}

}  // namespace memgpt
