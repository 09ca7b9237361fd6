// Ranking of texts by words: BM25 over the rows that a head sees, lent to the neighbours of a row,
// and multiplied by what is known besides the words. The same query on the same rows gives the same
// scores on every machine.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/seen_rows.h"

namespace memgpt {

// Each can be switched off by the value in brackets. What each brings: benchmarks/README.md.
struct RankingOptions {
  double k1 = 1.2;           // BM25: saturation of repeated words
  double b = 0.3;            // BM25: how much long rows lose (0)
  bool stop = true;          // stop words out of the query (false)
  bool stem = true;          // Porter's stems (false)
  bool irregular = true;     // "went" is "go", "colour" is "color" (false)
  bool speaker_text = true;  // a speaker's name counts among the words (false)
  double related = 0.6;      // weight of related words (0)
  bool classes = true;       // "instrument" also finds "guitar" (false)
  double frame = 0.5;        // weight of words that only frame a question (1)
  double spelling = 0.8;     // weight of words a slip away, for a word in no row (0)
  std::vector<double> window = {0.6, 0.4, 0.2};  // weights of neighbours 1, 2, 3 rows away ({})
  double power = 2;                              // how neighbours are added: a p-norm (1: a sum)
  std::optional<double> reply = 0.85;            // weight of a question for the row after it (none)
  bool session = true;                           // the window ends with the session (false)
  bool own_side = true;         // rows of one's own side are counted by themselves, too (false)
  double question = 0.8;        // the row is a question (1)
  double speaker = 1.3;         // by the one speaker whom the query names (1)
  double assistant = 0.8;       // the assistant's, if the query does not say "you" (1)
  double when = 1.25;           // "when" is asked, and the row has a word of time (1)
  double name_cue = 1.2;        // who, where, which is asked, and the row has a name (1)
  double date = 2.0;            // the row is of a time that the query names (1)
  double phrase = 1.5;          // the row has a phrase that the query quotes (1)
  double session_prior = 0.5;   // x (1 + this x the session's best / the best of all) (0)
  double spread_max_df = 1.0;   // words in more than this share of rows lend nothing (1)
  std::optional<double> dense;  // weight of vectors beside words; none: the embedder's own (0)
};

// Throws ConfigError for a value that is not finite, negative, or out of its range.
void check_ranking(const RankingOptions& options);
// By which a row's score can be multiplied, at most, the session prior aside.
[[nodiscard]] double highest_factor(const RankingOptions& options);

// A time [begin, end), and months whichever the year: bit 0 is January.
struct AskedTimes {
  std::vector<std::pair<TimeUs, TimeUs>> spans;
  unsigned months = 0;
  TimeUs utc_offset_us = 0;  // of the months
  [[nodiscard]] bool has(TimeUs time) const;
};

inline constexpr unsigned kAnyKind = ~0U;

struct RankRequest {
  std::string_view text;
  RankingOptions options;
  std::vector<SeenRows> line;
  AskedTimes times;
  std::size_t wanted = 10;      // best rows
  std::optional<TimeUs> start;  // inclusive
  std::optional<TimeUs> end;    // exclusive
  unsigned kinds = kAnyKind;    // of rows, see TextRow
  unsigned assistant_kind = 0;  // of the assistant's rows
  // Rows of the line, counted through, that are as if they were not there; in order.
  std::vector<std::uint32_t> hidden;
  // Rows that are among the best whatever their score; in order.
  std::vector<std::uint32_t> also;
  // Only these count as hits, where given; in order.
  std::optional<std::vector<std::uint32_t>> only;
  // Whether a row has a phrase, by its text: asked for rows that have all words of it.
  std::function<bool(const SeenRows& part, std::size_t row, const std::vector<std::string>& phrase)>
      has_phrase;
};

struct RankedRow {
  std::size_t part = 0;      // of the line
  std::size_t row = 0;       // in its index
  std::uint32_t number = 0;  // counted through
  double score = 0;          // the sum of the terms, times the factors
};

// Why a row has its score.
struct Explanation {
  std::vector<std::pair<std::string, double>> terms;    // by stem
  std::vector<std::pair<std::string, double>> factors;  // those that are not 1
};

struct Ranking {
  std::vector<RankedRow> best;  // ties: the newer row first; those of `also` stand behind
  std::int64_t total = 0;       // rows that have a score and pass the filters
  // Call it while the request and the indexes are as they were.
  std::function<Explanation(const RankedRow& row)> explain;
};

[[nodiscard]] Ranking rank(const Vocabulary& vocabulary, const RankRequest& request);

// Terms of a query that texts are to be marked at: every form that counts as one of its words.
class QueryTerms {
 public:
  QueryTerms(std::string_view query, const RankingOptions& options);
  // The weight of a term of a text; 0 where it is none of the query's.
  [[nodiscard]] double weight(const std::string& term) const;

 private:
  RankingOptions options_;
  std::unordered_map<std::string, double> weights_;
};

}  // namespace memgpt
