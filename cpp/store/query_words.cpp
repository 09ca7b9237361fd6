#include "store/query_words.h"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_set>

#include "memory/english.h"
#include "memory/terms.h"
#include "memory/text.h"
#include "memory/words.h"

namespace memgpt {

namespace {

// A query of 100 KB asks for its first words only.
constexpr std::size_t kMaxTerms = 256;
constexpr std::size_t kMaxBytes = 16'384;
constexpr std::size_t kMaxConcepts = 64;
constexpr std::size_t kMaxPhrases = 4;

// With straight quotation marks in place of typographic ones.
std::string straight_quotes(std::string_view query) {
  std::string text(query);
  for (const std::string_view mark :
       {"\xE2\x80\x9C", "\xE2\x80\x9D", "\xE2\x80\x9E", "\xC2\xAB", "\xC2\xBB"})
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
      text.replace(at, mark.size(), "\"");
  return text;
}

std::vector<std::vector<std::string>> quoted_phrases(std::string_view text, bool& only) {
  std::vector<std::vector<std::string>> phrases;
  std::size_t outside = 0;
  const auto count_outside = [&](std::string_view part) {
    for (const auto& term : asked_terms(part, kMaxTerms)) outside += term.text.empty() ? 0 : 1;
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto open = text.find('"', at);
    const auto close = open == std::string_view::npos ? open : text.find('"', open + 1);
    if (close == std::string_view::npos) {
      count_outside(text.substr(at));
      break;
    }
    count_outside(text.substr(at, open - at));
    std::vector<std::string> phrase;
    for (auto& term : asked_terms(text.substr(open + 1, close - open - 1), kMaxTerms))
      phrase.push_back(std::move(term.text));
    if (phrase.size() > 1 && phrases.size() < kMaxPhrases) phrases.push_back(std::move(phrase));
    at = close + 1;
  }
  only = !phrases.empty() && outside == 0;
  return phrases;
}

bool asks_for_a_name(const std::vector<std::string>& said) {
  if (said.empty()) return false;
  if (said[0] == "who" || said[0] == "where" || said[0] == "which") return true;
  static constexpr std::array<std::string_view, 7> kThings = {"book",    "movie", "game", "city",
                                                              "country", "band",  "song"};
  for (std::size_t i = 0; i < said.size(); ++i) {
    if (said[i] == "name" || said[i] == "called") return true;
    if (i == 0 || said[i - 1] != "what") continue;
    for (const auto thing : kThings)
      if (said[i].starts_with(thing)) return true;
  }
  return false;
}

Concept make_concept(const AskedTerm& term, const RankingOptions& options) {
  Concept made{term.text, 1, term.word, {}};
  if (term.word) made.stem = stem_of(term.text, options);
  made.variants.emplace_back(made.stem, 1.0);
  if (!term.word) return made;
  if (english().frames_a_question(stem(english().lemma(term.text)))) made.weight = options.frame;
  if (options.related <= 0) return made;
  std::vector<std::string> more = english().related(made.stem);
  if (options.classes) {
    const auto& members = english().members(made.stem);
    more.insert(more.end(), members.begin(), members.end());
    std::sort(more.begin(), more.end());
    more.erase(std::unique(more.begin(), more.end()), more.end());
  }
  for (auto& stem : more) made.variants.emplace_back(std::move(stem), options.related);
  return made;
}

}  // namespace

std::string stem_of(std::string_view form, const RankingOptions& options) {
  const auto base = options.irregular ? english().lemma(form) : form;
  return options.stem ? stem(base) : std::string(base);
}

QueryWords query_words(std::string_view query, const RankingOptions& wanted) {
  QueryWords made;
  const auto terms = asked_terms(utf8_prefix(query, kMaxBytes), kMaxTerms);
  RankingOptions options = wanted;
  const bool english_query = is_english(terms);
  if (!english_query) {
    options.stem = options.irregular = false;
    options.related = 0;
    options.frame = 1;
  }
  made.stem = options.stem;
  made.irregular = options.irregular;
  for (const auto& term : terms) made.said.push_back(term.text);
  made.phrases = quoted_phrases(straight_quotes(utf8_prefix(query, kMaxBytes)), made.only_phrases);
  made.asks_when = std::find(made.said.begin(), made.said.end(), "when") != made.said.end();
  made.asks_name = asks_for_a_name(made.said);

  // Where there is nothing but stop words they are what is looked for.
  for (const bool take_stop_words : {!options.stop, true}) {
    std::unordered_set<std::string> seen;
    for (const auto& term : terms) {
      if (made.concepts.size() >= kMaxConcepts) break;
      const bool stop =
          term.word && (english_query ? is_stop_word(term.text) : is_foreign_stop_word(term.text));
      if (stop && !take_stop_words) continue;
      auto word = make_concept(term, options);
      if (seen.insert(word.stem).second) made.concepts.push_back(std::move(word));
    }
    if (!made.concepts.empty()) break;
  }
  return made;
}

bool has_phrase(std::string_view text, const std::vector<std::string>& phrase) {
  std::vector<std::string> terms;
  for (auto& term : asked_terms(text, std::numeric_limits<std::size_t>::max()))
    terms.push_back(std::move(term.text));
  return std::search(terms.begin(), terms.end(), phrase.begin(), phrase.end()) != terms.end();
}

bool is_one_slip(std::string_view a, std::string_view b) {
  if (a.size() < b.size()) std::swap(a, b);
  if (a == b || a.size() - b.size() > 1) return false;
  std::size_t i = 0;
  while (i < b.size() && a[i] == b[i]) ++i;
  if (a.size() != b.size()) return a.substr(i + 1) == b.substr(i);
  if (a.substr(i + 1) == b.substr(i + 1)) return true;
  return i + 1 < a.size() && a[i] == b[i + 1] && a[i + 1] == b[i] &&
         a.substr(i + 2) == b.substr(i + 2);
}

QueryTerms::QueryTerms(std::string_view query, const RankingOptions& options) {
  const auto words = query_words(query, options);
  options_.stem = words.stem;
  options_.irregular = words.irregular;
  for (const auto& word : words.concepts)
    for (const auto& [variant, weight] : word.variants) {
      auto& known = weights_[variant];
      known = std::max(known, word.weight * weight);
    }
}

double QueryTerms::weight(const std::string& term) const {
  const auto found = weights_.find(stem_of(term, options_));
  return found == weights_.end() ? 0 : found->second;
}

}  // namespace memgpt
