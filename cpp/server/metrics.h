// What the server counts, as Prometheus reads it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace memgpt {

class Metrics {
 public:
  void count_request(int status, double seconds);
  void count_turn(const std::string& stop_reason, int steps);
  std::atomic<std::int64_t> connections{0};
  std::atomic<std::int64_t> refused_connections{0};

  struct Gauges {
    std::int64_t turns_active = 0;
    std::int64_t agents = 0;
  };
  // The text format, version 0.0.4.
  [[nodiscard]] std::string text(const Gauges& gauges) const;

 private:
  static constexpr std::array<double, 10> kBounds = {.001, .0025, .005, .01, .05, .1, .5, 1, 5, 30};
  mutable std::mutex mutex_;
  std::map<int, std::int64_t> requests_;
  std::array<std::int64_t, kBounds.size() + 1> buckets_{};
  double seconds_ = 0;
  std::map<std::string, std::int64_t> turns_;
  std::int64_t steps_ = 0;
};

}  // namespace memgpt
