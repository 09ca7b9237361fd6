// What search knows of English: forms of words that no rule gives, related words, and words that
// only frame a question. Everything is by stem.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace memgpt {

class English {
 public:
  English();

  // The form that stands for all of an irregular word: "went" is "go", "colour" is "color".
  [[nodiscard]] std::string_view lemma(std::string_view word) const;
  // Stems of words that mean much the same, in order.
  [[nodiscard]] const std::vector<std::string>& related(std::string_view stem) const;
  // Stems of the members of a class: "instrument" has "guitar", and not the other way round.
  [[nodiscard]] const std::vector<std::string>& members(std::string_view stem) const;
  // "kind", "name", "describe": what a question has besides what it asks for.
  [[nodiscard]] bool frames_a_question(std::string_view stem) const;
  // "yesterday", "march": what an answer to "when" has.
  [[nodiscard]] bool tells_time(std::string_view word) const;

 private:
  using Stems = std::unordered_map<std::string, std::vector<std::string>>;
  void relate(Stems& out, std::string_view word, std::string_view other) const;

  std::unordered_map<std::string_view, std::string_view> lemmas_;
  Stems related_;
  Stems members_;
  std::unordered_set<std::string> stop_stems_;
  std::unordered_set<std::string> frame_;
  std::unordered_set<std::string_view> time_;
};

// Made at its first use.
[[nodiscard]] const English& english();

}  // namespace memgpt
