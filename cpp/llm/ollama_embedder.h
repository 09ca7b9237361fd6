// Embeddings as Ollama's own interface gives them.
#pragma once

#include "llm/endpoint_embedder.h"

namespace memgpt {

// POST <host>/api/embed; OLLAMA_HOST.
class OllamaEmbedder final : public EndpointEmbedder {
 public:
  OllamaEmbedder(EmbeddingOptions options, Outside outside);

 private:
  [[nodiscard]] std::string request(std::span<const std::string> texts) const override;
  [[nodiscard]] std::vector<std::vector<float>> read(std::string_view body) const override;
  [[nodiscard]] std::string read_url(std::string text) const override;
};

// The address in OLLAMA_HOST, as Ollama's own client reads it: "192.168.0.2", ":11434",
// "http://host:port/path".
[[nodiscard]] std::string ollama_url(std::string host);

}  // namespace memgpt
