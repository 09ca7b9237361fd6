// Embeddings as OpenAI's servers give them, and many others: llama.cpp, vLLM, LM Studio, TEI,
// Azure.
#pragma once

#include <utility>

#include "llm/endpoint_embedder.h"

namespace memgpt {

// POST <base>/embeddings.
class OpenAIEmbedder final : public EndpointEmbedder {
 public:
  OpenAIEmbedder(EmbeddingOptions options, const Service& service, Outside outside)
      : EndpointEmbedder(std::move(options), service, "/embeddings", std::move(outside)) {}

 private:
  [[nodiscard]] std::string request(std::span<const std::string> texts) const override;
  [[nodiscard]] std::vector<std::vector<float>> read(std::string_view body) const override;
};

}  // namespace memgpt
