// Which texts have which words: postings in memory, derived from the journal's rows. They only
// grow, in the order of the rows, so that what a head sees of a branch is a beginning of its rows.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "memory/message.h"

namespace memgpt {

// Numbers for the forms of words: "canoe", "canoes". One for all branches.
class Vocabulary {
 public:
  std::uint32_t add(std::string_view form, bool word);
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view form) const;
  // Forms with the stem of their lemma, e.g. "canoe", "canoes".
  [[nodiscard]] std::span<const std::uint32_t> with_stem(const std::string& stem) const;
  [[nodiscard]] const std::string& text(std::uint32_t form) const { return forms_[form].text; }
  [[nodiscard]] bool tells_time(std::uint32_t form) const { return forms_[form].tells_time; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // All forms that are words, and all stems; for what the two above cannot answer.
  void each_form(const std::function<void(std::uint32_t, const std::string&)>& take) const;
  void each_stem(const std::function<void(const std::string&)>& take) const;

 private:
  struct Form {
    std::string text;
    bool word = false;
    bool tells_time = false;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::deque<Form> forms_;  // their texts stay where they are
  std::unordered_map<std::string_view, std::uint32_t, Hash> numbers_;
  std::unordered_map<std::string, std::vector<std::uint32_t>> stems_;
  std::size_t bytes_ = 0;
};

// A row of a branch: a message, or a passage.
struct TextRow {
  std::int64_t key = 0;  // its position, or row id; grows from row to row
  std::int64_t seq = 0;  // of its commit; never falls
  std::string_view text;
  std::string_view speaker;
  TimeUs time_us = 0;
  std::int64_t session = 0;  // neighbours of one session lend each other weight
  unsigned kind = 1;         // one bit, by which rows can be chosen; rows of a kind are a side
  // What rows are chosen by, too: found as a term, and no words of the text.
  std::span<const std::string> labels = {};
};

class TextIndex {
 public:
  enum Flag : std::uint8_t { kQuestion = 1, kTellsTime = 2, kHasName = 4 };
  struct Row {
    std::int64_t key = 0;
    std::int64_t seq = 0;
    TimeUs time_us = 0;
    std::int64_t session = 0;
    std::uint32_t terms = 0;      // of its text
    std::uint8_t name_terms = 0;  // of its speaker's name
    std::uint16_t speaker = 0;
    std::uint8_t flags = 0;
    std::uint8_t kind = 1;
  };
  // A row and how often the term is in it, in one number.
  struct Posting {
    static constexpr std::uint32_t kCountBits = 5;
    std::uint32_t packed = 0;
    [[nodiscard]] std::uint32_t row() const { return packed >> kCountBits; }
    [[nodiscard]] std::uint32_t count() const { return packed & ((1U << kCountBits) - 1); }
  };

  void add(Vocabulary& vocabulary, const TextRow& row);
  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] const Row& row(std::size_t at) const { return rows_[at]; }
  // How many rows commits up to `seq` wrote; those before a key.
  [[nodiscard]] std::size_t rows_up_to(std::int64_t seq) const;
  [[nodiscard]] std::size_t rows_before(std::int64_t key) const;
  // Of the first `rows` rows.
  [[nodiscard]] std::span<const Posting> postings(std::uint32_t form, std::size_t rows) const;
  // All terms of the first rows; of their texts, and of their speakers' names.
  [[nodiscard]] std::uint64_t terms_in(std::size_t rows) const;
  [[nodiscard]] std::uint64_t name_terms_in(std::size_t rows) const;
  // Speakers' names, and the first row that each has.
  struct Speaker {
    std::string name;  // lower-cased words, one space between
    std::size_t first_row = 0;
    std::vector<std::uint32_t> labels;  // one a word of the name
  };
  [[nodiscard]] const std::vector<Speaker>& speakers() const { return speakers_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::uint16_t speaker_number(Vocabulary& vocabulary, std::string_view name);

  std::vector<Row> rows_;
  struct Terms {
    std::uint64_t texts = 0;
    std::uint64_t names = 0;
  };
  std::vector<Terms> terms_before_ = {{}};  // of the rows before each; the last: of all
  std::unordered_map<std::uint32_t, std::vector<Posting>> postings_;
  std::vector<Speaker> speakers_;
  std::unordered_map<std::string, std::uint16_t> speaker_numbers_;  // by names as they were given
  std::size_t bytes_ = 0;
  std::vector<std::uint32_t> forms_;  // of the row that is being added
};

// The label of the rows whose speaker has a word in their name.
[[nodiscard]] std::string name_label(std::string_view word);

// What was said, without a note in brackets at its end ("[shared photo: ...]").
[[nodiscard]] std::string_view without_note(std::string_view text);

}  // namespace memgpt
