// Embeddings as Ollama's own interface gives them.
#pragma once

#include <utility>

#include "llm/endpoint_embedder.h"

namespace memgpt {

// POST <host>/api/embed.
class OllamaEmbedder final : public EndpointEmbedder {
 public:
  OllamaEmbedder(EmbeddingOptions options, const Service& service, Outside outside)
      : EndpointEmbedder(std::move(options), service, "/api/embed", std::move(outside)) {}

 private:
  [[nodiscard]] std::string request(std::span<const std::string> texts) const override;
  [[nodiscard]] std::vector<std::vector<float>> read(std::string_view body) const override;
};

}  // namespace memgpt
