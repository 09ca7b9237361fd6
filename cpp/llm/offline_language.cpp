#include "llm/offline_language.h"

#include <algorithm>
#include <array>
#include <utility>

#include "llm/offline_dates.h"
#include "llm/offline_tokens.h"
#include "memory/words.h"

namespace memgpt::offline {
namespace {

constexpr std::size_t kMaxTerms = 24;
constexpr std::size_t kMaxTermBytes = 64;
constexpr std::size_t kMaxKept = 4;

bool is_aux(std::string_view word) {
  return is_any_of(word, {"do", "does", "did", "is", "are", "was", "were", "am", "can", "could",
                          "will", "would", "should", "has", "have", "had", "may", "might"});
}

bool is_pronoun(std::string_view word) {
  return is_any_of(word, {"i", "you", "we", "he", "she", "they", "it"});
}

// Moves `at` over what may stand before the matter: greetings, "please", "can you" ...
std::size_t skip_politeness(Tokens tokens, std::size_t at = 0) {
  static constexpr std::array<std::string_view, 29> kPhrases = {"hi there",
                                                                "hello there",
                                                                "hey there",
                                                                "hi",
                                                                "hello",
                                                                "hey",
                                                                "ok",
                                                                "okay",
                                                                "so",
                                                                "well",
                                                                "oh",
                                                                "and",
                                                                "but",
                                                                "also",
                                                                "yes",
                                                                "yeah",
                                                                "no",
                                                                "please",
                                                                "kindly",
                                                                "just",
                                                                "can you",
                                                                "could you",
                                                                "would you",
                                                                "will you",
                                                                "i want you to",
                                                                "i need you to",
                                                                "i would like you to",
                                                                "be sure to",
                                                                "make sure to"};
  for (bool more = true; more;) {
    more = false;
    for (const std::string_view phrase : kPhrases) {
      if (!has_phrase(tokens, at, phrase)) continue;
      at += static_cast<std::size_t>(std::count(phrase.begin(), phrase.end(), ' ')) + 1;
      more = true;
      break;
    }
  }
  return at;
}

bool is_wh_word(std::string_view word) {
  return is_any_of(word, {"what", "when", "where", "who", "whom", "whose", "why", "how", "which"});
}

// Requests to be told something, which need no question mark.
std::size_t request_length(Tokens tokens, std::size_t at) {
  static constexpr std::array<std::string_view, 20> kRequests = {"tell me",
                                                                 "show me",
                                                                 "remind me",
                                                                 "remind me of",
                                                                 "let me know",
                                                                 "search for",
                                                                 "search my memory for",
                                                                 "search",
                                                                 "look up",
                                                                 "look for",
                                                                 "find out",
                                                                 "find",
                                                                 "list",
                                                                 "describe",
                                                                 "i want to know",
                                                                 "i would like to know",
                                                                 "i wonder",
                                                                 "i am wondering",
                                                                 "do you know",
                                                                 "do you remember"};
  std::size_t longest = 0;
  for (const std::string_view request : kRequests) {
    const auto length = static_cast<std::size_t>(std::count(request.begin(), request.end(), ' '));
    if (has_phrase(tokens, at, request)) longest = std::max(longest, length + 1);
  }
  return longest;
}

bool is_question(Tokens tokens) {
  const std::size_t at = skip_politeness(tokens);
  if (at + 1 >= tokens.size()) return false;
  if (request_length(tokens, at) > 0) return true;
  const std::string_view first = tokens[at].text, second = tokens[at + 1].text;
  if (first == "who" || is_any_of(second, {"many", "much"})) return is_wh_word(first);
  if (is_wh_word(first)) {
    for (std::size_t i = at + 1; i < std::min(tokens.size(), at + 5); ++i) {
      if (is_aux(tokens[i].text)) return true;
      if (is_pronoun(tokens[i].text) || !is_any_of(first, {"what", "which", "whose", "how"})) break;
    }
    return false;
  }
  if (!is_aux(first) || (first == "do" && second == "it")) return false;
  return is_pronoun(second) || tokens[at + 1].capital ||
         is_any_of(second, {"my", "your", "our", "there", "the", "any", "anyone", "this", "that"});
}

// Tokens that ask for something to be kept; 0 where they do not.
std::size_t keep_length(Tokens tokens, std::size_t at) {
  static constexpr std::array<std::string_view, 11> kPhrases = {
      "keep in mind", "bear in mind", "do not forget", "never forget", "make a note", "take a note",
      "take note",    "write down",   "jot down",      "note down",    "remember"};
  for (const std::string_view phrase : kPhrases) {
    if (has_phrase(tokens, at, phrase)) {
      return static_cast<std::size_t>(std::count(phrase.begin(), phrase.end(), ' ')) + 1;
    }
  }
  if (at + 1 >= tokens.size()) return 0;
  if (!is_any_of(tokens[at].text,
                 {"note", "save", "store", "memorize", "memorise", "record", "archive"})) {
    return 0;
  }
  // "Store opens at nine" and "save 20 %" are no requests.
  const bool polite = at > 0 && tokens[at - 1].text == "please";
  const std::string_view next = tokens[at + 1].text;
  return polite || is_any_of(next, {"this", "that", "the", "my", "our", "following"});
}

std::string trimmed(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  return std::string(text.substr(0, last == std::string_view::npos ? 0 : last + 1));
}

// What follows the request to keep it; nullopt where the sentence is none.
std::optional<std::string> text_to_keep(std::string_view text, const Sentence& sentence,
                                        Tokens tokens) {
  const std::size_t request = skip_politeness(tokens);
  const std::size_t length = keep_length(tokens, request);
  if (length == 0) return std::nullopt;
  std::size_t at = request + length;
  const auto is_next = [&](std::string_view phrase) { return has_phrase(tokens, at, phrase); };
  const std::string_view next = at < tokens.size() ? std::string_view(tokens[at].text) : "";
  if (is_wh_word(next) || next == "if" || (next == "me" && at + 1 == tokens.size())) {
    return std::nullopt;
  }
  const std::string_view whole = text.substr(sentence.begin, sentence.end - sentence.begin);
  // "Remember to call" says nothing without its verb.
  if (next == "to") return std::string(whole.substr(tokens[request].begin));
  for (const std::string_view filler : {"for me", "for later", "the following", "the fact that",
                                        "of", "for", "that", "this", "it", "down", "about"}) {
    const auto words = static_cast<std::size_t>(std::count(filler.begin(), filler.end(), ' ')) + 1;
    if (is_next(filler)) at += words;
  }
  if (at >= tokens.size()) return "";
  // Behind a colon may be more than one sentence.
  const std::size_t begin = sentence.begin + tokens[at].begin;
  const std::size_t before = text.find_last_not_of(" \"'\n", begin - 1);
  if (before != std::string_view::npos && text[before] == ':') return trimmed(text.substr(begin));
  return trimmed(text.substr(begin, sentence.end - begin));
}

std::vector<std::string> kindred(std::string_view root) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kKindred = {
      {{"live", "moved"},
       {"home", "live"},
       {"job", "work"},
       {"work", "job"},
       {"name", "called"},
       {"birthdai", "born"},
       {"favourit", "favorite"},
       {"favorit", "favourite"}}};
  std::vector<std::string> found;
  for (const auto& [one, other] : kKindred) {
    if (one == root) found.emplace_back(other);
  }
  return found;
}

// Words of asking, which say nothing of what is asked.
bool is_asking_word(std::string_view word) {
  return is_any_of(word, {"tell",      "know",   "remember", "recall",    "remind",   "mention",
                          "mentioned", "said",   "say",      "talk",      "talked",   "told",
                          "please",    "thing",  "things",   "something", "anything", "everything",
                          "happened",  "happen", "ask",      "asked",     "exactly"});
}

void add_terms(std::vector<Term>& terms, std::string_view text, Tokens tokens, bool asking_words) {
  for (std::size_t i = 0; i < tokens.size() && terms.size() < kMaxTerms; ++i) {
    const Token& token = tokens[i];
    // A capital inside the sentence makes a name of a stop word: "Will".
    const bool name = token.capital && i > 0 && token.text != "i" && token.text.size() > 2;
    if (is_stop_word(token.text) && !name) continue;
    if (!asking_words && is_asking_word(token.text)) continue;
    if (i > 0 && tokens[i - 1].begin == token.begin) continue;  // tail of a contraction
    if (token.text.size() > kMaxTermBytes) continue;
    Term term{
        std::string(text.substr(token.begin, token.end - token.begin)), {}, {stem(token.text)}};
    // A possessive names the same thing.
    for (const std::string_view ending : {"'s", "\xE2\x80\x99s"}) {
      if (term.text.ends_with(ending)) term.text.resize(term.text.size() - ending.size());
    }
    term.kindred = kindred(term.stems[0]);
    for (const std::string& other : term.kindred) term.stems.push_back(stem(other));
    const bool known = std::any_of(terms.begin(), terms.end(),
                                   [&](const Term& t) { return t.stems[0] == term.stems[0]; });
    if (!known) terms.push_back(std::move(term));
  }
}

Subject subject_of(Tokens tokens) {
  static constexpr std::array<std::string_view, 6> kUser = {
      "about me", "about myself", "who am i", "remember me", "know me", "what am i"};
  Subject subject = Subject::other;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (std::any_of(kUser.begin(), kUser.end(),
                    [&](std::string_view phrase) { return has_phrase(tokens, i, phrase); })) {
      return Subject::user;
    }
    if (has_phrase(tokens, i, "are you") || has_phrase(tokens, i, "can you") ||
        has_phrase(tokens, i, "do you do") || has_phrase(tokens, i, "about you")) {
      subject = Subject::model;
    }
  }
  return subject;
}

void add_question(Understanding& understood, std::string_view sentence, Tokens tokens,
                  std::string_view time) {
  if (!understood.question) understood.question.emplace();
  Question& question = *understood.question;
  if (!question.text.empty()) question.text += ' ';
  question.text += sentence;
  for (const Token& token : tokens) {
    question.of_oneself |= is_any_of(token.text, {"i", "my", "me", "mine"});
  }
  if (question.subject == Subject::other) question.subject = subject_of(tokens);
  std::size_t at = skip_politeness(tokens);
  at += request_length(tokens, at);
  if (const auto found = find_dates(tokens, time); found && !question.dates) {
    question.dates = found->range;
    add_terms(question.terms, sentence, tokens.subspan(0, std::max(at, found->first)).subspan(at),
              false);
    add_terms(question.terms, sentence, tokens.subspan(found->last), false);
    return;
  }
  const Tokens matter = tokens.subspan(at);
  add_terms(question.terms, sentence, matter, false);
  if (question.terms.empty() && question.subject == Subject::other) {
    add_terms(question.terms, sentence, matter, true);
  }
}

// Each text takes a step of its own, so the last of many takes up the rest.
void add_to_keep(std::vector<std::string>& keep, std::string text) {
  if (std::find(keep.begin(), keep.end(), text) != keep.end()) return;
  if (keep.size() < kMaxKept) {
    keep.push_back(std::move(text));
  } else {
    keep.back() += '\n' + text;
  }
}

}  // namespace

Understanding understand(std::string_view text, std::string_view time) {
  Understanding understood;
  std::string_view before;
  for (const Sentence& sentence : split_sentences(text)) {
    const std::string_view said = text.substr(sentence.begin, sentence.end - sentence.begin);
    const std::vector<Token> tokens = tokenize(said);
    if (tokens.empty()) continue;
    const auto kept = text_to_keep(text, sentence, tokens);
    if (kept && !kept->empty() && !is_any_of(*kept, {"that", "this", "it"})) {
      add_to_keep(understood.keep, *kept);
      understood.statements.push_back(*kept);
      // It took the rest of the message.
      if (kept->size() > said.size()) break;
    } else if (kept) {
      // "Remember this: ..." is about what follows on other lines, "remember that." about what
      // was said before.
      const std::string_view rest = text.substr(sentence.end);
      const std::size_t more = rest.find_first_not_of(".:;!? \t\r\n");
      if (said.ends_with(':') && more != std::string_view::npos) {
        add_to_keep(understood.keep, std::string(rest.substr(more)));
        break;
      }
      if (!before.empty()) add_to_keep(understood.keep, std::string(before));
    } else if (sentence.asks || is_question(tokens)) {
      add_question(understood, said, tokens, time);
    } else if (tokens.size() == 1 && tokens[0].text == "help") {
      understood.question.emplace().subject = Subject::model;
    } else {
      understood.statements.emplace_back(said);
    }
    before = said;
  }
  return understood;
}

}  // namespace memgpt::offline
