// Pre-tokenizers: the regular expressions of cl100k_base and o200k_base, written by hand.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

// The general categories that the patterns tell apart.
enum class CharClass : std::uint8_t {
  kOther,    // neither white space, letter, mark nor number
  kSpace,    // \s but \r and \n
  kNewline,  // \r and \n
  kUpper,    // \p{Lu} and \p{Lt}
  kLower,    // \p{Ll}
  kLetter,   // \p{Lm} and \p{Lo}
  kMark,     // \p{M}
  kNumber,   // \p{N}
};

// The class of every character, in pages of 256; made once, then shared.
class CharClasses {
 public:
  [[nodiscard]] static const CharClasses& shared();

  [[nodiscard]] CharClass of(std::uint32_t code) const noexcept {
    return entries_[page_[code >> 8U] + (code & 0xFFU)];
  }

 private:
  CharClasses();

  std::array<std::uint32_t, 0x1100> page_{};  // where in entries_ a page begins
  std::vector<CharClass> entries_;
};

// The end of the first pre-token of [at, end), which is not empty and is valid UTF-8.
[[nodiscard]] const char* next_cl100k(const CharClasses& classes, const char* at, const char* end);
[[nodiscard]] const char* next_o200k(const CharClasses& classes, const char* at, const char* end);

// Of which classes (one bit each) characters behind the text go on with its last pre-token, which
// is longer than a few characters, and change nothing before it; 0 where that is not certain.
[[nodiscard]] unsigned continuing_cl100k(const CharClasses& classes, std::string_view last);
[[nodiscard]] unsigned continuing_o200k(const CharClasses& classes, std::string_view last);
// True where each character of the text, which is valid UTF-8, is of one of the classes.
[[nodiscard]] bool is_all_of(const CharClasses& classes, unsigned set, std::string_view text);

// How many bytes at the end are the beginning of a character that further bytes could complete.
[[nodiscard]] std::size_t unfinished_character(std::string_view text);

// The text with every maximal ill-formed sequence replaced by U+FFFD, as Python's
// bytes.decode("utf-8", "replace") does; nothing where the text is valid as it is. Ascending
// offsets into the text become those into the repaired one, moved behind a sequence that they are
// inside of.
[[nodiscard]] std::optional<std::string> repaired_utf8(std::string_view text,
                                                       std::span<std::size_t> offsets = {});

}  // namespace memgpt
