// Text to vectors.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

class Embedder {
 public:
  virtual ~Embedder() = default;

  // Names the vectors: vectors of different names are never compared.
  [[nodiscard]] virtual std::string name() const = 0;
  [[nodiscard]] virtual int dimension() const = 0;
  // Of its vectors beside words when passages are ranked, where words weigh 1.
  [[nodiscard]] virtual double weight() const { return 0.5; }
  // One row of `dimension()` floats a text, row-major; rows need not be normalised.
  [[nodiscard]] virtual std::vector<float> embed(const std::vector<std::string>& texts) = 0;
  // One row: the vector to search with. `idf` says how rare a word is among the texts searched, 0
  // or more; words come as memory/words.h cuts them, in lower case, before stemming. Stored vectors
  // do not have it, for it changes with every text; in a dot product it can all be on one side.
  [[nodiscard]] virtual std::vector<float> embed_query(
      const std::string& text, const std::function<double(std::string_view word)>& /*idf*/) {
    return embed({text});
  }
};

struct Outside;  // llm/provider.h

// The embedder for a handle, or for the name of what a handle gave ("offline", "openai/<model>",
// "ollama/<model>" ...; see services.h); null where none answers for it. `dimension` as a file has
// it; 0 = not known.
[[nodiscard]] std::shared_ptr<Embedder> embedder_for(std::string_view handle, int dimension,
                                                     const Outside& outside);

}  // namespace memgpt
