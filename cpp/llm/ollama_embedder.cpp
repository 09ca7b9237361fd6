#include "llm/ollama_embedder.h"

#include "llm/embedding_json.h"
#include "memory/text.h"

namespace memgpt {

// By itself Ollama would cut a text that is too long, and say nothing.
std::string OllamaEmbedder::request(std::span<const std::string> texts) const {
  std::string out = R"({"model": )";
  append_json_string(out, options().model);
  out += R"(, "truncate": false)";
  if (const int wanted = shortened(); wanted > 0)
    out += R"(, "dimensions": )" + std::to_string(wanted);
  out += R"(, "input": [)";
  for (const auto& text : texts) {
    if (&text != texts.data()) out += ", ";
    append_json_string(out, text);
  }
  return out + "]}";
}

std::vector<std::vector<float>> OllamaEmbedder::read(std::string_view body) const {
  simdjson::dom::parser parser;
  std::vector<std::vector<float>> rows;
  for (const auto item : list_in(embedding_answer(parser, body), "embeddings"))
    rows.push_back(vector_of(item));
  return rows;
}

}  // namespace memgpt
