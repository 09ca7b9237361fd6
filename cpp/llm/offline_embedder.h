// An embedder without weights: hashed words and pieces of words.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/embedder.h"

namespace memgpt {

// Texts are near when they share words, words of one stem, or pieces of words; it knows no
// synonyms. Features are counted in integers, so the floats are the same on every machine.
class OfflineEmbedder final : public Embedder {
 public:
  [[nodiscard]] std::string name() const override { return "offline-1"; }
  [[nodiscard]] int dimension() const override { return 1024; }
  // More of it drags the words down: see benchmarks/README.md.
  [[nodiscard]] double weight() const override { return 0.1; }
  // Rows have length 1; a text without words gives the first unit vector.
  [[nodiscard]] std::vector<float> embed(const std::vector<std::string>& texts) override;
  // Every feature of a word counts by the word's idf, a pair's by the mean of the two. Writing
  // without spaces is asked for by characters and pairs of them.
  [[nodiscard]] std::vector<float> embed_query(
      const std::string& text, const std::function<double(std::string_view word)>& idf) override;
};

}  // namespace memgpt
