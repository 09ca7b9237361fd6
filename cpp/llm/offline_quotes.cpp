#include "llm/offline_quotes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "memory/block.h"
#include "memory/words.h"

namespace memgpt::offline {
namespace {

// Tuned on questions about long conversations, in hundredths.
constexpr int kRankWeight = 40;     // of the mean word, for the first result
constexpr int kQuestionKeeps = 80;  // of the score where the entry is itself a question
constexpr int kMentioned = 25;      // of a speaker's name, where someone else speaks
constexpr int kKindred = 50;        // of a word, for one of kindred meaning
constexpr int kKeep = 50;           // of the best score: what is worth quoting beside it

constexpr std::int64_t kWord = 1000;  // a word that all entries have

// "[2023-05-08 13:56] " at the beginning of `line`.
bool begins_entry(std::string_view line) {
  static constexpr std::string_view kForm = "[0000-00-00 00:00] ";
  if (line.size() < kForm.size()) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = line[i] >= '0' && line[i] <= '9';
    if (kForm[i] == '0' ? !digit : line[i] != kForm[i]) return false;
  }
  return true;
}

Entry read_entry(std::string_view text, bool has_speakers) {
  static constexpr std::size_t kLongestName = 80;
  Entry entry;
  entry.time = text.substr(1, 16);
  text.remove_prefix(19);
  const std::size_t colon = text.substr(0, kLongestName).find(": ");
  if (has_speakers && colon != std::string_view::npos) {
    entry.speaker = text.substr(0, colon);
    text.remove_prefix(colon + 2);
  } else if (has_speakers) {
    entry.speaker = "unknown speaker";
  }
  entry.text = text;
  return entry;
}

std::set<std::string> stems_of(std::string_view text) {
  std::set<std::string> stems;
  for (const std::string& word : words(text)) stems.insert(stem(word));
  return stems;
}

bool has_term(const std::set<std::string>& stems, const Term& term) {
  return std::any_of(term.stems.begin(), term.stems.end(),
                     [&](const std::string& root) { return stems.contains(root); });
}

std::size_t shared_terms(const std::set<std::string>& stems, const Question& question) {
  return static_cast<std::size_t>(
      std::count_if(question.terms.begin(), question.terms.end(),
                    [&](const Term& term) { return has_term(stems, term); }));
}

bool is_question(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n\"')");
  return last != std::string_view::npos && text[last] == '?';
}

bool is_in(const std::optional<DateRange>& range, std::string_view time) {
  const std::string_view date = time.substr(0, 10);
  return range && date >= range->start && date <= range->end;
}

// An entry with what choosing needs of it.
struct Candidate {
  const Entry* entry = nullptr;
  std::set<std::string> speaker;  // stems of the name
  std::set<std::string> stems;    // of the name and of the text
  std::int64_t score = 0;
};

std::vector<Candidate> candidates_of(const std::vector<Entry>& entries, std::string_view asked) {
  std::vector<Candidate> candidates;
  std::set<std::vector<std::string>> seen = {words(asked)};
  for (const Entry& entry : entries) {
    if (entry.text.starts_with("[offline]") || !seen.insert(words(entry.text)).second) continue;
    candidates.push_back(
        {&entry, stems_of(entry.speaker), stems_of(entry.speaker + ' ' + entry.text), 0});
  }
  return candidates;
}

// Integers, so that the choice is the same on every machine.
std::vector<std::int64_t> weigh_terms(const std::vector<Candidate>& candidates,
                                      const Question& question) {
  std::vector<std::int64_t> weights;
  for (const Term& term : question.terms) {
    const auto having = std::count_if(candidates.begin(), candidates.end(),
                                      [&](const Candidate& c) { return has_term(c.stems, term); });
    const auto all = static_cast<double>(candidates.size() + 1);
    weights.push_back(static_cast<std::int64_t>(static_cast<double>(kWord) *
                                                std::sqrt(all / static_cast<double>(having + 1))));
  }
  return weights;
}

void score(std::vector<Candidate>& candidates, const Question& question) {
  const std::vector<std::int64_t> weights = weigh_terms(candidates, question);
  std::set<std::string> speakers;
  for (const Candidate& c : candidates) speakers.insert(c.speaker.begin(), c.speaker.end());
  const auto terms = static_cast<std::int64_t>(std::max<std::size_t>(weights.size(), 1));
  std::int64_t mean = 0;
  for (const std::int64_t weight : weights) mean += weight;
  mean /= terms;
  const auto count = static_cast<std::int64_t>(candidates.size());
  for (std::int64_t rank = 0; rank < count; ++rank) {
    Candidate& candidate = candidates[static_cast<std::size_t>(rank)];
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (!has_term(candidate.stems, question.terms[i])) continue;
      const std::string& root = question.terms[i].stems.front();
      int share = candidate.stems.contains(root) ? 100 : kKindred;
      // Who is asked about mostly speaks of it.
      if (speakers.contains(root) && !candidate.speaker.contains(root)) share = kMentioned;
      candidate.score += weights[i] * share / 100;
    }
    const bool asks = is_question(candidate.entry->text);
    // Asked for a day and nothing else, questions of that day are no answer.
    const bool on_the_day = is_in(question.dates, candidate.entry->time);
    if (on_the_day && !(asks && weights.empty())) candidate.score += std::max(mean, kWord);
    if (candidate.score == 0) continue;
    candidate.score += mean * kRankWeight * (count - rank) / count / 100;
    if (asks) candidate.score = candidate.score * kQuestionKeeps / 100;
  }
}

}  // namespace

ResultPage read_results(std::string_view result, bool has_speakers) {
  ResultPage page;
  const char* const end = result.data() + result.size();
  const auto shown = std::from_chars(result.data(), end, page.shown);
  const std::string_view rest = result.substr(static_cast<std::size_t>(shown.ptr - result.data()));
  if (shown.ec != std::errc() || !rest.starts_with(" of ")) return {};
  std::from_chars(rest.data() + 4, end, page.total);
  for (std::size_t at = result.find("\n["); at != std::string_view::npos;) {
    const std::size_t begin = at + 1;
    at = result.find("\n[", begin);
    if (!begins_entry(result.substr(begin))) continue;
    while (at != std::string_view::npos && !begins_entry(result.substr(at + 1))) {
      at = result.find("\n[", at + 1);
    }
    page.entries.push_back(read_entry(result.substr(begin, at - begin), has_speakers));
  }
  return page;
}

bool has_good_entry(const std::vector<Entry>& entries, const Question& question,
                    std::string_view asked) {
  const std::vector<Candidate> candidates = candidates_of(entries, asked);
  return std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
    return shared_terms(candidate.stems, question) * 2 >= question.terms.size();
  });
}

std::vector<Entry> choose_entries(const std::vector<Entry>& entries, const Question& question,
                                  std::string_view asked, std::size_t most) {
  std::vector<Candidate> candidates = candidates_of(entries, asked);
  score(candidates, question);
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  std::vector<Entry> chosen;
  for (const Candidate& candidate : candidates) {
    const bool weak = candidate.score * 100 < candidates.front().score * kKeep;
    if (candidate.score == 0 || weak || chosen.size() == most) break;
    // One common word of many is no match.
    const std::size_t shared = shared_terms(candidate.stems, question);
    const bool match = shared * 4 >= question.terms.size();
    if (match || is_in(question.dates, candidate.entry->time)) chosen.push_back(*candidate.entry);
  }
  return chosen;
}

std::vector<CoreLine> choose_core_lines(const std::vector<CoreBlock>& blocks,
                                        const Question& question, std::size_t most) {
  struct Match {
    CoreLine line;
    std::size_t shared = 0;
  };
  std::vector<Match> matches;
  for (const CoreBlock& block : blocks) {
    for (std::string& line : split_lines(block.value)) {
      const std::size_t shared = shared_terms(stems_of(line), question);
      if (shared == 0 || shared * 2 < question.terms.size()) continue;
      matches.push_back({{block.label, std::move(line)}, shared});
    }
  }
  std::stable_sort(matches.begin(), matches.end(),
                   [](const Match& a, const Match& b) { return a.shared > b.shared; });
  std::vector<CoreLine> lines;
  for (Match& match : matches) {
    const bool best = match.shared == matches.front().shared;
    if (best && lines.size() < most) lines.push_back(std::move(match.line));
  }
  return lines;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::string shortened(std::string_view text, std::size_t most) {
  if (count_characters(text) <= most) return std::string(text);
  std::size_t at = 0;
  for (std::size_t seen = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && seen++ == most) break;
  }
  return std::string(text.substr(0, at)) + "\xE2\x80\xA6";
}

}  // namespace memgpt::offline
