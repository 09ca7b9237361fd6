#include "memory/terms.h"

#include <algorithm>
#include <array>

#include "memory/unicode.h"
#include "memory/words.h"

namespace memgpt {

namespace {

// Spanish, French, German, Italian, Portuguese and Dutch, without accents; none that is a
// common English word, too.
constexpr auto kForeign = std::to_array<std::string_view>(
    {"aan",    "al",    "auf",    "aus",  "avec",  "bei",   "bin",  "che",   "chi",   "ci",
     "como",   "con",   "cosa",   "cual", "da",    "dalla", "dans", "das",   "de",    "dei",
     "del",    "della", "dem",    "den",  "der",   "des",   "di",   "dich",  "die",   "dit",
     "donde",  "dos",   "dove",   "du",   "een",   "ein",   "eine", "einen", "einer", "el",
     "elle",   "em",    "en",     "era",  "es",    "est",   "et",   "fue",   "gli",   "ha",
     "habe",   "hat",   "het",    "hoe",  "ich",   "il",    "ils",  "im",    "ist",   "je",
     "jij",    "la",    "las",    "le",   "les",   "lo",    "los",  "mas",   "meu",   "mi",
     "mich",   "mijn",  "mit",    "na",   "nach",  "naar",  "nao",  "ne",    "nel",   "nella",
     "nicht",  "niet",  "nos",    "nous", "nu",    "om",    "onde", "ons",   "op",    "os",
     "ou",     "para",  "pas",    "per",  "pero",  "pour",  "por",  "qual",  "quand", "quando",
     "que",    "quel",  "quelle", "qui",  "quien", "sa",    "se",   "sein",  "sie",   "sind",
     "sono",   "su",    "sul",    "sur",  "tu",    "um",    "uma",  "un",    "una",   "und",
     "une",    "uno",   "van",    "vom",  "von",   "voor",  "vous", "wann",  "warum", "wat",
     "welche", "wer",   "wie",    "wir",  "wo",    "ze",    "zu",   "zum",   "zur",   "zijn"});

void append_folded(std::string& out, char32_t c) {
  switch (c) {
    case 0xDF: out += "ss"; return;
    case 0xE6: out += "ae"; return;
    case 0xFE: out += "th"; return;
    case 0x153: out += "oe"; return;
    default: break;
  }
  const char32_t plain = without_accent(c);
  if (plain != 0) append_utf8(out, plain);
}

// Cuts one text; its buffers hold what the terms are views of.
class Cutter {
 public:
  Cutter(bool asked, const std::function<void(const Term&)>& take) : asked_(asked), take_(take) {}

  void cut(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = at;
      const auto byte = static_cast<unsigned char>(text[at]);
      if (byte < 0x80) {
        ++at;
        end_run();
        const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
        if (letter || (byte >= 'A' && byte <= 'Z'))
          add_letter(letter ? static_cast<char>(byte) : static_cast<char>(byte + 32), begin);
        else
          end_word();
        continue;
      }
      const char32_t c = next_code_point(text, at);
      if (is_unspaced(c)) {
        end_word();
        add_unspaced(c, begin, at);
      } else if (is_letter_or_digit(c)) {
        end_run();
        if (word_.empty()) begin_ = begin;
        append_folded(word_, lower(c));
        end_ = at;
      } else {
        end_run();
        end_word();
        if (is_emoji(c)) take_({text.substr(begin, at - begin), begin, at, false});
      }
    }
    end_run();
    end_word();
  }

 private:
  void add_letter(char c, std::size_t at) {
    if (word_.empty()) begin_ = at;
    word_.push_back(c);
    end_ = at + 1;
  }

  void end_word() {
    if (word_.empty()) return;
    take_({word_, begin_, end_, true});
    word_.clear();
  }

  void add_unspaced(char32_t c, std::size_t begin, std::size_t end) {
    std::string now;
    append_utf8(now, c);
    if (!asked_) take_({now, begin, end, false});
    if (!before_.empty()) {
      const std::string pair = before_ + now;
      take_({pair, before_begin_, end, false});
      paired_ = true;
    }
    before_ = std::move(now);
    before_begin_ = begin;
    before_end_ = end;
  }

  void end_run() {
    if (before_.empty()) return;
    if (asked_ && !paired_) take_({before_, before_begin_, before_end_, false});
    before_.clear();
    paired_ = false;
  }

  bool asked_;
  const std::function<void(const Term&)>& take_;
  std::string word_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string before_;  // the character before, in writing without spaces
  std::size_t before_begin_ = 0;
  std::size_t before_end_ = 0;
  bool paired_ = false;
};

}  // namespace

void each_term(std::string_view utf8, bool asked, const std::function<void(const Term&)>& take) {
  Cutter(asked, take).cut(utf8);
}

std::vector<AskedTerm> asked_terms(std::string_view query, std::size_t most) {
  std::vector<AskedTerm> terms;
  each_term(query, true, [&](const Term& term) {
    if (terms.size() < most) terms.push_back({std::string(term.text), term.word});
  });
  return terms;
}

bool is_foreign_stop_word(std::string_view word) {
  static_assert([] {
    auto sorted = kForeign;
    std::sort(sorted.begin(), sorted.end());
    return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
  }());
  return std::find(kForeign.begin(), kForeign.end(), word) != kForeign.end();
}

bool is_english(const std::vector<AskedTerm>& query) {
  const auto english = std::count_if(query.begin(), query.end(), [](const AskedTerm& term) {
    return is_stop_word(term.text) && !is_foreign_stop_word(term.text);
  });
  const auto foreign = std::count_if(query.begin(), query.end(), [](const AskedTerm& term) {
    return is_foreign_stop_word(term.text);
  });
  return foreign <= english;
}

}  // namespace memgpt
