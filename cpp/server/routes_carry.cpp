// What concerns an agent as a whole: its file, its context, its compaction.
#include "server/api.h"

namespace memgpt {

void add_carry_routes(Router& /*router*/, ServerApi& /*api*/) {}

}  // namespace memgpt
