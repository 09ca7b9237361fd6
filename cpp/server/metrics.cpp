#include "server/metrics.h"

#include <unistd.h>

#include <fstream>

namespace memgpt {

namespace {

std::string number(double value) {
  std::string text = std::to_string(value);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

void head(std::string& out, const std::string& name, const char* type, const char* help) {
  out += "# HELP " + name + ' ' + help + "\n# TYPE " + name + ' ' + type + '\n';
}

std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t pages = 0;
  std::int64_t resident = 0;
  file >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

void Metrics::count_request(int status, double seconds) {
  std::size_t bucket = 0;
  while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
  const std::scoped_lock lock(mutex_);
  ++requests_[status];
  ++buckets_[bucket];
  seconds_ += seconds;
}

void Metrics::count_turn(const std::string& stop_reason, int steps) {
  const std::scoped_lock lock(mutex_);
  ++turns_[stop_reason];
  steps_ += steps;
}

std::string Metrics::text(const Gauges& gauges) const {
  const std::scoped_lock lock(mutex_);
  std::string out;
  head(out, "memgpt_requests_total", "counter", "Requests that were answered, by status.");
  for (const auto& [status, count] : requests_)
    out += "memgpt_requests_total{status=\"" + std::to_string(status) + "\"} " +
           std::to_string(count) + '\n';
  head(out, "memgpt_request_seconds", "histogram",
       "From a whole request to the end of its answer.");
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    sum += buckets_[i];
    out += "memgpt_request_seconds_bucket{le=\"" +
           (i < kBounds.size() ? number(kBounds[i]) : std::string("+Inf")) + "\"} " +
           std::to_string(sum) + '\n';
  }
  out += "memgpt_request_seconds_sum " + number(seconds_) + "\nmemgpt_request_seconds_count " +
         std::to_string(sum) + '\n';
  head(out, "memgpt_turns_total", "counter", "Turns that have ended, by stop reason.");
  for (const auto& [reason, count] : turns_)
    out += "memgpt_turns_total{stop_reason=\"" + reason + "\"} " + std::to_string(count) + '\n';
  head(out, "memgpt_steps_total", "counter", "Model calls of turns that have ended.");
  out += "memgpt_steps_total " + std::to_string(steps_) + '\n';
  const auto gauge = [&](const char* name, const char* help, std::int64_t value) {
    head(out, name, "gauge", help);
    out += std::string(name) + ' ' + std::to_string(value) + '\n';
  };
  gauge("memgpt_turns_active", "Agents with a turn under way.", gauges.turns_active);
  gauge("memgpt_agents", "Agents in the database.", gauges.agents);
  gauge("memgpt_connections", "Open connections.", connections);
  gauge("memgpt_refused_connections", "Connections that were too many, since the start.",
        refused_connections);
  gauge("process_resident_memory_bytes", "Resident memory.", resident_bytes());
  return out;
}

}  // namespace memgpt
