// What stays in the window. A policy sees integers only and decides by them alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace memgpt {

// A half-open range [begin, end).
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

struct FitInput {
  std::vector<int> tokens;  // one a message in the window, oldest first, overhead included
  std::vector<int> groups;  // equal numbers = a call and its returns: they stay or go together
  int newest_user = -1;     // index of the newest user message; never evicted
  int newest_input = -1;    // index of the input of the current turn; never evicted
  int fixed_tokens = 0;     // system prompt, tools, blocks, summary
  int limit_tokens = 0;     // the window less the reply reserve
  bool warned = false;      // since the last eviction
};

struct FitDecision {
  std::vector<Range> keep;  // of indices, in order
  bool warn = false;
};

class MemoryPolicy {
 public:
  virtual ~MemoryPolicy() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  // Named parameters as JSON, recorded in the journal.
  [[nodiscard]] virtual std::string parameters() const = 0;
  // The total above which it evicts, of a window's limit.
  [[nodiscard]] virtual int evicts_above(int limit_tokens) const = 0;
  // force: evict even below the threshold (a provider said that the window is full).
  [[nodiscard]] virtual FitDecision fit(const FitInput& input, bool force) const = 0;
};

// MemGPT's policy: warn, then evict the oldest messages into a recursive summary (Packer et al.,
// "MemGPT: Towards LLMs as Operating Systems", 2023). Shares are of the window less the reserve.
class RecursiveSummary final : public MemoryPolicy {
 public:
  struct Options {
    double warn_at = 0.75;
    double evict_at = 0.90;
    double evict_to = 0.50;
  };
  // Throws ConfigError unless 0 < evict_to < evict_at <= 1 and 0 < warn_at <= 1.
  explicit RecursiveSummary(Options options);
  RecursiveSummary() : RecursiveSummary(Options{}) {}

  [[nodiscard]] std::string name() const override { return "RecursiveSummary"; }
  [[nodiscard]] std::string parameters() const override;
  [[nodiscard]] int evicts_above(int limit_tokens) const override;
  [[nodiscard]] FitDecision fit(const FitInput& input, bool force) const override;
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  // Thresholds in thousandths: decisions use integers only, so that replay decides the same.
  Options options_;
};

}  // namespace memgpt
