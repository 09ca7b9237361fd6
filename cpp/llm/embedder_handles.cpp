// Which embedder answers for a handle.
#include <algorithm>

#include "error.h"
#include "llm/offline_embedder.h"
#include "llm/ollama_embedder.h"
#include "llm/openai_embedder.h"
#include "memory/text.h"

namespace memgpt {

namespace {

// Azure's addresses are made of deployments; its embeddings are to be had below ".../openai/v1", as
// a base_url.
bool embeds(const Service* service) { return service != nullptr && !service->azure; }

}  // namespace

std::shared_ptr<Embedder> make_embedder(EmbeddingOptions options, Outside outside) {
  const auto* const service = find_service(options.service);
  if (!embeds(service))
    throw ConfigError("no embedder answers for the endpoint type \"" + options.service +
                      "\"; there are those of models, but for azure: " + service_names());
  if (service->dialect == Dialect::ollama)
    return std::make_shared<OllamaEmbedder>(std::move(options), *service, std::move(outside));
  return std::make_shared<OpenAIEmbedder>(std::move(options), *service, std::move(outside));
}

std::shared_ptr<Embedder> embedder_for(std::string_view handle, int dimension,
                                       const Outside& outside) {
  if (handle == "offline" || handle == OfflineEmbedder().name())
    return std::make_shared<OfflineEmbedder>();
  const auto slash = handle.find('/');
  if (slash == std::string_view::npos || is_blank(handle.substr(slash + 1))) return nullptr;
  const auto* const service = find_service(handle.substr(0, slash));
  if (!embeds(service)) return nullptr;
  EmbeddingOptions options;
  options.service = service->name;
  options.model = handle.substr(slash + 1);
  options.dimension = std::clamp(dimension, 0, 1'000'000);  // a file may say anything
  return make_embedder(std::move(options), outside);
}

}  // namespace memgpt
