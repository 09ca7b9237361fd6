// Passages of archival memory.
#include "server/api.h"

namespace memgpt {

void add_passage_routes(Router& /*router*/, ServerApi& /*api*/) {}

}  // namespace memgpt
