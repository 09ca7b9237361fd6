#include "llm/retry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>

namespace memgpt {

namespace {

// 529 is "overloaded" in the words of some; 409 a lock that is held.
constexpr std::array kPassing = {408, 409, 425, 429, 500, 502, 503, 504, 529};

std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc{} || read.ptr != end) return {};
  if (!std::isfinite(value) || value < 0) return {};
  return value;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", in the words of no language but English.
std::optional<std::int64_t> http_date(const std::string& text) {
  std::tm time{};
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  in >> std::get_time(&time, "%a, %d %b %Y %H:%M:%S GMT");
  if (in.fail()) return {};
  return static_cast<std::int64_t>(::timegm(&time));
}

}  // namespace

double backoff_s(int attempt, double chance) {
  return std::min(0.5 * std::exp2(attempt - 1), 8.0) * (1 - 0.25 * chance);
}

std::optional<double> asked_wait_s(const HttpResponse& response, std::int64_t now_s) {
  if (const auto ms = number(response.header("retry-after-ms"))) return *ms / 1000;
  const std::string said = response.header("retry-after");
  if (const auto seconds = number(said)) return seconds;
  const auto date = http_date(said);
  if (!date) return {};
  // By the server's own clock, where it tells: ours may be wrong.
  const auto since = http_date(response.header("date")).value_or(now_s);
  return static_cast<double>(std::max<std::int64_t>(*date - since, 0));
}

std::optional<double> wait_before_retry(const HttpResponse& response, int attempt,
                                        const RetryRules& rules, std::int64_t now_s,
                                        double chance) {
  if (attempt > rules.max_retries || response.status < 400) return {};
  if (response.status == 429 && response.body.find("insufficient_quota") != std::string::npos)
    return {};
  // What is too long will be as long the next time: llama.cpp, of a text to embed.
  if (response.status == 500 && response.body.find("too large to process") != std::string::npos)
    return {};
  const std::string should = response.header("x-should-retry");
  if (should == "false") return {};
  if (should != "true" &&
      std::find(kPassing.begin(), kPassing.end(), response.status) == kPassing.end())
    return {};
  const auto asked = asked_wait_s(response, now_s);
  if (!asked) return backoff_s(attempt, chance);
  if (*asked > rules.wait_limit_s) return {};
  return asked;
}

}  // namespace memgpt
