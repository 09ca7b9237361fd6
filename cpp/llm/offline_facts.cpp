#include "llm/offline_facts.h"

#include <algorithm>
#include <array>

#include "llm/offline_dates.h"
#include "llm/offline_language.h"
#include "memory/words.h"

namespace memgpt::offline {
namespace {

constexpr std::size_t kMaxFactBytes = 200;

// The word at `at`; empty past the end.
std::string_view word_at(Tokens tokens, std::size_t at) {
  return at < tokens.size() ? std::string_view(tokens[at].text) : std::string_view();
}

bool is_number(std::string_view word) {
  return (!word.empty() && word[0] >= '0' && word[0] <= '9') ||
         is_any_of(word, {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
                          "ten", "some", "several", "many", "both"});
}

bool is_article(std::string_view word) { return is_any_of(word, {"a", "an", "the"}); }

std::size_t skip_adverbs(Tokens tokens, std::size_t at) {
  while (is_any_of(word_at(tokens, at),
                   {"really", "also", "just", "actually", "currently", "now", "still", "always",
                    "usually", "often", "recently", "finally", "absolutely", "mostly", "only",
                    "both", "already", "truly", "never", "no", "longer", "do", "did", "not", "can",
                    "cannot", "originally", "even", "all", "sometimes", "totally", "today"})) {
    ++at;
  }
  return at;
}

// --- "I am ..." ---

bool states_trait(std::string_view word) {
  return is_any_of(
      word, {"allergic", "vegan", "vegetarian", "married", "single", "divorced", "engaged",
             "retired", "pregnant", "born", "living", "based", "fluent", "diabetic", "celiac",
             "coeliac", "intolerant", "lactose", "gluten", "widowed", "bilingual", "transgender",
             "trans", "gay", "bisexual", "lesbian", "queer", "deaf", "blind", "colorblind",
             "colourblind", "religious", "muslim", "christian", "jewish", "from", "called", "named",
             "studying", "learning", "training", "dyslexic", "autistic", "into", "unemployed",
             "left-handed", "italian", "german", "french", "spanish", "english", "british",
             "american", "canadian", "mexican", "brazilian", "chinese", "japanese", "indian",
             "russian", "polish", "swedish", "norwegian", "danish", "dutch", "greek", "turkish",
             "irish", "scottish", "portuguese", "korean", "australian", "african"});
}

bool is_small_talk(std::string_view word) {
  return is_any_of(word, {"fine",   "good",    "ok",      "okay",   "great",     "well",  "glad",
                          "happy",  "sorry",   "sure",    "afraid", "here",      "back",  "ready",
                          "done",   "tired",   "bored",   "here",   "wondering", "going", "excited",
                          "proud",  "looking", "curious", "sad",    "amazing",   "lol",   "oh",
                          "serious"});
}

bool states_being(Tokens tokens, std::size_t at) {
  at = skip_adverbs(tokens, at);
  const std::string_view word = word_at(tokens, at), next = word_at(tokens, at + 1);
  if (word.empty() || is_small_talk(word)) return false;
  if (word == "working") return is_any_of(next, {"as", "at", "for", "in", "with"});
  if (word == "into" || word == "called" || word == "named" || word == "from") {
    return !next.empty() && !is_any_of(next, {"it", "that", "this"});
  }
  if (states_trait(word)) return true;
  if (word == "a" || word == "an") {
    return !next.empty() && !is_any_of(next, {"bit", "little", "lot", "loss", "mess", "few",
                                              "tad", "while", "huge", "step"});
  }
  if (word == "the") {
    return is_any_of(next, {"mother", "father", "owner", "ceo", "youngest", "oldest", "eldest",
                            "founder", "manager", "head", "director", "captain", "son",
                            "daughter"});
  }
  if (word[0] >= '0' && word[0] <= '9') {
    return next.empty() || is_any_of(next, {"years", "year", "yo", "and"});
  }
  return tokens[at].capital && !is_stop_word(word);
}

// --- "I have ..." ---

bool states_having(Tokens tokens, std::size_t at) {
  const std::string_view word = word_at(tokens, at), next = word_at(tokens, at + 1);
  if (word == "a" || word == "an") {
    return !next.empty() &&
           !is_any_of(next, {"question", "questions", "problem", "feeling", "idea", "doubt",
                             "request", "look", "point", "favor", "favour", "hunch", "suggestion",
                             "thought", "minute", "moment", "second", "quick", "few", "good",
                             "great", "nice", "lot", "bit", "little", "bad"});
  }
  if (word == "no") {
    return is_any_of(next, {"kids", "children", "siblings", "pets", "brothers", "sisters",
                            "allergies"});
  }
  if (is_number(word)) return !next.empty() && next != "questions" && next != "question";
  return is_any_of(word, {"kids", "children", "siblings", "brothers", "sisters", "cats", "dogs",
                          "pets", "diabetes", "asthma", "allergies", "adhd", "type", "twins",
                          "blue", "brown", "green", "red", "blond", "blonde", "black", "long",
                          "short", "curly", "celiac", "coeliac", "arthritis", "epilepsy"});
}

// --- "I <verb> ..." ---

bool is_vague_object(std::string_view word) {
  return word.empty() ||
         is_any_of(word, {"it", "that", "this", "you", "your", "these", "those", "how", "what",
                          "when", "them", "him", "her", "one", "and", "but", "so", "too"});
}

bool likes(Tokens tokens, std::size_t at) {
  const std::string_view object = word_at(tokens, at);
  if (is_vague_object(object) || has_phrase(tokens, at, "the way") ||
      has_phrase(tokens, at, "the idea") || has_phrase(tokens, at, "the sound")) {
    return false;
  }
  return !is_any_of(word_at(tokens, at + 1), {"say", "hear", "bother", "ask", "know"});
}

bool states_event(Tokens tokens, std::size_t at, std::string_view verb) {
  const std::string_view next = word_at(tokens, at), after = word_at(tokens, at + 1);
  if (verb == "got") {
    if (is_any_of(next, {"married", "engaged", "divorced", "promoted", "hired", "fired"})) {
      return true;
    }
    return (next == "a" || next == "an" || is_number(next)) &&
           !is_any_of(after, {"question", "idea", "message", "error", "feeling", "lot", "bit",
                              "little", "chance", "call", "email", "great", "good"});
  }
  if (verb == "started") {
    return next == "a" || next == "my" || next == "as" || next == "at" || next == "school" ||
           next == "university" || next == "college" ||
           is_any_of(next, {"working", "learning", "studying", "playing", "taking", "running"});
  }
  return !is_vague_object(next);  // moved, adopted, bought, joined
}

bool states_action(Tokens tokens, std::size_t at, std::string_view verb) {
  const std::string_view next = word_at(tokens, at);
  if (is_any_of(verb, {"like", "liked", "love", "loved", "hate", "hated", "prefer", "enjoy",
                       "enjoyed", "dislike", "adore"})) {
    return likes(tokens, at);
  }
  if (is_any_of(verb, {"got", "started", "moved", "adopted", "bought", "joined", "relocated"})) {
    return states_event(tokens, at, verb);
  }
  if (is_any_of(verb, {"smoke", "drink", "drive", "retired", "graduated", "married", "sing",
                       "swim", "paint", "volunteer", "quit", "cook", "bake", "knit", "surf"})) {
    return !is_any_of(next, {"it", "that", "this", "you"});
  }
  if (verb == "speak") return !is_vague_object(next) && !is_any_of(next, {"to", "for", "with"});
  if (verb == "go") return next == "to" && word_at(tokens, at + 1) != "bed";
  if (verb == "run") return next != "into" && next != "out";
  return is_any_of(verb, {"live", "lived", "work", "worked", "study", "studied", "teach", "taught",
                          "play", "played", "own", "owned", "grew", "collect", "eat", "broke",
                          "attend", "ride", "practice", "practise", "code", "wear", "follow",
                          "support", "weigh", "manage", "raise", "stand"}) &&
         !is_vague_object(next) && next != "fine";
}

// --- "my ..." ---

bool states_of_own(Tokens tokens, std::size_t at) {
  static constexpr std::size_t kFarthestVerb = 7;
  if (is_any_of(word_at(tokens, at),
                {"question", "point", "opinion", "guess", "bad", "fault", "pleasure", "apologies",
                 "mistake", "thought", "thoughts", "idea", "problem", "day", "week", "weekend",
                 "morning", "evening", "god", "goodness", "bet", "answer", "request", "turn",
                 "message", "understanding", "concern", "plan", "heart", "next", "last"})) {
    return false;
  }
  for (std::size_t i = at + 1; i < std::min(tokens.size(), at + kFarthestVerb); ++i) {
    const std::string_view word = tokens[i].text, next = word_at(tokens, i + 1);
    if (is_any_of(word, {"i", "you", "that", "which", "who"})) return false;
    if (is_any_of(word, {"is", "are", "was", "were", "has", "have", "lives", "live", "works",
                         "plays", "loves", "likes", "hates", "called", "named", "studies",
                         "speaks", "moved", "turned", "died"})) {
      return word == "died" || (!next.empty() && next != "so" && !is_small_talk(next));
    }
  }
  return false;
}

bool names_speaker(Tokens tokens, std::size_t at) {
  for (const std::string_view lead : {"please call me", "you can call me", "people call me",
                                      "friends call me", "everyone calls me", "call me"}) {
    if (!has_phrase(tokens, at, lead)) continue;
    at += static_cast<std::size_t>(std::count(lead.begin(), lead.end(), ' ')) + 1;
    return at < tokens.size() && (tokens[at].capital || at + 1 == tokens.size()) &&
           !is_stop_word(tokens[at].text) &&
           !is_any_of(tokens[at].text, {"back", "later", "maybe", "tomorrow", "crazy", "anytime"});
  }
  return false;
}

bool states_fact(Tokens tokens, std::size_t at) {
  const std::string_view subject = word_at(tokens, at);
  if (subject == "my" || subject == "our") return states_of_own(tokens, at + 1);
  if (names_speaker(tokens, at)) return true;
  if (subject != "i" && subject != "we") {
    // "Rex is my dog".
    return at < tokens.size() && tokens[at].capital && word_at(tokens, at + 1) == "is" &&
           is_any_of(word_at(tokens, at + 2), {"my", "our"}) &&
           !is_any_of(subject, {"this", "that", "it", "here", "there", "what", "he", "she"});
  }
  std::size_t verb = skip_adverbs(tokens, at + 1);
  if (has_phrase(tokens, verb, "used to")) verb += 2;
  std::string_view word = word_at(tokens, verb);
  if (is_any_of(word, {"am", "are", "was", "were"})) return states_being(tokens, verb + 1);
  if (word == "have") {
    if (states_having(tokens, verb + 1)) return true;
    verb = skip_adverbs(tokens, verb + 1);
    word = word_at(tokens, verb);
    if (word == "been") return states_being(tokens, verb + 1);
    // "I have moved", but not "I have work to do".
    if (!word.ends_with("ed") && word != "got" && word != "bought" && word != "taught") return false;
  }
  return states_action(tokens, verb + 1, word);
}

// --- Clauses ---

bool has_doubt(Tokens tokens) {
  return std::any_of(tokens.begin(), tokens.end(), [](const Token& token) {
    return is_any_of(token.text, {"if", "would", "could", "might", "should", "wish", "maybe",
                                  "perhaps", "probably", "suppose", "unless", "pretend"});
  });
}

bool speaks_for_others(std::string_view word) {
  return is_any_of(word, {"said", "says", "say", "told", "asked", "wrote", "write", "translate",
                          "replied", "quote", "if", "when", "whenever", "unless", "suppose",
                          "supposing", "imagine", "maybe", "perhaps", "wish", "pretend", "once"});
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
  return !tokens[i - 2].capital || is_any_of(before(2), {"in", "at", "to", "from", "for", "as"});
}

struct Clauses {
  std::string_view sentence;
  Tokens tokens;

  [[nodiscard]] bool has_comma_before(std::size_t i) const {
    const std::size_t from = tokens[i - 1].end, to = tokens[i].begin;
    return to > from && sentence.substr(from, to - from).find_first_of(",-(") !=
                            std::string_view::npos &&
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
    return is_any_of(before, {"but", "because", "since"}) ||
           (before == "that" && i > 1 && is_any_of(tokens[i - 2].text, {"know", "you", "fact"}));
  }

  // The end of the clause that begins at `begin`.
  [[nodiscard]] std::size_t end_of(std::size_t begin) const {
    const bool named = has_phrase(tokens, begin, "my name is") || names_speaker(tokens, begin);
    for (std::size_t i = begin + 1; i < tokens.size(); ++i) {
      const bool pronoun = is_any_of(tokens[i].text, {"i", "you", "we", "it", "he", "she", "they"});
      const bool comma = has_comma_before(i);
      const bool and_fact = may_begin(i) && states_fact(tokens, i);
      const bool aside = named || is_any_of(tokens[i].text, {"what", "how", "do", "can", "could",
                                                             "please", "nice", "pleased", "thanks",
                                                             "thank", "by", "right"});
      if (and_fact || (comma && (pronoun || aside))) return without_joint(begin, i);
      if (pronoun && is_any_of(tokens[i - 1].text, {"but", "so"})) return without_joint(begin, i);
    }
    return tokens.size();
  }

  // Without the "and" or "but" before the next clause.
  [[nodiscard]] std::size_t without_joint(std::size_t begin, std::size_t end) const {
    while (end > begin + 1 &&
           is_any_of(tokens[end - 1].text, {"and", "but", "so", "because", "since"})) {
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
    if ((lives || moved) && !place.empty() && !is_article(place) &&
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
  while (end < sentence.size() && std::string_view("\")'%").find(sentence[end]) !=
                                      std::string_view::npos) {
    ++end;
  }
  std::size_t last = clause.size();
  while (last > 1 && clause[last - 1].end - begin > kMaxFactBytes) --last;
  fact.text = sentence.substr(begin, last == clause.size() ? end - begin
                                                           : clause[last - 1].end - begin);
  if (last < clause.size()) fact.text += "\xE2\x80\xA6";
  if (fact.text[0] >= 'a' && fact.text[0] <= 'z') fact.text[0] = static_cast<char>(fact.text[0] - 32);
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
    if (!has_doubt(clause) && all[i].begin < quote) facts.push_back(make_fact(sentence, clause));
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
