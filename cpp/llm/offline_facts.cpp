#include "llm/offline_facts.h"

#include <algorithm>

#include "llm/offline_dates.h"
#include "llm/offline_predicates.h"
#include "llm/offline_tokens.h"

namespace memgpt::offline {
namespace {

constexpr std::size_t kMaxFactBytes = 200;

bool is_cut_off(Tokens tokens) {
  return is_any_of(tokens.back().text, {"in", "at", "to", "a", "an", "the", "as", "my", "our", "is",
                                        "are", "with", "for", "of", "from"});
}

bool has_doubt(Tokens tokens) {
  return std::any_of(tokens.begin(), tokens.end(), [](const Token& token) {
    return is_any_of(token.text, {"if", "would", "could", "might", "should", "wish", "maybe",
                                  "perhaps", "probably", "suppose", "unless", "pretend"});
  });
}

bool speaks_for_others(std::string_view word) {
  return is_any_of(
      word, {"said",    "says",  "say",     "told", "asked",    "wrote",  "write",    "translate",
             "replied", "quote", "if",      "when", "whenever", "unless", "suppose",  "supposing",
             "imagine", "maybe", "perhaps", "wish", "pretend",  "once",   "hopefully"});
}

// Whether "... and I" goes on with a new clause, and not with "my sister and I".
bool is_new_clause_after_and(Tokens tokens, std::size_t i) {
  const auto before = [&](std::size_t n) {
    return i > n ? word_at(tokens, i - 1 - n) : std::string_view();
  };
  if (i < 2 || tokens[i].text == "my" || tokens[i].text == "our") return i >= 2;
  for (std::size_t n = 1; n <= 3; ++n) {
    if (is_any_of(before(n), {"my", "our", "his", "her", "their"})) return false;
  }
  // "with Anna and I".
  return !tokens[i - 2].capital || (i > 2 && !is_any_of(before(2), {"with", "and", "that", "friend",
                                                                    "husband", "wife", "partner"}));
}

struct Clauses {
  std::string_view sentence;
  Tokens tokens;

  [[nodiscard]] bool has_comma_before(std::size_t i) const {
    const std::size_t from = tokens[i - 1].end, to = tokens[i].begin;
    return to > from &&
           sentence.substr(from, to - from).find_first_of(",-(") != std::string_view::npos &&
           sentence.substr(from, to - from).find('"') == std::string_view::npos;
  }

  [[nodiscard]] bool may_begin(std::size_t i) const {
    if (i == 0 || has_comma_before(i)) return true;
    const std::string_view before = tokens[i - 1].text;
    if (before == "and") return is_new_clause_after_and(tokens, i);
    if (i <= 3 && is_any_of(tokens[0].text, {"hi", "hello", "hey", "so", "well", "yes", "oh",
                                             "also", "actually", "fyi", "ok", "okay", "btw"})) {
      return true;
    }
    return is_any_of(before, {"but", "because"}) ||
           (before == "that" && i > 1 && is_any_of(tokens[i - 2].text, {"know", "you", "fact"}));
  }

  // The end of the clause that begins at `begin`.
  [[nodiscard]] std::size_t end_of(std::size_t begin) const {
    const bool named = has_phrase(tokens, begin, "my name is") || names_speaker(tokens, begin);
    for (std::size_t i = begin + 1; i < tokens.size(); ++i) {
      const bool pronoun = is_any_of(tokens[i].text, {"i", "you", "we", "it", "he", "she", "they"});
      const bool comma = has_comma_before(i);
      const bool and_fact = may_begin(i) && states_fact(tokens, i);
      const bool aside =
          named || is_any_of(tokens[i].text, {"what", "how", "do", "can", "could", "please", "nice",
                                              "pleased", "thanks", "thank", "by", "right"});
      if (and_fact || (comma && (pronoun || aside))) return without_joint(begin, i);
      if (pronoun && is_any_of(tokens[i - 1].text, {"but", "so"})) return without_joint(begin, i);
    }
    return tokens.size();
  }

  // Without the "and" or "but" before the next clause.
  [[nodiscard]] std::size_t without_joint(std::size_t begin, std::size_t end) const {
    while (end > begin + 1 && is_any_of(tokens[end - 1].text, {"and", "but", "so", "because"})) {
      --end;
    }
    return end;
  }
};

std::string join_words(Tokens tokens) {
  std::string text;
  for (const Token& token : tokens) {
    if (is_any_of(token.text, {"now", "currently", "yesterday", "recently", "anymore"})) continue;
    text += (text.empty() ? "" : " ") + token.text;
  }
  return text;
}

// Sets kind, value and negated where the clause says the speaker's name or home.
void classify(Fact& fact, Tokens tokens) {
  for (std::size_t i = 0; i < std::min<std::size_t>(tokens.size(), 7); ++i) {
    const auto rest = [&](std::size_t n) { return join_words(tokens.subspan(i + n)); };
    const std::string& word = tokens[i].text;
    fact.negated |= is_any_of(word, {"not", "no", "never"});
    const std::string_view next = word_at(tokens, i + 1);
    if (has_phrase(tokens, i, "my name is") || has_phrase(tokens, i, "am called") ||
        has_phrase(tokens, i, "am named")) {
      const std::size_t lead = word == "my" ? 3 : 2;
      fact.kind = FactKind::name;
      fact.value = rest(lead);
      return;
    }
    if (has_phrase(tokens, i, "call me")) {
      fact.kind = FactKind::nickname;
      fact.value = rest(2);
      return;
    }
    const std::string_view place = word_at(tokens, i + 2);
    const bool lives = is_any_of(word, {"live", "lives", "living", "based"}) && next == "in";
    const bool moved = is_any_of(word, {"moved", "relocated"}) && next == "to";
    if ((lives || moved) && !place.empty() && !is_any_of(place, {"a", "an", "the"}) &&
        !is_any_of(place, {"my", "our", "this", "that", "another", "new"}) &&
        is_any_of(tokens[0].text, {"i", "we", "lives", "living", "based", "moved", "relocated"})) {
      fact.kind = FactKind::home;
      fact.value = rest(2);
      return;
    }
  }
}

Fact make_fact(std::string_view sentence, Tokens clause) {
  Fact fact;
  const std::size_t begin = clause.front().begin;
  std::size_t end = clause.back().end;
  while (end < sentence.size() &&
         std::string_view("\")'%").find(sentence[end]) != std::string_view::npos) {
    ++end;
  }
  std::size_t last = clause.size();
  while (last > 1 && clause[last - 1].end - begin > kMaxFactBytes) --last;
  fact.text =
      sentence.substr(begin, last == clause.size() ? end - begin : clause[last - 1].end - begin);
  if (last < clause.size()) fact.text += "\xE2\x80\xA6";
  char& first = fact.text[0];
  if (first >= 'a' && first <= 'z') first = static_cast<char>(first - 'a' + 'A');
  fact.relative_date = has_relative_date(clause);
  classify(fact, clause);
  return fact;
}

}  // namespace

std::vector<Fact> find_facts(std::string_view sentence) {
  std::vector<Fact> facts;
  const std::vector<Token> all = tokenize(sentence);
  const std::size_t quote = sentence.find_first_of("\"`");
  if (all.empty() || quote < all[0].begin) return facts;
  const Clauses clauses{sentence, all};
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (speaks_for_others(all[i].text)) break;
    if (!clauses.may_begin(i) || !states_fact(all, i)) continue;
    const std::size_t end = clauses.end_of(i);
    const Tokens clause = Tokens(all).subspan(i, end - i);
    const bool sound = !has_doubt(clause) && !is_cut_off(clause) && all[i].begin < quote;
    if (sound) facts.push_back(make_fact(sentence, clause));
    i = end - 1;
  }
  return facts;
}

Fact read_note(std::string_view sentence) {
  Fact note;
  note.text = sentence;
  const std::vector<Token> tokens = tokenize(sentence);
  classify(note, tokens);
  if (note.kind != FactKind::other) return note;
  for (const std::string_view lead :
       {"name", "first name", "name is", "the human name is", "the user name is", "human name is",
        "user name is", "the human name", "the user name"}) {
    const auto length = static_cast<std::size_t>(std::count(lead.begin(), lead.end(), ' ')) + 1;
    const bool has_colon = lead.ends_with("name") && tokens.size() > length &&
                           sentence.substr(tokens[length - 1].end).starts_with(':');
    if (!has_phrase(tokens, 0, lead) || (!has_colon && !lead.ends_with("is"))) continue;
    note.kind = FactKind::name;
    note.value = join_words(Tokens(tokens).subspan(length));
  }
  return note;
}

}  // namespace memgpt::offline
