#include "llm/offline_tokens.h"

#include <algorithm>
#include <array>
#include <utility>

#include "memory/words.h"

namespace memgpt::offline {
namespace {

// What is behind the apostrophe, and the word that it stands for.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kContractions = {
    {{"m", "am"},
     {"ve", "have"},
     {"re", "are"},
     {"ll", "will"},
     {"d", "would"},
     {"s", "is"},
     {"t", "not"}}};

// "'s" is "is" after these and a possessive elsewhere.
bool takes_is(std::string_view word) {
  return is_any_of(word, {"it", "that", "there", "here", "he", "she", "who", "what", "where",
                          "when", "why", "how", "name"});
}

void add_contraction(std::vector<Token>& tokens, Token head, std::string_view ending,
                     std::size_t end) {
  head.end = end;
  Token tail{"", head.begin, end, false};
  for (const auto& [short_form, word] : kContractions) {
    if (short_form == ending) tail.text = word;
  }
  if (ending == "t") {
    // "don" + "t" -> do not; "can" + "t" -> can not.
    if (head.text.size() > 2 && head.text.ends_with('n') && head.text != "can") {
      head.text.pop_back();
    }
    if (head.text == "wo") head.text = "will";
  }
  if (ending == "s" && !takes_is(head.text)) tail.text.clear();
  tokens.push_back(std::move(head));
  if (!tail.text.empty()) tokens.push_back(std::move(tail));
}

bool is_apostrophe(std::string_view gap) { return gap == "'" || gap == "\xE2\x80\x99"; }

// Where the sentence that begins at `begin` ends is not told by a full stop in "3.5", "Dr. Who",
// "J. Smith" or "example.org".
bool ends_sentence(std::string_view text, std::size_t begin, std::size_t at) {
  const char c = text[at];
  if (c == '\n' || c == '!' || c == '?') return true;
  if (c != '.' && c != ';') return false;
  const std::size_t next = text.find_first_not_of("\"')]*_", at + 1);
  if (next != std::string_view::npos && text[next] != ' ' && text[next] != '\n' &&
      text[next] != '\t' && text[next] != '\r' && text[next] != '.') {
    return false;
  }
  if (c == ';') return true;
  std::size_t word = at;
  while (word > begin && at - word < 5 && static_cast<unsigned char>(text[word - 1]) > ' ') --word;
  const std::string_view before = text.substr(word, at - word);
  if (before.size() == 1 && before[0] >= 'A' && before[0] <= 'Z' && before[0] != 'I') return false;
  return !is_any_of(
      before, {"Mr", "Mrs", "Ms", "Dr", "St", "Prof", "vs", "e.g", "i.e", "etc", "a.m", "p.m"});
}

}  // namespace

std::string_view word_at(Tokens tokens, std::size_t at) {
  return at < tokens.size() ? std::string_view(tokens[at].text) : std::string_view();
}

bool is_any_of(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool has_phrase(Tokens tokens, std::size_t at, std::string_view phrase) {
  while (true) {
    const std::size_t space = phrase.find(' ');
    if (at >= tokens.size() || tokens[at].text != phrase.substr(0, space)) return false;
    if (space == std::string_view::npos) return true;
    phrase.remove_prefix(space + 1);
    ++at;
  }
}

std::vector<Token> tokenize(std::string_view text) {
  std::vector<Token> tokens;
  const std::vector<Word> found = find_words(text);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Word& word = found[i];
    const char first = text[word.begin];
    Token token{word.text, word.begin, word.end, first >= 'A' && first <= 'Z'};
    const bool joined = i + 1 < found.size() &&
                        is_apostrophe(text.substr(word.end, found[i + 1].begin - word.end)) &&
                        is_any_of(found[i + 1].text, {"m", "ve", "re", "ll", "d", "s", "t"});
    if (joined) {
      add_contraction(tokens, std::move(token), found[i + 1].text, found[i + 1].end);
      ++i;
    } else if (is_any_of(word.text, {"im", "ive", "dont", "cant"})) {
      const bool mine = word.text[0] == 'i';
      Token tail = token;
      tail.capital = false;
      tail.text = !mine ? "not" : word.text == "im" ? "am" : "have";
      token.text = mine ? "i" : word.text == "dont" ? "do" : "can";
      tokens.push_back(std::move(token));
      tokens.push_back(std::move(tail));
    } else {
      tokens.push_back(std::move(token));
    }
  }
  return tokens;
}

std::vector<Sentence> split_sentences(std::string_view text) {
  std::vector<Sentence> sentences;
  std::size_t begin = 0;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    if (at < text.size() && !ends_sentence(text, begin, at)) continue;
    Sentence sentence{begin, at, false};
    while (at < text.size() && ends_sentence(text, begin, at)) {
      sentence.asks |= text[at] == '?';
      if (text[at++] == '\n') break;
    }
    while (sentence.begin < sentence.end &&
           static_cast<unsigned char>(text[sentence.begin]) <= ' ') {
      ++sentence.begin;
    }
    if (sentence.begin < sentence.end) sentences.push_back(sentence);
    begin = at;
    if (at < text.size()) --at;  // the loop moves on
  }
  return sentences;
}

}  // namespace memgpt::offline
