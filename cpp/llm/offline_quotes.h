// Search results read, and the best entries of them chosen.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llm/offline_language.h"
#include "llm/offline_request.h"

namespace memgpt::offline {

struct Entry {
  std::string time;     // "2023-05-08 13:56"
  std::string speaker;  // empty: a passage of archival memory
  std::string text;
};

struct ResultPage {
  std::vector<Entry> entries;
  long shown = 0, total = 0;  // of the header "3 of 17 ..."
};

// Reads what a search tool returned. Text of another form gives no entries.
[[nodiscard]] ResultPage read_results(std::string_view result, bool has_speakers);

// The best entries, at most `most`, best first: by the words that they share with the question,
// rare ones counting more, then by the order of the searches. `asked`: the message with the
// question, which never answers itself.
[[nodiscard]] std::vector<Entry> choose_entries(const std::vector<Entry>& entries,
                                                const Question& question, std::string_view asked,
                                                std::size_t most);

// Whether an entry that may be chosen has at least half of the words that are searched for.
[[nodiscard]] bool has_good_entry(const std::vector<Entry>& entries, const Question& question,
                                  std::string_view asked);

struct CoreLine {
  std::string label;
  std::string text;
};
// The lines of core memory that have most of the words that are searched for, and at least half.
[[nodiscard]] std::vector<CoreLine> choose_core_lines(const std::vector<CoreBlock>& blocks,
                                                      const Question& question, std::size_t most);

[[nodiscard]] std::vector<std::string> split_lines(std::string_view text);
// At most `most` characters, with an ellipsis where something is left out.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t most);

}  // namespace memgpt::offline
