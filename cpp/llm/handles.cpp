// Which provider answers for a model's handle.
#include <algorithm>

#include "error.h"
#include "llm/offline_model.h"
#include "llm/services.h"

namespace memgpt {

std::shared_ptr<LLMProvider> provider_for(std::string_view handle, const Outside& outside) {
  if (handle == "offline") return std::make_shared<OfflineModel>();
  const auto slash = handle.find('/');
  if (slash == std::string_view::npos || slash + 1 == handle.size()) return nullptr;
  const auto* const service = find_service(handle.substr(0, slash));
  if (service == nullptr) return nullptr;
  ModelOptions options;
  options.service = service->name;
  options.model = handle.substr(slash + 1);
  return make_provider(std::move(options), outside);
}

std::string LLMProvider::payload(const Context& context, const CallOptions& options) {
  static_cast<void>(options);
  const auto handle = model();
  RequestForm form;
  form.model = std::string_view(handle).substr(std::min(handle.find('/') + 1, handle.size()));
  return context.to_request_json(form);
}

std::string_view to_string(Reasoning reasoning) {
  switch (reasoning) {
    case Reasoning::argument: return "argument";
    case Reasoning::native: return "native";
    case Reasoning::none: return "none";
  }
  return "argument";
}

Reasoning reasoning_from_string(std::string_view text) {
  for (const auto reasoning : {Reasoning::argument, Reasoning::native, Reasoning::none})
    if (text == to_string(reasoning)) return reasoning;
  throw ConfigError("reasoning is \"argument\", \"native\" or \"none\", not \"" +
                    std::string(text) + '"');
}

}  // namespace memgpt
