// Archives that agents share.
#include "server/api.h"

namespace memgpt {

void add_archive_routes(Router& /*router*/, ServerApi& /*api*/) {}

}  // namespace memgpt
