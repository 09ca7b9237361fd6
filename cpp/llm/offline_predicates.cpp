#include "llm/offline_predicates.h"

#include <algorithm>

#include "memory/words.h"

namespace memgpt::offline {
namespace {

bool is_number(std::string_view word) {
  return (!word.empty() && word[0] >= '0' && word[0] <= '9') ||
         is_any_of(word, {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
                          "ten", "some", "several", "many", "both"});
}

std::size_t skip_adverbs(Tokens tokens, std::size_t at) {
  while (
      is_any_of(word_at(tokens, at),
                {"really", "also",      "just",    "actually", "currently", "now",        "still",
                 "always", "usually",   "often",   "recently", "finally",   "absolutely", "mostly",
                 "only",   "both",      "already", "truly",    "never",     "no",         "longer",
                 "do",     "did",       "not",     "can",      "cannot",    "originally", "even",
                 "all",    "sometimes", "totally", "today"})) {
    ++at;
  }
  return at;
}

// --- "I am ..." ---

bool states_trait(std::string_view word) {
  return is_any_of(
      word, {"allergic",    "vegan",     "vegetarian", "married",     "single",     "divorced",
             "engaged",     "retired",   "pregnant",   "born",        "living",     "based",
             "fluent",      "diabetic",  "celiac",     "coeliac",     "intolerant", "lactose",
             "gluten",      "widowed",   "bilingual",  "transgender", "trans",      "gay",
             "bisexual",    "lesbian",   "queer",      "deaf",        "blind",      "colorblind",
             "colourblind", "religious", "muslim",     "christian",   "jewish",     "from",
             "called",      "named",     "studying",   "learning",    "training",   "dyslexic",
             "autistic",    "into",      "unemployed", "left-handed", "italian",    "german",
             "french",      "spanish",   "english",    "british",     "american",   "canadian",
             "mexican",     "brazilian", "chinese",    "japanese",    "indian",     "russian",
             "polish",      "swedish",   "norwegian",  "danish",      "dutch",      "greek",
             "turkish",     "irish",     "scottish",   "portuguese",  "korean",     "australian",
             "african"});
}

bool is_small_talk(std::string_view word) {
  return is_any_of(
      word, {"fine",  "good",    "ok",        "okay",  "great",   "well",  "glad",    "happy",
             "sorry", "sure",    "afraid",    "here",  "back",    "ready", "done",    "tired",
             "bored", "here",    "wondering", "going", "excited", "proud", "looking", "curious",
             "sad",   "amazing", "lol",       "oh",    "serious"});
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
    return !next.empty() && !is_any_of(next, {"bit", "little", "lot", "loss", "mess", "few", "tad",
                                              "while", "huge", "step"});
  }
  if (word == "the") {
    return is_any_of(next,
                     {"mother", "father", "owner", "ceo", "youngest", "oldest", "eldest", "founder",
                      "manager", "head", "director", "captain", "son", "daughter"});
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
           !is_any_of(next, {"question",   "questions", "problem", "feeling", "idea",   "doubt",
                             "request",    "look",      "point",   "favor",   "favour", "hunch",
                             "suggestion", "thought",   "minute",  "moment",  "second", "quick",
                             "few",        "good",      "great",   "nice",    "lot",    "bit",
                             "little",     "bad"});
  }
  if (word == "no") {
    return is_any_of(next,
                     {"kids", "children", "siblings", "pets", "brothers", "sisters", "allergies"});
  }
  if (is_number(word)) return !next.empty() && next != "questions" && next != "question";
  return is_any_of(
      word, {"kids", "children", "siblings", "brothers",  "sisters", "cats",      "dogs",
             "pets", "diabetes", "asthma",   "allergies", "adhd",    "type",      "twins",
             "blue", "brown",    "green",    "red",       "blond",   "blonde",    "black",
             "long", "short",    "curly",    "celiac",    "coeliac", "arthritis", "epilepsy"});
}

// --- "I <verb> ..." ---

bool is_vague_object(std::string_view word) {
  return word.empty() ||
         is_any_of(word, {"it", "that", "this", "you", "your", "these", "those", "how", "what",
                          "when", "them", "him", "her", "one", "and", "but", "so", "too"});
}

bool likes(Tokens tokens, std::size_t at) {
  const std::string_view object = word_at(tokens, at);
  if (is_vague_object(object) || (object == "to" && at + 1 == tokens.size()) ||
      has_phrase(tokens, at, "the way") || has_phrase(tokens, at, "the idea") ||
      has_phrase(tokens, at, "the sound")) {
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
  if (is_any_of(verb, {"smoke", "drink", "drive", "retired", "graduated", "married", "sing", "swim",
                       "paint", "volunteer", "quit", "cook", "bake", "knit", "surf"})) {
    return !is_any_of(next, {"it", "that", "this", "you"});
  }
  if (verb == "speak") return !is_vague_object(next) && !is_any_of(next, {"to", "for", "with"});
  if (verb == "go") return next == "to" && word_at(tokens, at + 1) != "bed";
  if (verb == "run") return next != "into" && next != "out";
  return is_any_of(verb,
                   {"live",   "lived",  "work",    "worked", "study",    "studied",  "teach",
                    "taught", "play",   "played",  "own",    "owned",    "grew",     "collect",
                    "eat",    "broke",  "attend",  "ride",   "practice", "practise", "code",
                    "wear",   "follow", "support", "weigh",  "manage",   "raise",    "stand"}) &&
         !is_vague_object(next) && next != "fine";
}

// --- "my ..." ---

bool states_of_own(Tokens tokens, std::size_t at) {
  static constexpr std::size_t kFarthestVerb = 7;
  if (is_any_of(
          word_at(tokens, at),
          {"question",  "point",   "opinion", "guess",    "bad",           "fault",    "pleasure",
           "apologies", "mistake", "thought", "thoughts", "idea",          "problem",  "day",
           "week",      "weekend", "morning", "evening",  "god",           "goodness", "bet",
           "answer",    "request", "turn",    "message",  "understanding", "concern",  "plan",
           "heart",     "next",    "last"})) {
    return false;
  }
  for (std::size_t i = at + 1; i < std::min(tokens.size(), at + kFarthestVerb); ++i) {
    const std::string_view word = tokens[i].text, next = word_at(tokens, i + 1);
    if (is_any_of(word, {"i", "you", "that", "which", "who", "can", "will"})) return false;
    if (is_any_of(word, {"is",    "are",     "was",    "were",  "has",    "have",  "lives",
                         "live",  "works",   "plays",  "loves", "likes",  "hates", "called",
                         "named", "studies", "speaks", "moved", "turned", "died"})) {
      return word == "died" || (!next.empty() && next != "so" && !is_small_talk(next));
    }
  }
  return false;
}

}  // namespace

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
           is_any_of(word_at(tokens, at + 2), {"my", "our"}) && at + 3 < tokens.size() &&
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
    if (!word.ends_with("ed") && !is_any_of(word, {"got", "bought", "taught"})) return false;
  }
  return states_action(tokens, verb + 1, word);
}

}  // namespace memgpt::offline
