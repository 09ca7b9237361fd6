// Steps and runs, as records of the journal.
#include "server/api.h"

namespace memgpt {

void add_step_routes(Router& /*router*/, ServerApi& /*api*/) {}

}  // namespace memgpt
