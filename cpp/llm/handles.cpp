// Which provider answers for a model's handle.
#include "llm/offline_model.h"
#include "llm/openai.h"
#include "llm/provider.h"

namespace memgpt {

std::shared_ptr<LLMProvider> provider_for(std::string_view handle, const Outside& outside) {
  constexpr std::string_view kOpenAI = "openai/";
  if (handle == "offline") return std::make_shared<OfflineModel>();
  if (handle.starts_with(kOpenAI) && handle.size() > kOpenAI.size()) {
    OpenAIOptions options;
    options.model = handle.substr(kOpenAI.size());
    return std::make_shared<OpenAIProvider>(std::move(options), outside);
  }
  return nullptr;
}

}  // namespace memgpt
