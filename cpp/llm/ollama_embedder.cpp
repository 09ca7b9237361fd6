#include "llm/ollama_embedder.h"

#include <algorithm>

#include "llm/embedding_json.h"
#include "memory/text.h"

namespace memgpt {

OllamaEmbedder::OllamaEmbedder(EmbeddingOptions options, Outside outside)
    : EndpointEmbedder(std::move(options), std::move(outside),
                       {"ollama/", "http://127.0.0.1:11434", "OLLAMA_HOST", "", "/api/embed",
                        "`ollama list` shows the models that are there"}) {}

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

std::string OllamaEmbedder::read_url(std::string text) const { return ollama_url(std::move(text)); }

std::string ollama_url(std::string host) {
  if (host.empty()) return host;
  std::string scheme = "http://";
  std::string port = ":11434";
  if (const auto end = host.find("://"); end != std::string::npos) {
    scheme = host.substr(0, end + 3);
    port = "";  // the scheme's own
    host.erase(0, end + 3);
  }
  std::string path = host.substr(std::min(host.find('/'), host.size()));
  host.resize(host.size() - path.size());
  const auto address_end = host.rfind(']');  // of IPv6
  const auto colon = host.rfind(':');
  if (address_end == std::string::npos && std::count(host.begin(), host.end(), ':') > 1) {
    host = "[" + host + "]";
  } else if (colon != std::string::npos &&
             (address_end == std::string::npos || colon > address_end)) {
    port = host.substr(colon);
    host.resize(colon);
  }
  // The server's word for "every address of mine".
  if (host.empty() || host == "0.0.0.0") host = "127.0.0.1";
  return scheme + host + port + path;
}

}  // namespace memgpt
