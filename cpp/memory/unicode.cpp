#include "memory/unicode.h"

#include <algorithm>
#include <iterator>

namespace memgpt {
namespace {

bool within(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

char32_t lower_latin(char32_t c) {
  if (within(c, 0xC0, 0xDE)) return c + 32;
  if (c == 0x130) return 'i';
  if (c == 0x178) return 0xFF;
  const bool odd_is_upper = within(c, 0x139, 0x148) || within(c, 0x179, 0x17E);
  if (odd_is_upper) return c % 2 == 1 ? c + 1 : c;
  const bool even_is_upper = within(c, 0x100, 0x137) || within(c, 0x14A, 0x177) ||
                             within(c, 0x1E00, 0x1E95) || within(c, 0x1EA0, 0x1EFF);
  return even_is_upper && c % 2 == 0 ? c + 1 : c;
}

// The letters that those from 0xC0, 0x180 and 0x1E00 on are written over, as Unicode decomposes
// them, and those that look it; '.' where there is none.
constexpr std::string_view kLatin =
    "aaaaaaaceeeeiiiidnooooo.ouuuuytsaaaaaaaceeeeiiiidnooooo.ouuuuytyaaaaaaccccccccdd"
    "ddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkk.llllllllllnnnnnn.nnoooooooorrrrrrssssss"
    "ssttttttuuuuuuuuuuuuwwyyyzzzzzzs................................oo.............u"
    "u...................dddlllnnnaaiioouuuuuuuuuu.aaaa....ggkkoooo..jdddgg..nnaa...."
    "aaaaeeeeiiiioooorrrruuuusstt..hh......aaeeooooooooyy............................";
constexpr std::string_view kMoreLatin =
    "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooo"
    "oooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwyas..s."
    "aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuu"
    "uuyyyyyyyy......";

}  // namespace

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at++);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xC2 && lead < 0xE0   ? 1
                   : lead >= 0xE0 && lead < 0xF0 ? 2
                   : lead >= 0xF0 && lead < 0xF5 ? 3
                                                 : 0;
  if (more == 0 || text.size() - at < static_cast<std::size_t>(more)) return 0xFFFD;
  char32_t c = lead & (0x3F >> more);
  for (int i = 0; i < more; ++i) {
    const unsigned char b = byte(at + static_cast<std::size_t>(i));
    if ((b & 0xC0) != 0x80) return 0xFFFD;
    c = c << 6 | (b & 0x3F);
  }
  const bool bad = (more == 2 && (c < 0x800 || (c >= 0xD800 && c < 0xE000))) ||
                   (more == 3 && (c < 0x10000 || c > 0x10FFFF));
  if (bad) return 0xFFFD;
  at += static_cast<std::size_t>(more);
  return c;
}

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t b) { out.push_back(static_cast<char>(b)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

bool is_letter_or_digit(char32_t c) {
  if (c < 0x80) return within(c, '0', '9') || within(c, 'a', 'z') || within(c, 'A', 'Z');
  if (c < 0xC0)
    return c == 0xAA || c == 0xB5 || c == 0xBA || within(c, 0xB2, 0xB3) || c == 0xB9 ||
           within(c, 0xBC, 0xBE);
  // Numbers among the symbols: raised, lowered, fractions, Roman, circled.
  if (within(c, 0x2070, 0x2079) || within(c, 0x207F, 0x2089) || within(c, 0x2090, 0x209C) ||
      within(c, 0x2150, 0x2189) || within(c, 0x2460, 0x249B) || within(c, 0x24EA, 0x24FF) ||
      within(c, 0x2776, 0x2793))
    return true;
  if (c == 0xD7 || c == 0xF7 || c == 0x37E || c == 0x387 || c == 0xFFFD) return false;
  struct Range {
    char32_t first, last;
  };
  // Punctuation, symbols, private use and variation selectors: whatever else is a letter.
  static constexpr Range kOther[] = {
      {0x2000, 0x2BFF},   {0x2E00, 0x2E7F},   {0x3000, 0x3004}, {0x3008, 0x3020}, {0x3030, 0x3030},
      {0x30FB, 0x30FB},   {0xE000, 0xF8FF},   {0xFE00, 0xFE6F}, {0xFEFF, 0xFF0F}, {0xFF1A, 0xFF20},
      {0xFF3B, 0xFF40},   {0xFF5B, 0xFF65},   {0xFFE0, 0xFFFF}, {0x589, 0x58F},   {0x60C, 0x60D},
      {0x61B, 0x61F},     {0x66A, 0x66D},     {0x6D4, 0x6D4},   {0x964, 0x965},   {0xE3F, 0xE3F},
      {0x1F000, 0x1FAFF}, {0xE0000, 0x10FFFF}};
  return std::none_of(std::begin(kOther), std::end(kOther),
                      [c](const Range& r) { return within(c, r.first, r.last); });
}

char32_t lower(char32_t c) {
  if (c < 0x80) return within(c, 'A', 'Z') ? c + 32 : c;
  if (c < 0x370 || within(c, 0x1E00, 0x1EFF)) return lower_latin(c);
  if (c < 0x400) {  // Greek; the final sigma is a sigma
    if (within(c, 0x391, 0x3A9)) return c + 32;
    if (within(c, 0x388, 0x38A)) return c + 37;
    if (within(c, 0x38E, 0x38F)) return c + 63;
    return c == 0x386 ? 0x3AC : c == 0x38C ? 0x3CC : c == 0x3C2 ? 0x3C3 : c;
  }
  if (c < 0x530) {  // Cyrillic
    if (within(c, 0x410, 0x42F)) return c + 32;
    if (within(c, 0x400, 0x40F)) return c + 80;
    if (within(c, 0x4C1, 0x4CE)) return c % 2 == 1 ? c + 1 : c;
    const bool even_is_upper =
        within(c, 0x460, 0x481) || within(c, 0x48A, 0x4BF) || within(c, 0x4D0, 0x52F);
    return even_is_upper && c % 2 == 0 ? c + 1 : c;
  }
  if (within(c, 0x2160, 0x216F)) return c + 16;  // Roman numbers
  if (within(c, 0x24B6, 0x24CF)) return c + 26;  // circled letters
  return within(c, 0xFF21, 0xFF3A) ? c + 32 : c;
}

char32_t without_accent(char32_t c) {
  if (c < 0xC0) return c;
  if (within(c, 0xFF10, 0xFF5A)) return c - 0xFEE0;  // full width
  if (c < 0x250 || within(c, 0x1E00, 0x1EFF)) {
    const char base = c < 0x250 ? kLatin[c - 0xC0] : kMoreLatin[c - 0x1E00];
    return base == '.' ? c : static_cast<char32_t>(base);
  }
  // Combining accents, Hebrew points, Arabic vowel marks and the stretching stroke.
  if (within(c, 0x300, 0x36F) || within(c, 0x591, 0x5BD) || c == 0x5BF || within(c, 0x5C1, 0x5C2) ||
      within(c, 0x5C4, 0x5C5) || c == 0x640 || within(c, 0x64B, 0x65F) || c == 0x670)
    return 0;
  switch (c) {
    case 0x3AC: return 0x3B1;  // Greek, with tonos or dialytika
    case 0x3AD: return 0x3B5;
    case 0x3AE: return 0x3B7;
    case 0x390:
    case 0x3AF:
    case 0x3CA: return 0x3B9;
    case 0x3CC: return 0x3BF;
    case 0x3B0:
    case 0x3CB:
    case 0x3CD: return 0x3C5;
    case 0x3CE: return 0x3C9;
    case 0x451: return 0x435;  // Cyrillic io
    case 0x622:
    case 0x623:
    case 0x625: return 0x627;  // Arabic alef
    default: return c;
  }
}

std::u32string code_points(std::string_view utf8) {
  std::u32string points;
  for (std::size_t at = 0; at < utf8.size();) points.push_back(next_code_point(utf8, at));
  return points;
}

std::string lower_cased(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  for (std::size_t at = 0; at < utf8.size();) append_utf8(out, lower(next_code_point(utf8, at)));
  return out;
}

bool is_cjk(char32_t c) {
  return within(c, 0x3005, 0x3007) || within(c, 0x3021, 0x302F) || within(c, 0x3031, 0x30FA) ||
         within(c, 0x30FC, 0x30FF) || within(c, 0x31F0, 0x31FF) || within(c, 0x3400, 0x4DBF) ||
         within(c, 0x4E00, 0x9FFF) || within(c, 0xF900, 0xFAFF) || within(c, 0xFF66, 0xFF9D) ||
         within(c, 0x20000, 0x323AF);
}

bool is_unspaced(char32_t c) {
  return c >= 0xE00 && (is_cjk(c) || within(c, 0xE00, 0xEFF) || within(c, 0x1000, 0x109F) ||
                        within(c, 0x1100, 0x11FF) || within(c, 0x1780, 0x17FF) ||
                        within(c, 0x3105, 0x318F) || within(c, 0xAC00, 0xD7A3));
}

bool is_emoji(char32_t c) {
  if (c < 0x2190) return false;
  // Skin tones and the variants of hearts and the like are no sign of their own.
  if (within(c, 0x1F3FB, 0x1F3FF)) return false;
  return within(c, 0x1F000, 0x1FAFF) || within(c, 0x2600, 0x27BF) || within(c, 0x2B00, 0x2BFF) ||
         within(c, 0x2190, 0x21FF) || within(c, 0x2300, 0x23FF) || within(c, 0x25A0, 0x25FF);
}

}  // namespace memgpt
