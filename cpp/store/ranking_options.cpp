#include <algorithm>
#include <cmath>

#include "error.h"
#include "memory/calendar.h"
#include "store/ranking.h"

namespace memgpt {

namespace {

constexpr std::size_t kMaxWindow = 16;

}  // namespace

void check_ranking(const RankingOptions& options) {
  const auto check = [](const char* name, double value, double low, double high) {
    if (std::isfinite(value) && value >= low && value <= high) return;
    throw ConfigError(std::string("ranking: ") + name + " must be from " + std::to_string(low) +
                      " to " + std::to_string(high) + ", not " + std::to_string(value));
  };
  check("k1", options.k1, 0, 100);
  check("b", options.b, 0, 1);
  check("power", options.power, 1, 16);
  check("spread_max_df", options.spread_max_df, 0, 1);
  const std::pair<const char*, double> factors[] = {{"related", options.related},
                                                    {"frame", options.frame},
                                                    {"spelling", options.spelling},
                                                    {"question", options.question},
                                                    {"speaker", options.speaker},
                                                    {"assistant", options.assistant},
                                                    {"when", options.when},
                                                    {"name_cue", options.name_cue},
                                                    {"date", options.date},
                                                    {"phrase", options.phrase},
                                                    {"session_prior", options.session_prior},
                                                    {"dense", options.dense.value_or(0)}};
  for (const auto& [name, value] : factors) check(name, value, 0, 1000);
  if (options.reply) check("reply", *options.reply, 0, 1000);
  if (options.window.size() > kMaxWindow)
    throw ConfigError("ranking: window takes " + std::to_string(kMaxWindow) +
                      " weights at most, one a distance");
  for (const double weight : options.window) check("window", weight, 0, 1000);
}

bool AskedTimes::has(TimeUs time) const {
  for (const auto& [from, to] : spans)
    if (time >= from && time < to) return true;
  if (months == 0) return false;
  const int month = calendar::month_of(calendar::day_of(time + utc_offset_us));
  return (months >> (month - 1) & 1U) != 0;
}

double highest_factor(const RankingOptions& options) {
  double highest = 1;
  for (const double factor : {options.question, options.speaker, options.assistant, options.when,
                              options.name_cue, options.date, options.phrase})
    highest *= std::max(1.0, factor);
  return highest;
}

}  // namespace memgpt
