// Embeddings as OpenAI's servers give them, and many others: llama.cpp, vLLM, LM Studio, TEI,
// Azure.
#pragma once

#include "llm/endpoint_embedder.h"

namespace memgpt {

// POST <base>/embeddings; OPENAI_API_KEY, OPENAI_BASE_URL.
class OpenAIEmbedder final : public EndpointEmbedder {
 public:
  OpenAIEmbedder(EmbeddingOptions options, Outside outside);

 private:
  [[nodiscard]] std::string request(std::span<const std::string> texts) const override;
  [[nodiscard]] std::vector<std::vector<float>> read(std::string_view body) const override;
};

}  // namespace memgpt
