// Code points: read, written, lower-cased, and what kind they are. As much of Unicode as searching
// needs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace memgpt {

// Reads one code point and moves `at` behind it; U+FFFD for a byte that begins none.
[[nodiscard]] char32_t next_code_point(std::string_view text, std::size_t& at);
void append_utf8(std::string& out, char32_t c);
// Code points; an invalid byte becomes U+FFFD.
[[nodiscard]] std::u32string code_points(std::string_view utf8);

[[nodiscard]] bool is_letter_or_digit(char32_t c);
// Of Latin, Greek and Cyrillic letters.
[[nodiscard]] char32_t lower(char32_t c);
[[nodiscard]] std::string lower_cased(std::string_view utf8);
// The letter without its accent; 0 for a mark that stands on another letter.
[[nodiscard]] char32_t without_accent(char32_t lower_case);
// Han characters and kana: writing without spaces.
[[nodiscard]] bool is_cjk(char32_t c);
// These, Korean, Thai and their like: words that no space, or not every one, sets apart.
[[nodiscard]] bool is_unspaced(char32_t c);
// Pictures and the symbols that are used as such.
[[nodiscard]] bool is_emoji(char32_t c);

}  // namespace memgpt
