// The little English that the offline model has: what is asked and what is to be kept.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt::offline {

// Days as "2023-05-08", both inclusive.
struct DateRange {
  std::string start;
  std::string end;
};

// A word to search for.
struct Term {
  std::string text;                  // as it was written
  std::vector<std::string> kindred;  // words that say much the same: "moved" for "live"
  std::vector<std::string> stems;    // of the word and of its kindred
};

enum class Subject { other, user, model };

struct Question {
  std::string text;  // the sentences that ask
  std::vector<Term> terms;
  std::optional<DateRange> dates;
  Subject subject = Subject::other;  // whom it is about, where there is nothing to search for
  bool of_oneself = false;           // says "I" or "my"
};

struct Understanding {
  std::vector<std::string> statements;  // sentences that may hold facts about the speaker
  std::vector<std::string> keep;        // what the speaker asks to keep
  std::optional<Question> question;
};

// `time`: when it was said, "2023-05-08 13:56" or empty.
[[nodiscard]] Understanding understand(std::string_view text, std::string_view time);

}  // namespace memgpt::offline
