// Tools.
#include "server/api.h"

namespace memgpt {

void add_tool_routes(Router& /*router*/, ServerApi& /*api*/) {}

}  // namespace memgpt
