#include "memory/policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "error.h"
#include "memory/json.h"

namespace memgpt {

namespace {

// Messages [begin, end) that stay or go together.
struct Group {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::int64_t tokens = 0;
  int score = 0;            // of its best message
  bool protected_ = false;  // newest user message, the turn's input, or pinned
};

bool is_newest(const PolicyWindow& window, std::size_t index) {
  const auto at = static_cast<int>(index);
  return at == window.newest_user || at == window.newest_input;
}

std::vector<Group> groups_of(const PolicyWindow& window) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < window.size(); ++i) {
    if (i == 0 || window.groups[i] != window.groups[i - 1])
      groups.push_back({i, i, 0, std::numeric_limits<int>::min(), false});
    Group& group = groups.back();
    group.end = i + 1;
    group.tokens += window.tokens[i];
    group.score = std::max(group.score, window.scores[i]);
    group.protected_ = group.protected_ || is_newest(window, i) || window.pins[i] != 0;
  }
  return groups;
}

std::vector<Range> all_of(const PolicyWindow& window) {
  if (window.size() == 0) return {};
  return {{0, static_cast<std::int64_t>(window.size())}};
}

// Lets groups go, in the order given, until the total is at most a target.
class Eviction {
 public:
  explicit Eviction(const PolicyWindow& window)
      : groups_(groups_of(window)), gone_(groups_.size(), false), total_(window.total()) {}

  [[nodiscard]] const std::vector<Group>& groups() const { return groups_; }
  [[nodiscard]] std::int64_t total() const { return total_; }
  void evict(const std::vector<std::size_t>& order, std::int64_t target) {
    for (const auto index : order) {
      if (total_ <= target) return;
      if (groups_[index].protected_ || gone_[index]) continue;
      gone_[index] = true;
      total_ -= groups_[index].tokens;
    }
  }
  [[nodiscard]] std::vector<Range> kept() const {
    std::vector<Range> keep;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (gone_[i]) continue;
      const Range range{static_cast<std::int64_t>(groups_[i].begin),
                        static_cast<std::int64_t>(groups_[i].end)};
      if (!keep.empty() && keep.back().end == range.begin)
        keep.back().end = range.end;
      else
        keep.push_back(range);
    }
    return keep;
  }

 private:
  std::vector<Group> groups_;
  std::vector<bool> gone_;
  std::int64_t total_;
};

// Where an eviction stops. A provider that says that its window is full counts otherwise than we
// do, or has a smaller one: then at least half of the messages go, whatever our count says.
std::int64_t target_of(const PolicyWindow& window, const Share& evict_to) {
  const std::int64_t target = evict_to.of(window.limit_tokens);
  const auto messages = window.total() - window.fixed_tokens;
  return window.forced ? std::min(target, window.total() - messages / 2) : target;
}

// Oldest first. The current turn goes last: what was just fetched is what the next call is about.
std::vector<Range> without_oldest(const PolicyWindow& window, const Share& evict_at,
                                  const Share& evict_to) {
  Eviction eviction(window);
  std::vector<std::size_t> before;
  std::vector<std::size_t> turn;
  for (std::size_t i = 0; i < eviction.groups().size(); ++i) {
    const bool older = static_cast<int>(eviction.groups()[i].begin) < window.newest_input;
    (older ? before : turn).push_back(i);
  }
  eviction.evict(before, target_of(window, evict_to));
  eviction.evict(turn,
                 window.forced ? target_of(window, evict_to) : evict_at.of(window.limit_tokens));
  return eviction.kept();
}

bool must_evict(const PolicyWindow& window, const Share& evict_at) {
  return window.forced || window.total() > evict_at.of(window.limit_tokens);
}

void check_shares(std::string_view policy, const Share& evict_at, const Share& evict_to) {
  if (evict_to.thousandths() > 0 && evict_to.thousandths() < evict_at.thousandths() &&
      evict_at.thousandths() <= 1000)
    return;
  throw ConfigError(std::string(policy) +
                    " needs 0 < evict_to < evict_at <= 1 (shares of the window)");
}

// A parameter of a policy: its name, and where it is kept.
template <typename Options>
struct NamedShare {
  const char* name;
  Share Options::* member;
};
template <typename Options, std::size_t N>
using Shares = std::array<NamedShare<Options>, N>;

constexpr Shares<RecursiveSummary::Options, 3> kRecursiveSummary = {
    {{"warn_at", &RecursiveSummary::Options::warn_at},
     {"evict_at", &RecursiveSummary::Options::evict_at},
     {"evict_to", &RecursiveSummary::Options::evict_to}}};
constexpr Shares<SlidingWindow::Options, 2> kSlidingWindow = {
    {{"evict_at", &SlidingWindow::Options::evict_at},
     {"evict_to", &SlidingWindow::Options::evict_to}}};
constexpr Shares<Importance::Options, 3> kImportance = {
    {{"evict_at", &Importance::Options::evict_at},
     {"evict_to", &Importance::Options::evict_to},
     {"recent", &Importance::Options::recent}}};

template <typename Options, std::size_t N>
std::string json_of(const Options& options, const Shares<Options, N>& shares) {
  std::string out = "{";
  for (const auto& [name, member] : shares)
    out += (out.size() > 1 ? ", \"" : "\"") + std::string(name) + "\": " + (options.*member).json();
  return out + '}';
}

}  // namespace

std::int64_t PolicyWindow::total() const {
  return std::accumulate(tokens.begin(), tokens.end(), std::int64_t{fixed_tokens});
}

void PolicyWindow::check() const {
  const auto n = tokens.size();
  if (roles.size() != n || ages.size() != n || pins.size() != n || scores.size() != n ||
      groups.size() != n || positions.size() != n)
    throw InvalidInput("the arrays of a PolicyWindow must have one length, that of tokens: " +
                       std::to_string(n));
  for (const int index : {newest_user, newest_input})
    if (index < -1 || index >= static_cast<int>(n))
      throw InvalidInput("newest_user and newest_input are indices of messages, or -1; not " +
                         std::to_string(index));
}

void check_fit(const PolicyWindow& window, const Fit& fit, std::string_view policy) {
  const auto refuse = [&](const std::string& what) {
    throw PolicyError("the memory policy " + std::string(policy) + " cannot be followed in step " +
                      std::to_string(window.step) + ": " + what +
                      ". Correct it, or give the agent another: agent.policy = ...");
  };
  const auto drawn = [](const Range& range) {
    return "[" + std::to_string(range.begin) + ", " + std::to_string(range.end) + ")";
  };
  const auto size = static_cast<std::int64_t>(window.size());
  std::vector<bool> kept(window.size(), false);
  std::int64_t last = 0;
  std::int64_t total = window.fixed_tokens;
  for (const auto& range : fit.keep) {
    if (range.begin >= range.end) refuse("the range " + drawn(range) + " is empty");
    if (range.begin < 0 || range.end > size)
      refuse("the range " + drawn(range) + " is not of a window of " + std::to_string(size) +
             " messages");
    if (range.begin < last)
      refuse("the range " + drawn(range) + " begins before the last one ends, at " +
             std::to_string(last));
    last = range.end;
    for (auto i = static_cast<std::size_t>(range.begin); i < static_cast<std::size_t>(last); ++i) {
      kept[i] = true;
      total += window.tokens[i];
    }
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i] && is_newest(window, i))
      refuse("it lets message " + std::to_string(i) + " go, " +
             (static_cast<int>(i) == window.newest_user ? "the newest user message"
                                                        : "the input of this turn") +
             ", which is always kept");
    if (i > 0 && window.groups[i] == window.groups[i - 1] && kept[i] != kept[i - 1])
      refuse("it separates message " + std::to_string(i - 1) + " from message " +
             std::to_string(i) + ": a call and its returns stay or go together");
  }
  // What stays or goes together with a pinned message is pinned, too.
  const auto groups = groups_of(window);
  const bool could_go = std::any_of(groups.begin(), groups.end(), [&](const Group& group) {
    return kept[group.begin] && !group.protected_;
  });
  if (total > window.limit_tokens && could_go)
    refuse("it keeps " + std::to_string(total) + " tokens, " + std::to_string(window.fixed_tokens) +
           " of them before the messages, and the limit is " + std::to_string(window.limit_tokens));
  if (window.forced && could_go &&
      std::all_of(kept.begin(), kept.end(), [](bool stays) { return stays; }))
    refuse("it lets nothing go, though the provider said that the window is full (forced)");
}

Share::Share(double share)
    : thousandths_(std::isfinite(share) && std::abs(share) < 1000
                       ? static_cast<int>(std::lround(share * 1000))
                       : -1) {}

int Share::of(int tokens) const {
  return static_cast<int>(static_cast<std::int64_t>(tokens) * thousandths_ / 1000);
}

std::string Share::json() const { return std::to_string(thousandths_) + "e-3"; }

RecursiveSummary::RecursiveSummary(Options options) : options_(options) {
  check_shares(name(), options.evict_at, options.evict_to);
  if (options.warn_at.thousandths() <= 0 || options.warn_at.thousandths() > 1000)
    throw ConfigError("RecursiveSummary needs 0 < warn_at <= 1 (a share of the window)");
}

std::string RecursiveSummary::parameters() const { return json_of(options_, kRecursiveSummary); }

int RecursiveSummary::evicts_above(int limit_tokens) const {
  return options_.evict_at.of(limit_tokens);
}

Fit RecursiveSummary::fit(const std::shared_ptr<const PolicyWindow>& window) const {
  if (must_evict(*window, options_.evict_at))
    return {without_oldest(*window, options_.evict_at, options_.evict_to), false, true, ""};
  const bool warn = !window->warned && window->total() > options_.warn_at.of(window->limit_tokens);
  return {all_of(*window), warn, true, ""};
}

SlidingWindow::SlidingWindow(Options options) : options_(options) {
  check_shares(name(), options.evict_at, options.evict_to);
}

std::string SlidingWindow::parameters() const { return json_of(options_, kSlidingWindow); }

int SlidingWindow::evicts_above(int limit_tokens) const {
  return options_.evict_at.of(limit_tokens);
}

Fit SlidingWindow::fit(const std::shared_ptr<const PolicyWindow>& window) const {
  if (!must_evict(*window, options_.evict_at)) return {all_of(*window), false, false, ""};
  return {without_oldest(*window, options_.evict_at, options_.evict_to), false, false, ""};
}

Importance::Importance(Options options) : options_(options) {
  check_shares(name(), options.evict_at, options.evict_to);
  if (options.recent.thousandths() < 0 ||
      options.recent.thousandths() >= options.evict_to.thousandths())
    throw ConfigError("Importance needs 0 <= recent < evict_to (shares of the window)");
}

std::string Importance::parameters() const { return json_of(options_, kImportance); }

int Importance::evicts_above(int limit_tokens) const { return options_.evict_at.of(limit_tokens); }

Fit Importance::fit(const std::shared_ptr<const PolicyWindow>& window) const {
  if (!must_evict(*window, options_.evict_at)) return {all_of(*window), false, true, ""};
  Eviction eviction(*window);
  const auto& groups = eviction.groups();
  std::vector<std::size_t> scored;
  std::vector<std::size_t> recent;
  std::int64_t room = options_.recent.of(window->limit_tokens);
  for (std::size_t i = groups.size(); i-- > 0;) {
    room -= groups[i].tokens;
    const bool of_turn = static_cast<int>(groups[i].begin) >= window->newest_input;
    (of_turn || room >= 0 ? recent : scored).push_back(i);
  }
  std::sort(scored.begin(), scored.end(), [&](std::size_t a, std::size_t b) {
    return groups[a].score != groups[b].score ? groups[a].score < groups[b].score : a < b;
  });
  std::reverse(recent.begin(), recent.end());
  eviction.evict(scored, target_of(*window, options_.evict_to));
  eviction.evict(recent, window->forced ? target_of(*window, options_.evict_to)
                                        : options_.evict_at.of(window->limit_tokens));
  return {eviction.kept(), false, true, ""};
}

Fit NoEviction::fit(const std::shared_ptr<const PolicyWindow>& window) const {
  if (window->forced || window->total() > window->limit_tokens)
    throw WindowFull(
        (window->forced ? "the model says that the window is full: " : "the window is full: ") +
        std::to_string(window->total()) + " tokens of " + std::to_string(window->limit_tokens) +
        ", and the policy NoEviction lets nothing go. Give the agent another policy "
        "(agent.policy = memgpt.RecursiveSummary()) or a larger context_window");
  return {all_of(*window), false, false, ""};
}

namespace {

// Any parameter that the policy has not is refused.
template <typename Policy, typename Options, std::size_t N>
std::shared_ptr<const MemoryPolicy> make_policy(std::string_view policy,
                                                std::string_view parameters,
                                                const Shares<Options, N>& shares) {
  boost::system::error_code error;
  const auto value = json::parse(parameters, error);
  if (error || !value.is_object())
    throw ConfigError("the parameters of " + std::string(policy) + " are not a JSON object");
  Options options;
  for (const auto& [key, number] : value.get_object()) {
    const auto found = std::find_if(shares.begin(), shares.end(), [&](const auto& share) {
      return key == std::string_view(share.name);
    });
    if (found == shares.end() || !number.is_number())
      throw ConfigError(std::string(policy) + " has no parameter \"" + std::string(key) +
                        "\" of this form");
    options.*(found->member) = Share(number.template to_number<double>());
  }
  return std::make_shared<const Policy>(options);
}

}  // namespace

std::shared_ptr<const MemoryPolicy> builtin_policy(std::string_view name,
                                                   std::string_view parameters) {
  if (name == "RecursiveSummary")
    return make_policy<RecursiveSummary>(name, parameters, kRecursiveSummary);
  if (name == "SlidingWindow") return make_policy<SlidingWindow>(name, parameters, kSlidingWindow);
  if (name == "Importance") return make_policy<Importance>(name, parameters, kImportance);
  if (name == "NoEviction") return std::make_shared<const NoEviction>();
  return nullptr;
}

}  // namespace memgpt
