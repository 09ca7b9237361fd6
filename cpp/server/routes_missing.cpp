// What is not served.
#include "server/api.h"

namespace memgpt {

void add_missing_routes(Router& /*router*/, ServerApi& /*api*/) {}

}  // namespace memgpt
