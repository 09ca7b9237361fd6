#include "memory/pretokenize.h"

#include <algorithm>
#include <cstring>

#include "memory/text.h"

namespace memgpt {
namespace {

using enum CharClass;

constexpr std::uint32_t kRuns[] = {
#include "memory/unicode_classes.inc"
};

constexpr std::array<CharClass, 128> ascii_classes() {
  std::array<CharClass, 128> classes{};
  std::size_t code = 0;
  for (const std::uint32_t run : kRuns) {
    for (std::uint32_t left = run >> 3U; left > 0 && code < classes.size(); --left, ++code) {
      classes[code] = static_cast<CharClass>(run & 7U);
    }
  }
  return classes;
}

constexpr std::array<CharClass, 128> kAscii = ascii_classes();

struct Char {
  CharClass kind;
  std::uint8_t size;
};

constexpr std::uint32_t byte_at(const char* at) { return static_cast<unsigned char>(*at); }

Char decode(const CharClasses& classes, const char* at) {
  const std::uint32_t lead = byte_at(at);
  const auto tail = [at](int index) { return byte_at(at + index) & 0x3FU; };
  if (lead < 0xE0) return {classes.of((lead & 0x1FU) << 6U | tail(1)), 2};
  if (lead < 0xF0) return {classes.of((lead & 0xFU) << 12U | tail(1) << 6U | tail(2)), 3};
  return {classes.of((lead & 7U) << 18U | tail(1) << 12U | tail(2) << 6U | tail(3)), 4};
}

inline Char char_at(const CharClasses& classes, const char* at) {
  const std::uint32_t lead = byte_at(at);
  if (lead < 0x80) return {kAscii[lead], 1};
  return decode(classes, at);
}

constexpr unsigned mask(CharClass kind) { return 1U << static_cast<unsigned>(kind); }

template <typename... Kinds>
constexpr unsigned mask(CharClass first, Kinds... rest) {
  return mask(first) | mask(rest...);
}

constexpr unsigned kLetters = mask(kUpper, kLower, kLetter);
constexpr unsigned kSpaces = mask(kSpace, kNewline);
// [^\s\p{L}\p{N}]
constexpr unsigned kSymbols = mask(kOther, kMark);
// [^\r\n\p{L}\p{N}], what a word may begin with
constexpr unsigned kPrefixes = mask(kOther, kSpace, kMark);

inline bool is_in(unsigned set, CharClass kind) { return (mask(kind) & set) != 0; }

// The set that each ASCII character is, and 0 for the other bytes.
constexpr std::array<std::uint8_t, 256> kAsciiSets = [] {
  std::array<std::uint8_t, 256> sets{};
  for (std::size_t code = 0; code < kAscii.size(); ++code) {
    sets[code] = static_cast<std::uint8_t>(mask(kAscii[code]));
  }
  return sets;
}();

inline const char* skip_ascii(unsigned set, const char* at, const char* end) {
  while (at < end && (kAsciiSets[byte_at(at)] & set) != 0) ++at;
  return at;
}

// Most of most texts: ASCII letters of these kinds, with a space before them or without, and ASCII
// that is neither such a letter nor an apostrophe behind them. nullptr where it is something else.
template <unsigned kKinds>
const char* plain_word(const char* at, const char* end) {
  const char* const begin = *at == ' ' ? at + 1 : at;
  const char* const stop = skip_ascii(kKinds, begin, end);
  return stop > begin && stop < end && byte_at(stop) < 0x80 && *stop != '\'' ? stop : nullptr;
}

// Walks over the characters of one pre-token.
struct Cursor {
  const CharClasses& classes;
  const char* end;

  [[nodiscard]] const char* skip(unsigned set, const char* at) const {
    while (true) {
      at = skip_ascii(set, at, end);
      if (at == end || byte_at(at) < 0x80) return at;
      const Char next = decode(classes, at);
      if (!is_in(set, next.kind)) return at;
      at += next.size;
    }
  }

  // (?i:'s|'t|'re|'ve|'m|'ll|'d): `at` where there is none. U+017F folds to s.
  [[nodiscard]] const char* contraction(const char* at) const {
    if (end - at < 2 || *at != '\'') return at;
    const auto lower = [at](int index) { return static_cast<char>(at[index] | 0x20); };
    const char first = lower(1);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
    if (end - at < 3) return at;
    const bool found = (first == 'l' && lower(2) == 'l') ||
                       ((first == 'r' || first == 'v') && lower(2) == 'e') ||
                       (at[1] == '\xC5' && at[2] == '\xBF');
    return found ? at + 3 : at;
  }

  // \p{N}{1,3}, the first of which is known.
  [[nodiscard]] const char* number(const char* at) const {
    for (int i = 0; i < 2 && at < end; ++i) {
      const Char next = char_at(classes, at);
      if (next.kind != kNumber) break;
      at += next.size;
    }
    return at;
  }

  // \s*[\r\n]+|\s+(?!\S)|\s+ from a white space character on. cl100k takes white space at the end
  // of the text as one, o200k breaks it after the last newline.
  [[nodiscard]] const char* white_space(const char* at, bool whole_at_end) const {
    const char* const begin = at;
    const char* last = at;  // where the last character begins
    const char* newline = nullptr;
    while (at < end) {
      const Char next = char_at(classes, at);
      if (!is_in(kSpaces, next.kind)) break;
      last = at;
      at += next.size;
      if (next.kind == kNewline) newline = at;
    }
    if (at == end && whole_at_end) return at;
    if (newline != nullptr) return newline;
    return at == end || last == begin ? at : last;
  }

  // The letters of o200k's two kinds of words, U*L+|U+L*, where U is upper case, L is lower case,
  // and other letters and marks are both; nullptr where there is none.
  [[nodiscard]] const char* cased_word(const char* begin, bool* only_upper) const {
    const char* at = begin;
    const char* last_both = nullptr;
    Char next{kOther, 0};
    for (; at < end; at += next.size) {
      next = char_at(classes, at);
      if (next.kind == kUpper) continue;
      if (!is_in(mask(kLetter, kMark), next.kind)) break;
      last_both = at + next.size;
    }
    *only_upper = false;
    if (at < end && next.kind == kLower) return skip(mask(kLower, kLetter, kMark), at + next.size);
    // U* gives back what follows the last character that can be the one of L+.
    if (last_both != nullptr) return last_both;
    *only_upper = true;
    return at == begin ? nullptr : at;
  }
};

}  // namespace

CharClasses::CharClasses() {
  entries_.reserve(256 * std::size_t{256});
  std::array<CharClass, 256> page{};
  std::array<std::optional<std::uint32_t>, 8> uniform;  // pages of one class are shared
  std::size_t number = 0;
  std::size_t filled = 0;
  const auto add_page = [&] {
    const bool same = std::all_of(page.begin(), page.end(), [&](auto k) { return k == page[0]; });
    auto& known = uniform[static_cast<std::size_t>(page[0])];
    const std::uint32_t begin =
        same && known ? *known : static_cast<std::uint32_t>(entries_.size());
    if (begin == entries_.size()) entries_.insert(entries_.end(), page.begin(), page.end());
    if (same) known = begin;
    page_[number++] = begin;
    filled = 0;
  };
  for (const std::uint32_t run : kRuns) {
    for (std::uint32_t left = run >> 3U; left > 0; --left) {
      page[filled++] = static_cast<CharClass>(run & 7U);
      if (filled == page.size()) add_page();
    }
  }
  while (number < page_.size()) {
    std::fill(page.begin() + static_cast<std::ptrdiff_t>(filled), page.end(), kOther);
    add_page();
  }
}

const CharClasses& CharClasses::shared() {
  static const CharClasses classes;
  return classes;
}

// '(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+
// |\s++$|\s*[\r\n]|\s+(?!\S)|\s
const char* next_cl100k(const CharClasses& classes, const char* at, const char* end) {
  if (const char* stop = plain_word<mask(kUpper, kLower)>(at, end)) return stop;
  const Cursor cursor{classes, end};
  const Char first = char_at(classes, at);
  const char* const second = at + first.size;
  if (is_in(kLetters, first.kind)) return cursor.skip(kLetters, second);
  if (first.kind == kNumber) return cursor.number(second);
  if (const char* stop = cursor.contraction(at); stop != at) return stop;
  const Char next = second < end ? char_at(classes, second) : Char{kNewline, 0};
  if (is_in(kPrefixes, first.kind) && is_in(kLetters, next.kind)) {
    return cursor.skip(kLetters, second + next.size);
  }
  if (is_in(kSymbols, first.kind) || (*at == ' ' && is_in(kSymbols, next.kind))) {
    const char* stop = cursor.skip(kSymbols, second);
    while (stop < end && (*stop == '\r' || *stop == '\n')) ++stop;
    return stop;
  }
  return cursor.white_space(at, true);
}

// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|...)?
// |[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|...)?
// |\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
const char* next_o200k(const CharClasses& classes, const char* at, const char* end) {
  if (const char* stop = plain_word<mask(kLower)>(at, end)) return stop;
  const Cursor cursor{classes, end};
  const Char first = char_at(classes, at);
  const char* const second = at + first.size;
  bool only_upper = false;
  if (is_in(kLetters, first.kind)) {
    return cursor.contraction(cursor.cased_word(at, &only_upper));
  }
  if (first.kind == kNumber) return cursor.number(second);
  const Char next = second < end ? char_at(classes, second) : Char{kNewline, 0};
  if (is_in(kPrefixes, first.kind) && is_in(kLetters | mask(kMark), next.kind)) {
    const char* stop = cursor.cased_word(second, &only_upper);
    // A mark is a word of the first kind by itself, which comes before one of the second kind.
    if (first.kind != kMark || !only_upper) return cursor.contraction(stop);
  }
  if (first.kind == kMark) return cursor.contraction(second);
  if (first.kind == kOther || (*at == ' ' && is_in(kSymbols, next.kind))) {
    const char* stop = cursor.skip(kSymbols, second);
    while (stop < end && (*stop == '\r' || *stop == '\n' || *stop == '/')) ++stop;
    return stop;
  }
  return cursor.white_space(at, false);
}

namespace {

// The classes of the first two characters and of the last one.
struct Ends {
  CharClass first;
  CharClass second;
  CharClass last;

  Ends(const CharClasses& classes, std::string_view piece) {
    const Char begin = char_at(classes, piece.data());
    first = begin.kind;
    second = char_at(classes, piece.data() + begin.size).kind;
    std::size_t at = piece.size() - 1;
    while ((byte_at(piece.data() + at) & 0xC0U) == 0x80) --at;
    last = char_at(classes, piece.data() + at).kind;
  }
};

// Newlines end a run of symbols, and go on themselves; slashes may follow them.
unsigned continuing_symbols(std::string_view piece) {
  return piece.find_first_of("\r\n") == piece.npos ? kSymbols : 0;
}

}  // namespace

unsigned continuing_cl100k(const CharClasses& classes, std::string_view last) {
  const Ends ends(classes, last);
  if (is_in(kLetters, ends.last)) return kLetters;
  if (is_in(kSpaces, ends.first) && is_in(kSpaces, ends.second)) return kSpaces;
  return is_in(kSymbols, ends.last) ? continuing_symbols(last) : 0;
}

// What follows capitals can still change the word before them, unless it is a capital too.
unsigned continuing_o200k(const CharClasses& classes, std::string_view last) {
  constexpr unsigned kSmall = mask(kLower, kLetter, kMark);
  const Ends ends(classes, last);
  if (is_in(kLetters, ends.first) || is_in(kLetters | mask(kMark), ends.second)) {
    if (last.substr(last.size() - 4).find('\'') != last.npos) return 0;  // a contraction
    return ends.last == kUpper ? mask(kUpper) : is_in(kSmall, ends.last) ? kSmall : 0;
  }
  if (is_in(kSpaces, ends.first) && is_in(kSpaces, ends.second)) {
    if (ends.last == kNewline) return mask(kNewline);
    return last.find_first_of("\r\n") == last.npos ? mask(kSpace) : 0;
  }
  return is_in(kSymbols, ends.last) ? continuing_symbols(last) : 0;
}

bool is_all_of(const CharClasses& classes, unsigned set, std::string_view text) {
  const char* const end = text.data() + text.size();
  return Cursor{classes, end}.skip(set, text.data()) == end;
}

namespace {

struct Sequence {
  std::size_t size;  // bytes of the character, or of the ill-formed sequence
  bool valid;
};

// Of the character that such a byte begins; 1 where none does.
std::size_t wanted_size(std::uint32_t lead) {
  if (lead < 0xC2 || lead > 0xF4) return 1;
  return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

// One character that is not ASCII, or the longest beginning of one (Unicode, table 3-7).
Sequence read_sequence(std::string_view text) {
  const std::uint32_t lead = byte_at(text.data());
  const std::size_t wanted = wanted_size(lead);
  if (wanted == 1) return {1, false};
  std::uint32_t low = 0x80;
  std::uint32_t high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (std::size_t i = 1; i < wanted; ++i) {
    if (i >= text.size()) return {i, false};
    const std::uint32_t tail = byte_at(text.data() + i);
    if (tail < low || tail > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {wanted, true};
}

// Where the first ill-formed sequence from `at` on begins.
std::size_t find_invalid(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    std::uint64_t chunk = 0;
    if (text.size() - at >= sizeof chunk) {
      std::memcpy(&chunk, text.data() + at, sizeof chunk);
      if ((chunk & 0x8080808080808080U) == 0) {
        at += sizeof chunk;
        continue;
      }
    }
    if (byte_at(text.data() + at) < 0x80) {
      ++at;
      continue;
    }
    const Sequence next = read_sequence(text.substr(at));
    if (!next.valid) return at;
    at += next.size;
  }
  return text.size();
}

}  // namespace

std::size_t unfinished_character(std::string_view text) {
  for (std::size_t size = 1; size <= 3 && size <= text.size(); ++size) {
    const std::string_view end = text.substr(text.size() - size);
    if (byte_at(end.data()) < 0x80) return 0;
    if (byte_at(end.data()) < 0xC0) continue;
    const Sequence last = read_sequence(end);
    return !last.valid && last.size == size && wanted_size(byte_at(end.data())) > size ? size : 0;
  }
  return 0;
}

std::optional<std::string> repaired_utf8(std::string_view text, std::span<std::size_t> offsets) {
  if (is_valid_utf8(text)) return std::nullopt;
  std::string repaired;
  repaired.reserve(text.size() + 16);
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t bad = find_invalid(text, at);
    for (; !offsets.empty() && offsets[0] <= bad; offsets = offsets.subspan(1)) {
      offsets[0] = repaired.size() + offsets[0] - at;
    }
    repaired.append(text, at, bad - at);
    if (bad == text.size()) break;
    repaired.append("\xEF\xBF\xBD");
    at = bad + read_sequence(text.substr(bad)).size;
    for (; !offsets.empty() && offsets[0] <= at; offsets = offsets.subspan(1)) {
      offsets[0] = repaired.size();
    }
  }
  return repaired;
}

}  // namespace memgpt
