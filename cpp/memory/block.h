// Core memory: labelled blocks of text, and the edits a model may ask for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "memory/message.h"

namespace memgpt {

// Characters (Unicode code points) a block holds unless told otherwise.
inline constexpr int kDefaultBlockLimit = 2000;

struct Block {
  std::string id;  // stays with the block for life; versions differ by (branch, seq)
  std::string label;
  std::string value;
  int limit = kDefaultBlockLimit;  // characters
  std::string description;
  bool read_only = false;
  std::string author = "user";  // of this version
  Trust trust = Trust::user;
  std::int64_t version = 0;  // the commit that wrote this; 0 = none yet
  TimeUs time_us = 0;        // of that commit
  friend bool operator==(const Block&, const Block&) = default;
};

[[nodiscard]] std::size_t count_characters(std::string_view utf8);

// Throws LimitExceeded with the limit and the length when `value` is over the limit.
void check_limit(std::string_view label, std::string_view value, int limit);

// Values after an edit. They throw EditFailed, which says what to do, and never change anything.
[[nodiscard]] std::string append_text(std::string_view value, std::string_view content);
// `old_content` must be in `value`; an empty one is refused; the error names the nearest line.
[[nodiscard]] std::string replace_text(std::string_view value, std::string_view old_content,
                                       std::string_view new_content);
// Inserts after line `line` (0 = at the beginning, -1 = at the end).
[[nodiscard]] std::string insert_text(std::string_view value, std::string_view content, int line);

}  // namespace memgpt
