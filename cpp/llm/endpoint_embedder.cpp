#include "llm/endpoint_embedder.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "error.h"
#include "llm/hosted_model.h"
#include "memory/text.h"

namespace memgpt {

namespace {

struct KnownModel {
  std::string_view prefix;
  int dimension;
};
// Whose size is in a tag ("qwen3-embedding:4b") is asked for.
constexpr std::array kKnownModels = {
    KnownModel{"text-embedding-3-small", 1536},
    KnownModel{"text-embedding-3-large", 3072},
    KnownModel{"text-embedding-ada-002", 1536},
    KnownModel{"nomic-embed-text", 768},
    KnownModel{"mxbai-embed-large", 1024},
    KnownModel{"all-minilm", 384},
    KnownModel{"all-mpnet-base", 768},
    KnownModel{"bge-m3", 1024},
    KnownModel{"bge-small-en", 384},
    KnownModel{"bge-base-en", 768},
    KnownModel{"bge-large", 1024},
    KnownModel{"snowflake-arctic-embed2", 1024},
    KnownModel{"embeddinggemma", 768},
    KnownModel{"multilingual-e5-small", 384},
    KnownModel{"multilingual-e5-base", 768},
    KnownModel{"multilingual-e5-large", 1024},
    KnownModel{"jina-embeddings-v3", 1024},
    KnownModel{"mistral-embed", 1024},
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool holds(std::string_view text, std::initializer_list<std::string_view> signs) {
  return std::any_of(signs.begin(), signs.end(), [&](std::string_view sign) {
    return text.find(sign) != std::string_view::npos;
  });
}

// Where fewer texts at once may do: OpenAI, TEI and llama.cpp in their words.
bool says_too_many(const HttpResponse& response) {
  const auto text = lower(utf8_prefix(response.body, 4096));
  return holds(text, {"tokens per request", "max_tokens_per_request", "allowed batch size",
                      "input array must", "too many inputs"}) ||
         (response.status == 413 && !holds(text, {"rate_limit_exceeded"}));
}

bool says_text_too_long(const HttpResponse& response) {
  if (says_too_long(response.status, response.body)) return true;
  return response.status >= 400 &&
         holds(lower(utf8_prefix(response.body, 4096)),
               {"too large to process", "input length exceeds", "maximum input length"});
}

void check_options(const EmbeddingOptions& options) {
  if (is_blank(options.model)) throw ConfigError("the embedding model's name is empty");
  check_utf8(options.model, "the embedding model's name");
  check_utf8(options.name, "the embedder's name");
  if (options.dimension < 0 || options.dimension > 1'000'000)
    throw ConfigError("dimension must be the number of floats in a vector, or 0");
  if (options.shorten && options.dimension == 0)
    throw ConfigError("shorten needs the dimension that is wanted: give dimension=...");
  if (!(options.weight >= 0 && options.weight <= 1000))
    throw ConfigError("weight must be from 0 to 1000");
  if (options.batch < 1 || options.batch_bytes < 1) throw ConfigError("batch must be at least 1");
  if (options.max_retries < 0) throw ConfigError("max_retries must not be negative");
  if (!(options.timeout_s > 0 && options.timeout_s <= 86'400))
    throw ConfigError("timeout_s must be more than 0 and at most 86400");
}

ServiceClient::Options client_options(const EmbeddingOptions& options) {
  HttpOptions http;
  http.timeout_s = options.timeout_s;
  http.max_retries = options.max_retries;
  return {"embedder", options.model, options.base_url, options.api_key, std::move(http)};
}

}  // namespace

int known_dimension(std::string_view model) {
  const auto name = lower(model.substr(model.rfind('/') + 1));  // all of it where there is none
  for (const auto& known : kKnownModels)
    if (name.starts_with(known.prefix)) return known.dimension;
  return 0;
}

EndpointEmbedder::EndpointEmbedder(EmbeddingOptions options, const Service& service,
                                   const char* path, Outside outside)
    : options_(std::move(options)),
      path_(path),
      server_(client_options(options_), service, std::move(outside)),
      batch_(options_.batch),
      dimension_(options_.dimension > 0 ? options_.dimension : known_dimension(options_.model)) {
  check_options(options_);
  name_ = options_.name.empty() ? server_.name() : options_.name;
}

int EndpointEmbedder::shortened() const {
  const int known = known_dimension(options_.model);
  const bool other = options_.dimension > 0 && known > 0 && options_.dimension != known;
  return options_.shorten || other ? options_.dimension : 0;
}

EndpointEmbedder::Server EndpointEmbedder::server() const {
  auto client = server_.http();
  auto origin = server_.origin(*client, server_.key());
  return {std::move(client), std::move(origin)};
}

HttpResponse EndpointEmbedder::post(const Server& server, const Part& part) const {
  const auto headers = server_.headers(server.origin.key);
  try {
    return server.client->post(path_, headers, request(part.texts()));
  } catch (const ProviderTimeout& error) {
    if (part.size() == 1) throw;
    throw ProviderTimeout(std::string(error.what()) + " (for " + std::to_string(part.size()) +
                          " texts at once: give the embedder a smaller batch, or more timeout_s)");
  }
}

// What went wrong names the text: of many, only the server saw which.
std::optional<std::vector<std::vector<float>>> EndpointEmbedder::ask(const Part& part) const {
  const Server server = this->server();
  auto response = post(server, part);
  if (response.status < 200 || response.status > 299) {
    const bool too_long = says_text_too_long(response);
    if (part.size() > 1 && (too_long || says_too_many(response))) {
      if (!too_long) batch_ = std::min(batch_.load(), (part.size() + 1) / 2);
      return std::nullopt;
    }
    if (too_long) {
      hide_key(response.body, server.origin.key);
      const auto& text = part.all[part.begin];
      throw InvalidInput(
          "text " + std::to_string(part.begin + 1) + " of " + std::to_string(part.all.size()) +
          " (\"" + std::string(utf8_prefix(text, 60)) + "...\", " + std::to_string(text.size()) +
          " bytes) is longer than the embedding model \"" + options_.model +
          "\" takes: split it into shorter passages. " + server.origin.url + " answered " +
          std::to_string(response.status) + ": " + error_text(response.body, server.origin.key));
    }
    throw_status(std::move(response), server.origin);
  }
  try {
    auto rows = read(response.body);
    if (rows.size() == part.size()) return rows;
    throw InvalidReply("it gave " + std::to_string(rows.size()) + " vectors for " +
                       std::to_string(part.size()) + " texts");
  } catch (const InvalidReply& error) {
    hide_key(response.body, server.origin.key);
    throw InvalidReply(server.origin.url + ": " + error.what() + ". It sent " +
                       std::string(utf8_prefix(valid_utf8(response.content_type), 100)) + ": \"" +
                       std::string(utf8_prefix(error_text(response.body, server.origin.key), 120)) +
                       "\"; check that " + server.origin.url_variable +
                       " is the address of a server for embeddings, and that \"" + options_.model +
                       "\" is a model for them");
  }
}

void EndpointEmbedder::embed_part(const Part& part, std::vector<float>& to) const {
  const auto rows = ask(part);
  if (!rows) {
    const auto middle = part.begin + part.size() / 2;
    embed_part({part.all, part.begin, middle}, to);
    embed_part({part.all, middle, part.end}, to);
    return;
  }
  for (const auto& row : *rows) {
    const auto width = static_cast<std::size_t>(dimension_.load());
    if (width > 0 && row.size() != width)
      throw ConfigError(
          "embedder \"" + name_ + "\" gave a vector of " + std::to_string(row.size()) +
          " numbers, and its vectors have " + std::to_string(width) +
          ": is another model loaded, or is it dimension=" + std::to_string(row.size()) +
          "? agent.reembed() makes all vectors anew by another embedder");
    to.insert(to.end(), row.begin(), row.end());
  }
}

std::size_t EndpointEmbedder::batch_end(std::span<const std::string> texts,
                                        std::size_t begin) const {
  std::size_t end = begin;
  std::size_t bytes = 0;
  const auto most = std::min(texts.size() - begin, batch_.load());
  do {
    bytes += texts[end++].size();
  } while (end - begin < most && bytes + texts[end].size() <= options_.batch_bytes);
  return end;
}

std::vector<float> EndpointEmbedder::embed(const std::vector<std::string>& texts) {
  std::vector<float> rows;
  rows.reserve(texts.size() * static_cast<std::size_t>(dimension()));
  for (std::size_t begin = 0, end = 0; begin < texts.size(); begin = end) {
    end = batch_end(texts, begin);
    embed_part({texts, begin, end}, rows);
  }
  return rows;
}

std::vector<float> EndpointEmbedder::embed_query(
    const std::string& text, const std::function<double(std::string_view word)>& /*idf*/) {
  constexpr std::size_t kShortest = 64;
  for (std::string_view asked = text;; asked = utf8_prefix(asked, asked.size() / 2)) {
    try {
      return embed({std::string(asked)});
    } catch (const InvalidInput&) {
      if (asked.size() / 2 < kShortest) throw;
    }
  }
}

int EndpointEmbedder::dimension() const {
  if (const int known = dimension_; known > 0) return known;
  const std::scoped_lock lock(asking_);
  if (const int known = dimension_; known > 0) return known;
  const std::vector<std::string> probe = {"dimension"};
  const auto rows = ask({probe, 0, 1});
  dimension_ = static_cast<int>(rows->front().size());
  return dimension_;
}

}  // namespace memgpt
