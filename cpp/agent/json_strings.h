// The strings of a JSON object while it is being written.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace memgpt {

// Takes the text of a JSON object in any pieces and gives the values of its own string fields as
// far as they are there, unescaped and in whole characters. Text that is no JSON gives nothing
// more; it never throws: what is right is the decoder's to say.
class JsonStrings {
 public:
  // `text`: the next piece of the value of `key`.
  using OnText = std::function<void(std::string_view key, std::string_view text)>;
  void add(std::string_view bytes, const OnText& on_text);

 private:
  enum class State { before, key_or_end, key, colon, value, text, nested, scalar, after, broken };
  void take(char c);
  void take_in_string(char c, std::string& out);
  void take_hex(char c, std::string& out);
  void take_nested(char c);
  void flush(const OnText& on_text);

  State state_ = State::before;
  std::string key_;
  std::string pending_;   // unescaped, not given yet
  bool escaped_ = false;  // behind a backslash
  int hex_digits_ = 0;    // still to come of \uXXXX
  unsigned code_ = 0;     // of it
  unsigned high_ = 0;     // the first half of a pair
  int depth_ = 0;         // of what is nested
  bool in_nested_string_ = false;
};

}  // namespace memgpt
