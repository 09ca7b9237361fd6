// The text of a call's arguments without the thoughts that were injected into them.
#pragma once

#include <string>
#include <string_view>

namespace memgpt {

// Takes a JSON object in any pieces, and gives its members as they are, but for `thinking`. The
// whole is the same however it was cut. What is no JSON object goes through unchanged.
class ArgumentsText {
 public:
  [[nodiscard]] std::string add(std::string_view piece);
  // The thoughts stand before anything else; false also before any key was read.
  [[nodiscard]] bool thinks_first() const { return thinks_first_; }

 private:
  enum class State { before, key_or_end, key, colon, value, done, other };
  void take(char c, std::string& out);
  void take_key(char c);
  void begin_value(std::string& out);
  void take_value(char c, std::string& out);
  void end(std::string& out);

  State state_ = State::before;
  std::string key_;  // with its quotation marks
  bool keeps_ = false;
  bool any_ = false;  // a member was given
  bool thinks_first_ = false;
  bool in_string_ = false;
  bool escaped_ = false;
  int depth_ = 0;
};

}  // namespace memgpt
