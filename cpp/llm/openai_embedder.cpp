#include "llm/openai_embedder.h"

#include "error.h"
#include "llm/embedding_json.h"
#include "memory/text.h"

namespace memgpt {

std::string OpenAIEmbedder::request(std::span<const std::string> texts) const {
  std::string out = R"({"model": )";
  append_json_string(out, options().model);
  out += R"(, "encoding_format": "float")";
  if (const int wanted = shortened(); wanted > 0)
    out += R"(, "dimensions": )" + std::to_string(wanted);
  out += R"(, "input": [)";
  for (const auto& text : texts) {
    if (&text != texts.data()) out += ", ";
    append_json_string(out, text);
  }
  return out + "]}";
}

// Each row says whose it is; where a server leaves that out, they are in order.
std::vector<std::vector<float>> OpenAIEmbedder::read(std::string_view body) const {
  simdjson::dom::parser parser;
  const auto data = list_in(embedding_answer(parser, body), "data");
  std::vector<std::vector<float>> rows(data.size());
  std::size_t next = 0;
  for (const auto item : data) {
    simdjson::dom::element embedding;
    if (item["embedding"].get(embedding) != simdjson::SUCCESS)
      throw InvalidReply("an item of its \"data\" has no \"embedding\"");
    std::uint64_t index = next++;
    if (const auto said = item["index"]; said.error() != simdjson::NO_SUCH_FIELD &&
                                         said.get_uint64().get(index) != simdjson::SUCCESS)
      throw InvalidReply("an \"index\" in its answer is no number");
    if (index >= rows.size() || !rows[index].empty())
      throw InvalidReply("an \"index\" in its answer is too large, or there twice");
    rows[index] = vector_of(embedding);
  }
  return rows;
}

}  // namespace memgpt
