// Embedders behind a server: what all of them share. One file a wire dialect makes the requests and
// reads the answers.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm/embedder.h"
#include "llm/http.h"
#include "llm/provider.h"
#include "llm/service_client.h"

namespace memgpt {

struct EmbeddingOptions {
  std::string model;  // as the server knows it: "text-embedding-3-small"
  std::string service = "openai";
  std::optional<std::string> base_url;  // none = the service's variable, or its default
  std::optional<std::string> api_key;   // none = the service's variable
  std::string name;                     // names the vectors; empty = by model and address
  int dimension = 0;                    // 0 = what is known of the model, else the server is asked
  bool shorten = false;  // ask for vectors of that dimension, whatever the model's is
  double weight = 0.5;
  std::size_t batch = 256;            // texts a request, at most
  std::size_t batch_bytes = 200'000;  // of text a request, but for one that is longer
  double timeout_s = 600;             // for each attempt
  int max_retries = 2;
};

// Floats in a vector of a common model; 0 where it is not known. A tag (":latest"), an owner
// ("BAAI/") and case do not matter.
[[nodiscard]] int known_dimension(std::string_view model);

// Throws ConfigError for options that cannot work, and for a service that has no embeddings.
[[nodiscard]] std::shared_ptr<Embedder> make_embedder(EmbeddingOptions options, Outside outside);

// Thread-safe. The environment is read at each call, so that a key can be set, or changed, later.
class EndpointEmbedder : public Embedder {
 public:
  [[nodiscard]] std::string name() const override { return name_; }
  // The first time it is wanted of a model that is not known, the server is asked for one vector:
  // throws what embed() throws.
  [[nodiscard]] int dimension() const override;
  [[nodiscard]] double weight() const override { return options_.weight; }
  // Throws MissingKey, InvalidInput for a text that is too long for the model, ConfigError for
  // vectors of another dimension, InvalidReply for what are none, or another ProviderError.
  [[nodiscard]] std::vector<float> embed(const std::vector<std::string>& texts) override;
  // Of a query that is too long, what the model takes of its beginning.
  [[nodiscard]] std::vector<float> embed_query(
      const std::string& text, const std::function<double(std::string_view word)>& idf) override;

 protected:
  // `path` below the service's address. Throws ConfigError for options that cannot work.
  EndpointEmbedder(EmbeddingOptions options, const Service& service, const char* path,
                   Outside outside);

  [[nodiscard]] const EmbeddingOptions& options() const { return options_; }
  // What is asked for; 0 = as many as the model gives.
  [[nodiscard]] int shortened() const;

 private:
  [[nodiscard]] virtual std::string request(std::span<const std::string> texts) const = 0;
  // A row of floats for each text, in their order. Throws InvalidReply.
  [[nodiscard]] virtual std::vector<std::vector<float>> read(std::string_view body) const = 0;

  struct Server {
    std::shared_ptr<HttpClient> client;
    WireOrigin origin;
  };
  [[nodiscard]] Server server() const;
  // Texts of one call of embed().
  struct Part {
    std::span<const std::string> all;
    std::size_t begin = 0;
    std::size_t end = 0;
    [[nodiscard]] std::size_t size() const { return end - begin; }
    [[nodiscard]] std::span<const std::string> texts() const { return all.subspan(begin, size()); }
  };
  [[nodiscard]] HttpResponse post(const Server& server, const Part& part) const;
  // None where the server takes fewer at once.
  [[nodiscard]] std::optional<std::vector<std::vector<float>>> ask(const Part& part) const;
  void embed_part(const Part& part, std::vector<float>& to) const;
  [[nodiscard]] std::size_t batch_end(std::span<const std::string> texts, std::size_t begin) const;

  EmbeddingOptions options_;
  const char* path_;
  ServiceClient server_;
  std::string name_;
  mutable std::atomic<std::size_t> batch_;  // what the server was seen to take
  mutable std::mutex asking_;               // held while the server is asked for the dimension
  mutable std::atomic<int> dimension_;
};

}  // namespace memgpt
