#include "store/text_index.h"

#include <algorithm>
#include <limits>

#include "memory/english.h"
#include "memory/terms.h"
#include "memory/words.h"

namespace memgpt {

namespace {

constexpr std::size_t kOverhead = 64;  // of an entry in a hash map, about

bool is_white(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_white(text.back())) text.remove_suffix(1);
  return text;
}

bool ends_in_question_mark(std::string_view text) {
  text = trimmed(text);
  // Latin, full-width, Arabic and Greek.
  for (const std::string_view mark : {"?", "\xEF\xBC\x9F", "\xD8\x9F", "\xCD\xBE"})
    if (text.ends_with(mark)) return true;
  return false;
}

// A capitalised word inside a sentence, "I" aside.
bool has_name(std::string_view text) {
  const auto small = [](char c) { return c >= 'a' && c <= 'z'; };
  for (std::size_t i = 2; i + 1 < text.size(); ++i) {
    if (text[i] < 'A' || text[i] > 'Z' || text[i - 1] != ' ' || !small(text[i + 1])) continue;
    const char before = text[i - 2];
    if (small(before) || before == ',' || before == ';' || before == '\'') return true;
  }
  return false;
}

}  // namespace

std::string_view without_note(std::string_view text) {
  const auto body = trimmed(text);
  if (!body.ends_with(']')) return text;
  const auto open = body.rfind('[');
  return open == std::string_view::npos ? text : body.substr(0, open);
}

std::uint32_t Vocabulary::add(std::string_view text, bool word) {
  if (const auto found = numbers_.find(text); found != numbers_.end()) return found->second;
  const auto number = static_cast<std::uint32_t>(forms_.size());
  forms_.push_back({std::string(text), word, word && english().tells_time(text)});
  numbers_.emplace(forms_.back().text, number);
  bytes_ += text.size() + kOverhead * 2;
  if (word) stems_[stem(english().lemma(text))].push_back(number);
  return number;
}

std::optional<std::uint32_t> Vocabulary::find(std::string_view form) const {
  const auto found = numbers_.find(form);
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

std::span<const std::uint32_t> Vocabulary::with_stem(const std::string& stem) const {
  const auto found = stems_.find(stem);
  if (found == stems_.end()) return {};
  return found->second;
}

void Vocabulary::each_form(
    const std::function<void(std::uint32_t, const std::string&)>& take) const {
  for (std::size_t i = 0; i < forms_.size(); ++i)
    if (forms_[i].word) take(static_cast<std::uint32_t>(i), forms_[i].text);
}

void Vocabulary::each_stem(const std::function<void(const std::string&)>& take) const {
  for (const auto& entry : stems_) take(entry.first);
}

std::uint16_t TextIndex::speaker_number(Vocabulary& vocabulary, std::string_view name) {
  std::string given(name);
  if (const auto known = speaker_numbers_.find(given); known != speaker_numbers_.end())
    return known->second;
  Speaker speaker{"", rows_.size(), {}};
  each_term(name, false, [&](const Term& term) {
    if (!speaker.name.empty()) speaker.name += ' ';
    speaker.name += term.text;
    static_cast<void>(vocabulary.add(term.text, true));  // so that it is known by its stem
    speaker.labels.push_back(vocabulary.add(name_label(term.text), false));
  });
  const auto same = std::find_if(speakers_.begin(), speakers_.end(),
                                 [&](const Speaker& other) { return other.name == speaker.name; });
  auto number = static_cast<std::size_t>(same - speakers_.begin());
  // More speakers than there are numbers: the last one stands for the rest of them.
  number = std::min<std::size_t>(number, std::numeric_limits<std::uint16_t>::max());
  if (number == speakers_.size()) speakers_.push_back(std::move(speaker));
  speaker_numbers_.emplace(std::move(given), static_cast<std::uint16_t>(number));
  return static_cast<std::uint16_t>(number);
}

void TextIndex::add(Vocabulary& vocabulary, const TextRow& row) {
  const auto number = static_cast<std::uint32_t>(rows_.size());
  Row facts;
  facts.key = row.key;
  facts.seq = row.seq;
  facts.time_us = row.time_us;
  facts.session = row.session;
  facts.kind = static_cast<std::uint8_t>(row.kind);
  forms_.clear();
  each_term(row.text, false, [&](const Term& term) {
    const auto form = vocabulary.add(term.text, term.word);
    if (vocabulary.tells_time(form)) facts.flags |= kTellsTime;
    forms_.push_back(form);
  });
  facts.terms = static_cast<std::uint32_t>(forms_.size());
  facts.speaker = speaker_number(vocabulary, row.speaker);
  const auto& labels = speakers_[facts.speaker].labels;
  facts.name_terms = static_cast<std::uint8_t>(std::min<std::size_t>(labels.size(), 255));
  forms_.insert(forms_.end(), labels.begin(), labels.end());
  for (const auto& label : row.labels) forms_.push_back(vocabulary.add(label, false));
  const auto body = without_note(row.text);
  if (ends_in_question_mark(body)) facts.flags |= kQuestion;
  if (has_name(body)) facts.flags |= kHasName;

  constexpr std::uint32_t kMost = (1U << Posting::kCountBits) - 1;
  std::sort(forms_.begin(), forms_.end());
  for (std::size_t first = 0; first < forms_.size();) {
    auto last = first;
    while (last < forms_.size() && forms_[last] == forms_[first]) ++last;
    auto& list = postings_[forms_[first]];
    if (list.empty()) bytes_ += kOverhead;
    list.push_back({number << Posting::kCountBits |
                    std::min(static_cast<std::uint32_t>(last - first), kMost)});
    bytes_ += sizeof(Posting);
    first = last;
  }
  bytes_ += sizeof(Row) + sizeof(Terms);
  const Terms before = terms_before_.back();
  terms_before_.push_back({before.texts + facts.terms, before.names + facts.name_terms});
  rows_.push_back(facts);
}

std::size_t TextIndex::rows_up_to(std::int64_t seq) const {
  const auto end =
      std::upper_bound(rows_.begin(), rows_.end(), seq,
                       [](std::int64_t wanted, const Row& row) { return wanted < row.seq; });
  return static_cast<std::size_t>(end - rows_.begin());
}

std::size_t TextIndex::rows_before(std::int64_t key) const {
  const auto end =
      std::lower_bound(rows_.begin(), rows_.end(), key,
                       [](const Row& row, std::int64_t wanted) { return row.key < wanted; });
  return static_cast<std::size_t>(end - rows_.begin());
}

std::span<const TextIndex::Posting> TextIndex::postings(std::uint32_t form,
                                                        std::size_t rows) const {
  const auto found = postings_.find(form);
  if (found == postings_.end()) return {};
  const auto& list = found->second;
  const auto end =
      list.back().row() < rows
          ? list.end()
          : std::lower_bound(
                list.begin(), list.end(), rows,
                [](const Posting& posting, std::size_t wanted) { return posting.row() < wanted; });
  return {list.begin(), end};
}

std::uint64_t TextIndex::terms_in(std::size_t rows) const { return terms_before_[rows].texts; }

std::uint64_t TextIndex::name_terms_in(std::size_t rows) const { return terms_before_[rows].names; }

std::string name_label(std::string_view word) { return "speaker\n" + std::string(word); }

}  // namespace memgpt
