// Which embedder answers for a handle.
#include <algorithm>

#include "llm/offline_embedder.h"
#include "llm/ollama_embedder.h"
#include "llm/openai_embedder.h"
#include "memory/text.h"

namespace memgpt {

std::shared_ptr<Embedder> embedder_for(std::string_view handle, int dimension,
                                       const Outside& outside) {
  if (handle == "offline" || handle == OfflineEmbedder().name())
    return std::make_shared<OfflineEmbedder>();
  const auto model_of = [&](std::string_view prefix) {
    return handle.starts_with(prefix) ? handle.substr(prefix.size()) : std::string_view();
  };
  EmbeddingOptions options;
  options.dimension = std::clamp(dimension, 0, 1'000'000);  // a file may say anything
  if (const auto model = model_of("openai/"); !is_blank(model)) {
    options.model = model;
    return std::make_shared<OpenAIEmbedder>(std::move(options), outside);
  }
  if (const auto model = model_of("ollama/"); !is_blank(model)) {
    options.model = model;
    return std::make_shared<OllamaEmbedder>(std::move(options), outside);
  }
  return nullptr;
}

}  // namespace memgpt
