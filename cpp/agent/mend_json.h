// JSON as models write it, read by one rule: what can mean one thing only is read, a value is never
// guessed.
//
// A text that ends inside of a string, number, name or literal, or behind a comma or colon, was cut
// off: what would have come is not known. Where nothing but closing braces and brackets is missing
// the values are whole.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "agent/repair.h"

namespace memgpt {

struct JsonMember {
  std::string key;    // empty in an array
  std::string value;  // strict JSON text; numbers as they were written
};

struct MendedJson {
  bool object = false;  // else an array or a scalar
  std::vector<JsonMember> members;
  std::string text;     // strict JSON
  std::size_t end = 0;  // behind the value
  // The keys under which containers were not closed where the text ends, innermost first ("[]" in
  // an array), without the outermost one. Their values may have been meant to go on.
  std::vector<std::string> unclosed;
  bool open_at_end =
      false;  // something, also the outermost one, was not closed where the text ends
  Repairs repairs;
  std::string problem;  // empty: it was read
  std::size_t problem_at = 0;
  bool cut = false;  // the problem is that the text ends
};

// The value that begins at `at`.
[[nodiscard]] MendedJson mend_json(std::string_view text, std::size_t at = 0);

// True where an object's first key, or its end, follows: no brace of mere text.
[[nodiscard]] bool begins_object(std::string_view text, std::size_t at);

[[nodiscard]] std::size_t skip_blanks(std::string_view text, std::size_t at);
[[nodiscard]] std::string_view trimmed_view(std::string_view text);

}  // namespace memgpt
