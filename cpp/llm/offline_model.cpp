#include "llm/offline_model.h"

#include "llm/offline_request.h"
#include "llm/offline_step.h"

namespace memgpt {

Reply OfflineModel::complete(const std::shared_ptr<const Context>& context,
                             const CallOptions& /*options*/) {
  return decide(context->request());
}

Reply OfflineModel::decide(const Request& request) {
  const offline::Turn turn = offline::read_turn(request, offline::kSelf);
  return offline::Step(turn).next();
}

}  // namespace memgpt
