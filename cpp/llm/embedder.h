// Text to vectors.
#pragma once

#include <string>
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
};

}  // namespace memgpt
