// What the offline model does next in an open turn.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/offline_facts.h"
#include "llm/offline_language.h"
#include "llm/offline_quotes.h"
#include "llm/offline_request.h"
#include "llm/provider.h"

namespace memgpt::offline {

// An earlier introduction is recognised by these words.
inline constexpr std::string_view kSelf = "I am a small rule-based model";
inline constexpr std::string_view kIntroduction =
    "I am a small rule-based model: I keep what you say about yourself, what you ask me to "
    "remember, and I answer questions by searching my memory.";
inline constexpr std::string_view kHuman = "human";

// A line for the human block, and what became of it.
struct FactLine {
  enum class Status { known, stored, failed, pending };
  std::string text;
  std::string old;  // what it takes the place of; empty = nothing
  Status status = Status::pending;
};

// The tools that edit core memory, and their arguments.
struct CoreEditor {
  std::string_view append;
  std::string_view replace;
  std::string_view label;
  std::string_view content;
  std::string_view old_text;
  std::string_view new_text;
};

// One step of the open turn. Everything that was done is read from the request, so that a step
// needs nothing but the request: the first thing that is still to do is done.
class Step {
 public:
  explicit Step(const Turn& turn) : turn_(turn) {}

  [[nodiscard]] Reply next();

 private:
  [[nodiscard]] Reply call(std::string_view tool, json::object arguments,
                           std::string_view thinking) const;
  [[nodiscard]] Reply say(std::string_view text) const;
  [[nodiscard]] const Done* find_done(std::string_view tool, std::string_view argument,
                                      std::string_view value) const;

  [[nodiscard]] std::optional<Reply> keep(const std::vector<std::string>& texts) const;

  // Of those that are offered.
  [[nodiscard]] const CoreEditor& editor() const;
  [[nodiscard]] Reply replace(std::string_view old_text, std::string_view new_text,
                              std::string_view thinking) const;
  [[nodiscard]] std::string speaker_prefix(const CoreBlock& block) const;
  [[nodiscard]] FactLine settle(const Fact& fact, const CoreBlock& block) const;
  void collect_facts(const std::vector<std::string>& statements);
  [[nodiscard]] std::optional<Reply> store_facts();
  [[nodiscard]] std::optional<Reply> make_room(const CoreBlock& block, std::size_t over);

  [[nodiscard]] std::optional<Reply> search(const Question& question);
  [[nodiscard]] std::optional<Reply> search_with(std::string_view tool, const std::string& query,
                                                 int page, std::string_view thinking);
  [[nodiscard]] std::optional<Reply> search_dates(const DateRange& dates);

  [[nodiscard]] std::string answer(const Question& question) const;
  [[nodiscard]] std::string report_storing(const std::vector<std::string>& kept) const;
  [[nodiscard]] std::string report_failures() const;

  const Turn& turn_;
  std::vector<FactLine> facts_;
  std::string not_stored_;  // why facts that are left could not be stored
  std::vector<Entry> entries_;
  ResultPage last_page_;
};

// `text`, the separator where there is text already, and `word`.
[[nodiscard]] std::string append_word(std::string text, std::string_view separator,
                                      std::string_view word);

}  // namespace memgpt::offline
