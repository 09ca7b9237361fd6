#include "store/ranking.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <unordered_set>

#include "memory/exact.h"
#include "store/query_words.h"

namespace memgpt {

namespace {

// Above this many rows words of more than kLargeSpread of them lend their neighbours nothing:
// it costs most and brings least.
constexpr std::size_t kLarge = 20'000;
constexpr double kLargeSpread = 0.1;
constexpr std::size_t kBlock = 4096;
constexpr std::size_t kTabled = 256;
// Texts that are read for a phrase: those with all of its words, newest first.
constexpr std::size_t kMaxPhraseRows = 50'000;
constexpr std::size_t kMaxSlips = 32;

// A row of the line, counted through, and how often a word is in it.
struct Hit {
  std::uint32_t row;
  std::uint32_t count;
};

struct Variant {
  double weight = 1;  // with its idf
  std::vector<Hit> hits;
};

struct Word {
  const Concept* word = nullptr;
  std::vector<Variant> variants;
  bool spreads = true;
};

struct Candidate {
  std::uint32_t row;
  double score;
};

bool newer_first(const Candidate& a, const Candidate& b) {
  return a.score != b.score ? a.score > b.score : a.row > b.row;
}

class Ranker {
 public:
  Ranker(const Vocabulary& vocabulary, const RankRequest& request)
      : vocabulary_(vocabulary),
        request_(request),
        options_(request.options),
        query_(query_words(request.text, request.options)) {
    for (const auto& part : request.line) {
      offsets_.push_back(rows_);
      rows_ += part.rows;
      terms_ += static_cast<double>(part.index->terms_in(part.rows));
      if (options_.speaker_text)
        terms_ += static_cast<double>(part.index->name_terms_in(part.rows));
    }
    seen_ = rows_ - request.hidden.size();
    for (const auto row : request.hidden) terms_ -= length(facts(row));
    average_ = seen_ > 0 ? terms_ / static_cast<double>(seen_) : 1;
    if (average_ <= 0) average_ = 1;
    options_.stem = query_.stem;
    options_.irregular = query_.irregular;
    window_ = std::max(options_.window.size(), std::size_t{options_.reply ? 1U : 0U});
    // In a talk of two sides each has every other row.
    reach_ = options_.own_side ? 2 * window_ : window_;
    const bool to_assistant =
        std::any_of(query_.said.begin(), query_.said.end(), [](const std::string& word) {
          return word == "you" || word == "your" || word == "assistant";
        });
    if (!to_assistant) assistant_kind_ = request.assistant_kind;
  }

  [[nodiscard]] Ranking run() {
    Ranking ranking;
    if (seen_ == 0 || (query_.concepts.empty() && request_.also.empty())) return ranking;
    make_table();
    find_words();
    find_speaker();
    names_one_ = std::any_of(named_.begin(), named_.end(), [](int named) { return named >= 0; });
    find_phrases();
    filters_ = request_.kinds != kAnyKind || request_.start || request_.end || request_.only ||
               !request_.hidden.empty() || query_.only_phrases;
    for (std::size_t begin = 0; begin < rows_; begin += kBlock)
      score_block(begin, std::min(begin + kBlock, rows_), ranking.total);
    while (next_also_ < request_.also.size()) also_.push_back({request_.also[next_also_++], 0});
    add_session_prior();
    const auto wanted = std::min(request_.wanted, candidates_.size());
    std::partial_sort(candidates_.begin(),
                      candidates_.begin() + static_cast<std::ptrdiff_t>(wanted), candidates_.end(),
                      newer_first);
    candidates_.resize(wanted);
    std::unordered_set<std::uint32_t> known;
    for (const auto& candidate : candidates_) {
      ranking.best.push_back(ranked(candidate));
      known.insert(candidate.row);
    }
    for (const auto& candidate : also_)
      if (!known.contains(candidate.row)) ranking.best.push_back(ranked(candidate));
    return ranking;
  }

  [[nodiscard]] Explanation explain(const RankedRow& of) const {
    const auto number = of.number;
    const auto& row = facts(number);
    Explanation explanation;
    for (const auto& word : words_) {
      double s = powered(own_score(word, number, length(row)));
      for (std::size_t k = 1; word.spreads && k <= reach_; ++k)
        for (const bool after : {false, true}) {
          // Whom the row stands behind lends to what comes after.
          if (after ? number < k : number + k >= rows_) continue;
          const auto other = after ? number - k : number + k;
          const double own = own_score(word, other, length(facts(other)));
          if (own <= 0) continue;
          each_lent(
              facts(other), after,
              [&](std::size_t away) -> const TextIndex::Row* {
                if (after ? other + away >= rows_ : other < away) return nullptr;
                return &facts(after ? other + away : other - away);
              },
              [&](std::size_t away, double weight) {
                if (away == k) s += powered(weight * own);
              });
        }
      if (s > 0) explanation.terms.emplace_back(word.word->stem, word.word->weight * rooted(s));
    }
    each_factor(row, number, [&](const char* name, double factor) {
      explanation.factors.emplace_back(name, factor);
    });
    if (options_.session_prior > 0)
      explanation.factors.emplace_back("session_prior", prior(number));
    return explanation;
  }

 private:
  struct Place {
    std::size_t part;
    std::size_t row;
  };
  [[nodiscard]] Place place(std::size_t row) const {
    if (offsets_.size() == 1) return {0, row};
    const auto after = std::upper_bound(offsets_.begin(), offsets_.end(), row);
    const auto part = static_cast<std::size_t>(after - offsets_.begin()) - 1;
    return {part, row - offsets_[part]};
  }
  [[nodiscard]] const TextIndex::Row& facts(std::size_t row) const {
    const auto [part, at] = place(row);
    return request_.line[part].index->row(at);
  }
  [[nodiscard]] double length(const TextIndex::Row& row) const {
    return static_cast<double>(row.terms) + (options_.speaker_text ? row.name_terms : 0);
  }
  [[nodiscard]] double idf(std::size_t df) const { return idf_of(seen_, df); }

  // Forms of a stem, as the options will have it, and the labels of names that are such a form.
  [[nodiscard]] std::vector<std::uint32_t> forms_of(const std::string& stem, bool word) const {
    std::vector<std::uint32_t> forms;
    const auto take = [&](const std::string& form) {
      if (const auto known = vocabulary_.find(form)) forms.push_back(*known);
      if (!word || !options_.speaker_text) return;
      if (const auto name = vocabulary_.find(name_label(form))) forms.push_back(*name);
    };
    if (!word || (!options_.stem && !options_.irregular)) {
      take(stem);
    } else if (options_.stem && options_.irregular) {
      for (const auto form : vocabulary_.with_stem(stem)) take(vocabulary_.text(form));
    } else {
      vocabulary_.each_form([&](std::uint32_t, const std::string& text) {
        if (stem_of(text, options_) == stem) take(text);
      });
    }
    return forms;
  }

  // The rows that have one of the forms, in order, each once.
  [[nodiscard]] std::vector<Hit> hits_of(const std::vector<std::uint32_t>& forms) const {
    std::vector<Hit> hits;
    for (std::size_t part = 0; part < request_.line.size(); ++part) {
      const auto begin = hits.size();
      for (const auto form : forms) {
        const auto middle = hits.size();
        const auto& seen = request_.line[part];
        for (const auto posting : seen.index->postings(form, seen.rows))
          hits.push_back(
              {static_cast<std::uint32_t>(offsets_[part] + posting.row()), posting.count()});
        if (middle > begin && hits.size() > middle)
          std::inplace_merge(hits.begin() + static_cast<std::ptrdiff_t>(begin),
                             hits.begin() + static_cast<std::ptrdiff_t>(middle), hits.end(),
                             [](const Hit& a, const Hit& b) { return a.row < b.row; });
      }
    }
    // The same row by two forms.
    std::size_t kept = 0;
    for (std::size_t i = 0; i < hits.size(); ++i) {
      if (kept > 0 && hits[kept - 1].row == hits[i].row)
        hits[kept - 1].count += hits[i].count;
      else
        hits[kept++] = hits[i];
    }
    hits.resize(kept);
    if (!request_.hidden.empty())
      std::erase_if(hits, [&](const Hit& hit) {
        return std::binary_search(request_.hidden.begin(), request_.hidden.end(), hit.row);
      });
    return hits;
  }

  void find_words() {
    const double share =
        seen_ > kLarge ? std::min(options_.spread_max_df, kLargeSpread) : options_.spread_max_df;
    for (const auto& word : query_.concepts) {
      Word found{&word, {}, true};
      double most = std::numeric_limits<double>::infinity();
      for (const auto& [stem, weight] : word.variants) {
        Variant variant{weight, hits_of(forms_of(stem, word.word))};
        const bool own = &stem == &word.variants.front().first;
        if (variant.hits.empty()) continue;
        const auto df = variant.hits.size();
        if (own) {
          most = idf(df);
          found.spreads = static_cast<double>(df) <= share * static_cast<double>(seen_);
        }
        variant.weight *= std::min(most, idf(df));
        found.variants.push_back(std::move(variant));
      }
      if (found.variants.empty()) add_slips(word, found);
      variants_ += found.variants.size();
      if (!found.variants.empty()) words_.push_back(std::move(found));
    }
  }

  // Words a slip away, where nothing else was found.
  void add_slips(const Concept& word, Word& found) const {
    const auto letters = [](const std::string& text) {
      return std::all_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    };
    if (options_.spelling <= 0 || !word.word || word.stem.size() < 5 || !letters(word.stem)) return;
    std::vector<std::string> slips;
    const auto take = [&](const std::string& stem) {
      if (stem[0] == word.stem[0] && is_one_slip(stem, word.stem) && letters(stem))
        slips.push_back(stem);
    };
    if (options_.stem && options_.irregular)
      vocabulary_.each_stem(take);
    else
      vocabulary_.each_form(
          [&](std::uint32_t, const std::string& form) { take(stem_of(form, options_)); });
    std::sort(slips.begin(), slips.end());
    slips.erase(std::unique(slips.begin(), slips.end()), slips.end());
    for (const auto& slip : slips) {
      if (found.variants.size() >= kMaxSlips) break;
      Variant variant{options_.spelling, hits_of(forms_of(slip, true))};
      if (variant.hits.empty()) continue;
      variant.weight *= idf(variant.hits.size());
      found.variants.push_back(std::move(variant));
    }
  }

  // The one speaker whom the query names, by their number in each part.
  void find_speaker() {
    named_.assign(request_.line.size(), -1);
    if (options_.speaker == 1) return;
    const std::unordered_set<std::string> said(query_.said.begin(), query_.said.end());
    std::string name;
    for (std::size_t part = 0; part < request_.line.size(); ++part) {
      const auto& speakers = request_.line[part].index->speakers();
      for (std::size_t i = 0; i < speakers.size(); ++i) {
        const auto& speaker = speakers[i];
        if (speaker.first_row >= request_.line[part].rows || speaker.name.empty()) continue;
        bool is_named = false;
        for (std::size_t at = 0; at < speaker.name.size();) {
          const auto end = std::min(speaker.name.find(' ', at), speaker.name.size());
          is_named = is_named || said.contains(speaker.name.substr(at, end - at));
          at = end + 1;
        }
        if (!is_named) continue;
        if (!name.empty() && name != speaker.name) {
          named_.assign(request_.line.size(), -1);
          return;
        }
        name = speaker.name;
        named_[part] = static_cast<int>(i);
      }
    }
  }

  void find_phrases() {
    if (!request_.has_phrase || query_.phrases.empty()) return;
    for (const auto& phrase : query_.phrases) {
      std::vector<std::uint32_t> rows;
      bool first = true;
      for (const auto& term : phrase) {
        const auto form = vocabulary_.find(term);
        const auto hits = form ? hits_of({*form}) : std::vector<Hit>();
        std::vector<std::uint32_t> with;
        for (const auto& hit : hits)
          if (first || std::binary_search(rows.begin(), rows.end(), hit.row))
            with.push_back(hit.row);
        rows = std::move(with);
        first = false;
      }
      std::erase_if(rows, [&](std::uint32_t row) { return !passes(facts(row), row); });
      if (rows.size() > kMaxPhraseRows)
        rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(kMaxPhraseRows));
      for (const auto row : rows) {
        const auto [part, at] = place(row);
        if (request_.has_phrase(request_.line[part], at, phrase)) quoted_.push_back(row);
      }
    }
    std::sort(quoted_.begin(), quoted_.end());
    quoted_.erase(std::unique(quoted_.begin(), quoted_.end()), quoted_.end());
  }

  // Calls take(distance, weight) for what a row lends to those after it, or before it: by how far
  // away they are, or how far among the rows of its own side. `near(k)`: the row k away.
  template <typename Near, typename Take>
  void each_lent(const TextIndex::Row& row, bool after, const Near& near, const Take& take) const {
    std::size_t own = 0;
    for (std::size_t k = 1; k <= reach_; ++k) {
      const TextIndex::Row* other = near(k);
      if (other == nullptr || (options_.session && other->session != row.session)) return;
      double weight = k <= options_.window.size() ? options_.window[k - 1] : 0;
      if (other->kind == row.kind && options_.own_side && ++own <= options_.window.size())
        weight = std::max(weight, options_.window[own - 1]);
      if (after && k == 1 && options_.reply && (row.flags & TextIndex::kQuestion) != 0)
        weight = *options_.reply;
      if (weight > 0) take(k, weight);
      if (k >= window_ && own >= window_) return;
    }
  }

  [[nodiscard]] double saturated(double weight, double count, double terms) const {
    if (count == 1 && terms < kTabled) return weight * once_[static_cast<std::size_t>(terms)];
    const double k1 = options_.k1;
    return weight * count * (k1 + 1) /
           (count + k1 * (1 - options_.b + options_.b * terms / average_));
  }
  // Most words are in a row once.
  void make_table() {
    const double k1 = options_.k1;
    for (std::size_t terms = 0; terms < kTabled; ++terms)
      once_[terms] =
          (k1 + 1) /
          (1 + k1 * (1 - options_.b + options_.b * static_cast<double>(terms) / average_));
  }

  [[nodiscard]] double powered(double s) const {
    return options_.power == 2 ? s * s : options_.power == 1 ? s : std::pow(s, options_.power);
  }
  [[nodiscard]] double rooted(double s) const {
    return options_.power == 2   ? std::sqrt(s)
           : options_.power == 1 ? s
                                 : std::pow(s, 1 / options_.power);
  }

  void score_block(std::size_t begin, std::size_t end, std::int64_t& total) {
    const auto low = begin - std::min(begin, reach_);
    const auto high = std::min(rows_, end + reach_);
    // Blocks come in order: what is before this one was looked at.
    bool any = false;
    std::size_t number = 0;
    ranges_.resize(variants_, {0, 0});
    for (const auto& word : words_)
      for (const auto& variant : word.variants) {
        auto& [first, last] = ranges_[number++];
        const auto& hits = variant.hits;
        while (first < hits.size() && hits[first].row < low) ++first;
        last = std::max(first, last);
        while (last < hits.size() && hits[last].row < high) ++last;
        any = any || last > first;
      }
    if (!any) return;
    if (request_.line.size() == 1) {
      rows_of_block_ = &request_.line.front().index->row(low);
    } else {
      near_.clear();
      for (auto row = low; row < high;) {
        const auto [part, at] = place(row);
        const auto& seen = request_.line[part];
        for (auto i = at; i < seen.rows && row < high; ++i, ++row)
          near_.push_back(seen.index->row(i));
      }
      rows_of_block_ = near_.data();
    }
    sums_.assign(high - low, 0);
    std::size_t range = 0;
    for (const auto& word : words_) {
      score_word(word, range, low);
      range += word.variants.size();
    }
    gather(begin, end, low, total);
  }

  // x: the word's own scores in the rows of the block and around it.
  void score_word(const Word& word, std::size_t range, std::size_t low) {
    const auto size = sums_.size();
    if (!word.spreads && word.variants.size() == 1) {
      const auto& variant = word.variants.front();
      for (auto i = ranges_[range].first; i < ranges_[range].second; ++i) {
        const auto at = variant.hits[i].row - low;
        sums_[at] += word.word->weight *
                     saturated(variant.weight, variant.hits[i].count, length(rows_of_block_[at]));
      }
      return;
    }
    own_.assign(size, 0);
    touched_.clear();
    for (std::size_t v = 0; v < word.variants.size(); ++v) {
      const auto& variant = word.variants[v];
      const auto [first, last] = ranges_[range + v];
      for (auto i = first; i < last; ++i) {
        const auto& hit = variant.hits[i];
        const auto at = hit.row - low;
        const double s = saturated(variant.weight, hit.count, length(rows_of_block_[at]));
        if (own_[at] == 0) touched_.push_back(static_cast<std::uint32_t>(at));
        own_[at] = std::max(own_[at], s);
      }
    }
    if (touched_.empty()) return;
    const double weight = word.word->weight;
    if (word.variants.size() > 1) std::sort(touched_.begin(), touched_.end());
    if (reach_ == 0 || !word.spreads) {
      for (const auto at : touched_) sums_[at] += weight * own_[at];
      return;
    }
    lent_.assign(size, 0);
    for (const auto at : touched_) {
      const double s = own_[at];
      lent_[at] += powered(s);
      const auto& row = rows_of_block_[at];
      each_lent(
          row, false, [&](std::size_t k) { return at >= k ? rows_of_block_ + (at - k) : nullptr; },
          [&](std::size_t k, double weight) { lent_[at - k] += powered(weight * s); });
      each_lent(
          row, true,
          [&](std::size_t k) { return at + k < size ? rows_of_block_ + (at + k) : nullptr; },
          [&](std::size_t k, double weight) { lent_[at + k] += powered(weight * s); });
    }
    for (std::size_t i = 0; i < size; ++i)
      if (lent_[i] > 0) sums_[i] += weight * rooted(lent_[i]);
  }

  [[nodiscard]] bool passes(const TextIndex::Row& row, std::uint32_t number) const {
    if ((row.kind & request_.kinds) == 0) return false;
    if (request_.start && row.time_us < *request_.start) return false;
    if (request_.end && row.time_us >= *request_.end) return false;
    if (!request_.hidden.empty() &&
        std::binary_search(request_.hidden.begin(), request_.hidden.end(), number))
      return false;
    if (query_.only_phrases && !quoted_.empty() && !is_quoted(number)) return false;
    return !request_.only ||
           std::binary_search(request_.only->begin(), request_.only->end(), number);
  }
  [[nodiscard]] bool is_quoted(std::uint32_t row) const {
    return std::binary_search(quoted_.begin(), quoted_.end(), row);
  }

  // Calls take(name, factor) for each that holds, in their order.
  template <typename Take>
  void each_factor(const TextIndex::Row& row, std::uint32_t number, const Take& take) const {
    if (options_.question != 1 && (row.flags & TextIndex::kQuestion) != 0)
      take("question", options_.question);
    if (names_one_ && row.speaker == named_[place(number).part]) take("speaker", options_.speaker);
    if (options_.assistant != 1 && (row.kind & assistant_kind_) != 0)
      take("assistant", options_.assistant);
    if (query_.asks_when && options_.when != 1 && (row.flags & TextIndex::kTellsTime) != 0)
      take("when", options_.when);
    if (query_.asks_name && options_.name_cue != 1 && (row.flags & TextIndex::kHasName) != 0)
      take("name_cue", options_.name_cue);
    if (options_.date != 1 && request_.times.has(row.time_us)) take("date", options_.date);
    if (options_.phrase != 1 && !quoted_.empty() && is_quoted(number))
      take("phrase", options_.phrase);
  }

  // The rows of a block that may be among the best.
  void gather(std::size_t begin, std::size_t end, std::size_t low, std::int64_t& total) {
    const double highest = highest_factor(options_);
    for (auto row = begin; row < end; ++row) {
      const double sum = sums_[row - low];
      const auto number = static_cast<std::uint32_t>(row);
      while (next_also_ < request_.also.size() && request_.also[next_also_] < number)
        also_.push_back({request_.also[next_also_++], 0});
      const bool also = next_also_ < request_.also.size() && request_.also[next_also_] == number;
      if (also) ++next_also_;
      if (also && sum <= 0) also_.push_back({number, 0});
      if (sum <= 0 || (filters_ && !passes(rows_of_block_[row - low], number))) continue;
      ++total;
      if (!also && sum * highest < floor_) continue;
      double score = sum;
      each_factor(rows_of_block_[row - low], number,
                  [&](const char*, double factor) { score *= factor; });
      if (also) also_.push_back({number, score});
      if (score >= floor_) candidates_.push_back({number, score});
    }
    if (candidates_.size() < std::max<std::size_t>(4 * request_.wanted, 1024)) return;
    const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(request_.wanted);
    std::nth_element(candidates_.begin(), last, candidates_.end(), newer_first);
    // The prior may lift a row by its factor, and none that is kept by less than one.
    floor_ = last->score / (1 + options_.session_prior);
    std::erase_if(candidates_, [&](const Candidate& one) { return one.score < floor_; });
  }

  void add_session_prior() {
    if (options_.session_prior > 0 && !candidates_.empty()) {
      double top = 0;
      for (const auto& one : candidates_) {
        auto& best = session_best_[facts(one.row).session];
        best = std::max(best, one.score);
        top = std::max(top, one.score);
      }
      top_ = top;
      for (auto* list : {&candidates_, &also_})
        for (auto& one : *list) one.score *= prior(one.row);
    }
    for (auto* list : {&candidates_, &also_})
      for (auto& one : *list) one.score = rounded(one.score);
  }
  [[nodiscard]] double prior(std::uint32_t row) const {
    const auto best = session_best_.find(facts(row).session);
    if (best == session_best_.end() || top_ <= 0) return 1;
    return 1 + options_.session_prior * best->second / top_;
  }

  // A word's own score in a row.
  [[nodiscard]] double own_score(const Word& word, std::size_t row, double terms) const {
    double best = 0;
    for (const auto& variant : word.variants) {
      const auto hit =
          std::lower_bound(variant.hits.begin(), variant.hits.end(), row,
                           [](const Hit& one, std::size_t wanted) { return one.row < wanted; });
      if (hit != variant.hits.end() && hit->row == row)
        best = std::max(best, saturated(variant.weight, hit->count, terms));
    }
    return best;
  }

  [[nodiscard]] RankedRow ranked(const Candidate& candidate) const {
    const auto [part, at] = place(candidate.row);
    return {part, at, candidate.row, candidate.score};
  }

  const Vocabulary& vocabulary_;
  const RankRequest& request_;
  RankingOptions options_;
  QueryWords query_;
  std::vector<std::size_t> offsets_;  // of the parts
  std::size_t rows_ = 0;
  std::size_t seen_ = 0;  // without those that are hidden
  double terms_ = 0;
  double average_ = 1;
  std::array<double, kTabled> once_{};  // a word's score in a row of so many terms
  std::size_t window_ = 0;              // how far a row lends, at most, among those of its side
  std::size_t reach_ = 0;               // ... and among all
  unsigned assistant_kind_ = 0;
  std::vector<Word> words_;
  std::size_t variants_ = 0;
  bool names_one_ = false;
  std::vector<int> named_;             // by part; -1: none
  std::vector<std::uint32_t> quoted_;  // rows with a phrase of the query
  std::vector<Candidate> candidates_;
  std::vector<Candidate> also_;
  std::size_t next_also_ = 0;
  bool filters_ = true;
  double floor_ = 0;  // what is below it is not among the best
  std::unordered_map<std::int64_t, double> session_best_;
  double top_ = 0;
  // Of one block.
  std::vector<std::pair<std::size_t, std::size_t>> ranges_;
  std::vector<TextIndex::Row> near_;  // where they lie in several indexes
  const TextIndex::Row* rows_of_block_ = nullptr;
  std::vector<double> sums_, own_, lent_;
  std::vector<std::uint32_t> touched_;
};

}  // namespace

Ranking rank(const Vocabulary& vocabulary, const RankRequest& request) {
  check_ranking(request.options);
  const auto ranker = std::make_shared<Ranker>(vocabulary, request);
  auto ranking = ranker->run();
  ranking.explain = [ranker](const RankedRow& row) { return ranker->explain(row); };
  return ranking;
}

}  // namespace memgpt
