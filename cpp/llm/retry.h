// Whether a request is worth sending again, and when.
#pragma once

#include <cstdint>
#include <optional>

#include "llm/http.h"

namespace memgpt {

struct RetryRules {
  int max_retries = 2;
  double wait_limit_s = 60;
};

// Seconds before attempt number `attempt` + 1: 0.5, 1, 2 ... 8, less up to a quarter. `chance` lies
// between 0 and 1: clients that failed together shall not come back together.
[[nodiscard]] double backoff_s(int attempt, double chance);

// What the server asks to be waited, in seconds: from Retry-After, as a number or an HTTP date,
// and retry-after-ms. None where it does not say, or says it in no form that is known. `now_s`:
// seconds of the Unix epoch, for a date in an answer that has no date of its own.
[[nodiscard]] std::optional<double> asked_wait_s(const HttpResponse& response, std::int64_t now_s);

// Seconds to wait before an answered request is sent again, or none where it is not: for a status
// that does not pass by itself, a server that says so (x-should-retry, no quota left) or wants more
// time than the rules allow, and after the last attempt.
[[nodiscard]] std::optional<double> wait_before_retry(const HttpResponse& response, int attempt,
                                                      const RetryRules& rules, std::int64_t now_s,
                                                      double chance);

}  // namespace memgpt
