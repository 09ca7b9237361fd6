#include "memory/policy.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "error.h"

namespace memgpt {

namespace {

int share_of(int tokens, double share) {
  const auto thousandths = static_cast<std::int64_t>(std::lround(share * 1000));
  return static_cast<int>(static_cast<std::int64_t>(tokens) * thousandths / 1000);
}

// Walks the groups oldest first and marks them evicted until `total` is at most `target`.
// Indices in [begin, end) only; the newest user message and the newest input stay.
void evict_groups(const FitInput& input, std::size_t begin, std::size_t end, int target,
                  std::vector<bool>& evicted, int& total) {
  for (std::size_t i = begin; i < end && total > target;) {
    std::size_t next = i + 1;
    while (next < input.tokens.size() && input.groups[next] == input.groups[i]) ++next;
    if (static_cast<int>(i) != input.newest_user && static_cast<int>(i) != input.newest_input) {
      for (std::size_t k = i; k < next; ++k) {
        evicted[k] = true;
        total -= input.tokens[k];
      }
    }
    i = next;
  }
}

std::vector<Range> ranges_of_kept(const std::vector<bool>& evicted) {
  std::vector<Range> keep;
  for (std::size_t i = 0; i < evicted.size(); ++i) {
    if (evicted[i]) continue;
    const auto index = static_cast<std::int64_t>(i);
    if (!keep.empty() && keep.back().end == index)
      ++keep.back().end;
    else
      keep.push_back({index, index + 1});
  }
  return keep;
}

}  // namespace

RecursiveSummary::RecursiveSummary(Options options) : options_(options) {
  const bool ok = options.evict_to > 0 && options.evict_to < options.evict_at &&
                  options.evict_at <= 1 && options.warn_at > 0 && options.warn_at <= 1;
  if (!ok)
    throw ConfigError(
        "RecursiveSummary needs 0 < evict_to < evict_at <= 1 and 0 < warn_at <= 1 (shares of the "
        "window)");
}

std::string RecursiveSummary::parameters() const {
  const auto number = [](double share) {
    auto text = std::to_string(std::lround(share * 1000));
    return text + "e-3";
  };
  return "{\"warn_at\": " + number(options_.warn_at) +
         ", \"evict_at\": " + number(options_.evict_at) +
         ", \"evict_to\": " + number(options_.evict_to) + "}";
}

int RecursiveSummary::evicts_above(int limit_tokens) const {
  return share_of(limit_tokens, options_.evict_at);
}

FitDecision RecursiveSummary::fit(const FitInput& input, bool force) const {
  int total = std::accumulate(input.tokens.begin(), input.tokens.end(), input.fixed_tokens);
  std::vector<bool> evicted(input.tokens.size(), false);
  const int evict_at = evicts_above(input.limit_tokens);
  FitDecision decision;
  if (force || total > evict_at) {
    // The current turn goes last: what was just fetched is what the next call is about.
    const auto turn = static_cast<std::size_t>(std::max(0, input.newest_input));
    evict_groups(input, 0, turn, share_of(input.limit_tokens, options_.evict_to), evicted, total);
    if (total > evict_at) evict_groups(input, turn, input.tokens.size(), evict_at, evicted, total);
  } else if (!input.warned && total > share_of(input.limit_tokens, options_.warn_at)) {
    decision.warn = true;
  }
  decision.keep = ranges_of_kept(evicted);
  return decision;
}

}  // namespace memgpt
