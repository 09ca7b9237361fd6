// What stays in the window. A policy sees integers only and decides by them alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

// A half-open range [begin, end).
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

// The messages of a window, oldest first, as numbers: one entry a message in every array.
struct PolicyWindow {
  std::vector<std::int32_t> tokens;     // overhead included
  std::vector<std::int32_t> roles;      // as in Role: 0 user, 1 assistant, 2 tool, 3 system
  std::vector<std::int64_t> ages;       // microseconds before the newest message
  std::vector<std::int32_t> pins;       // 1 = the user wants it kept
  std::vector<std::int32_t> scores;     // see importance()
  std::vector<std::int32_t> groups;     // equal = a call and its returns: they stay or go together
  std::vector<std::int64_t> positions;  // in the agent's log
  int newest_user = -1;                 // index of the newest user message; never evicted
  int newest_input = -1;                // index of the input of the current turn; never evicted
  int fixed_tokens = 0;                 // system prompt, tools, blocks, summary
  int limit_tokens = 0;                 // the window less the reply reserve
  bool warned = false;                  // since the last eviction
  bool forced = false;    // a provider said that the window is full: something has to go
  std::int64_t step = 0;  // the commit that is decided about

  [[nodiscard]] std::size_t size() const { return tokens.size(); }
  [[nodiscard]] std::int64_t total() const;
  // Throws InvalidInput unless all arrays have one length and the indices lie in them.
  void check() const;
};

// What a policy decides.
struct Fit {
  std::vector<Range> keep;     // of indices, in order
  bool warn = false;           // say to the agent that the window is nearly full
  bool summarize = true;       // false: what goes is in recall memory, and in no summary
  std::string summary_prompt;  // what the summariser is asked for; empty = the stock prompt
};

class MemoryPolicy {
 public:
  virtual ~MemoryPolicy() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  // Named parameters as JSON, recorded in the journal.
  [[nodiscard]] virtual std::string parameters() const = 0;
  // The total above which it evicts, of a window's limit.
  [[nodiscard]] virtual int evicts_above(int limit_tokens) const = 0;
  // False: it never lets anything go, and a message that does not fit is refused.
  [[nodiscard]] virtual bool evicts() const { return true; }
  // Pure: the same window gives the same decision.
  [[nodiscard]] virtual Fit fit(const std::shared_ptr<const PolicyWindow>& window) const = 0;
};

// Throws PolicyError, naming the policy and the step, where a decision cannot be used: ranges that
// are empty, out of order or out of range, a call without its return, the newest user message or
// the turn's input gone, or more kept than fits though something could go.
void check_fit(const PolicyWindow& window, const Fit& fit, std::string_view policy);

// A share of the window less the reserve, in thousandths: policies use integers only, so that a
// decision is the same on every machine.
class Share {
 public:
  Share(double share);  // NOLINT(google-explicit-constructor): it is written as a number
  [[nodiscard]] int of(int tokens) const;
  [[nodiscard]] std::string json() const;
  [[nodiscard]] int thousandths() const { return thousandths_; }

 private:
  int thousandths_;
};

// MemGPT's policy: warn, then evict the oldest messages into a recursive summary (Packer et al.,
// "MemGPT: Towards LLMs as Operating Systems", 2023).
class RecursiveSummary final : public MemoryPolicy {
 public:
  struct Options {
    Share warn_at = 0.75;
    Share evict_at = 0.90;
    Share evict_to = 0.50;
  };
  // Throws ConfigError unless 0 < evict_to < evict_at <= 1 and 0 < warn_at <= 1.
  explicit RecursiveSummary(Options options);
  RecursiveSummary() : RecursiveSummary(Options{}) {}

  [[nodiscard]] std::string name() const override { return "RecursiveSummary"; }
  [[nodiscard]] std::string parameters() const override;
  [[nodiscard]] int evicts_above(int limit_tokens) const override;
  [[nodiscard]] Fit fit(const std::shared_ptr<const PolicyWindow>& window) const override;

 private:
  Options options_;
};

// The oldest messages go, into no summary.
class SlidingWindow final : public MemoryPolicy {
 public:
  struct Options {
    Share evict_at = 0.90;
    Share evict_to = 0.50;
  };
  // Throws ConfigError unless 0 < evict_to < evict_at <= 1.
  explicit SlidingWindow(Options options);

  [[nodiscard]] std::string name() const override { return "SlidingWindow"; }
  [[nodiscard]] std::string parameters() const override;
  [[nodiscard]] int evicts_above(int limit_tokens) const override;
  [[nodiscard]] Fit fit(const std::shared_ptr<const PolicyWindow>& window) const override;

 private:
  Options options_;
};

// What scores low goes first, whatever its age, into a recursive summary.
class Importance final : public MemoryPolicy {
 public:
  struct Options {
    Share evict_at = 0.90;
    Share evict_to = 0.50;
    Share recent = 0.10;  // what the newest messages may take before their scores count
  };
  // Throws ConfigError unless 0 < evict_to < evict_at <= 1 and 0 <= recent < evict_to.
  explicit Importance(Options options);

  [[nodiscard]] std::string name() const override { return "Importance"; }
  [[nodiscard]] std::string parameters() const override;
  [[nodiscard]] int evicts_above(int limit_tokens) const override;
  [[nodiscard]] Fit fit(const std::shared_ptr<const PolicyWindow>& window) const override;

 private:
  Options options_;
};

// Nothing goes: what does not fit is refused with WindowFull.
class NoEviction final : public MemoryPolicy {
 public:
  [[nodiscard]] std::string name() const override { return "NoEviction"; }
  [[nodiscard]] std::string parameters() const override { return "{}"; }
  [[nodiscard]] int evicts_above(int limit_tokens) const override { return limit_tokens; }
  [[nodiscard]] bool evicts() const override { return false; }
  [[nodiscard]] Fit fit(const std::shared_ptr<const PolicyWindow>& window) const override;
};

// The policy of the kernel's own of this name with these parameters (JSON); null for any other
// name. Throws ConfigError for parameters that it has not or that cannot work.
[[nodiscard]] std::shared_ptr<const MemoryPolicy> builtin_policy(std::string_view name,
                                                                 std::string_view parameters);

}  // namespace memgpt
