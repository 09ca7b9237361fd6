// One text, put out wherever a text or a JSON column holds it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "memory/json.h"

namespace memgpt {

// Finds exactly these bytes, also where JSON has escaped them. In their place stands a marker that
// is never longer, in characters or in bytes: "[purged]" for at least 8 characters, else a star for
// each.
class Eraser {
 public:
  // Throws InvalidInput for a text that is blank, shorter than 3 characters, no UTF-8, or what
  // stands in the place of what was purged.
  explicit Eraser(const std::string& text);

  [[nodiscard]] std::size_t characters() const { return characters_; }
  [[nodiscard]] const std::string& text() const { return forms_.front(); }
  // False where erase() would change nothing for certain.
  [[nodiscard]] bool may_be_in(std::string_view value) const;
  [[nodiscard]] bool is_in(std::string_view value) const;

  // True where something was changed. A value that is a JSON object or array is changed inside of
  // its strings, keys and numbers, and stays JSON where that is possible.
  bool erase(std::string& value) const;
  // The arguments of a call: what is no JSON object any more is kept as one.
  bool erase_arguments(std::string& value) const;
  // A JSON column whose keys are ours: the strings in it, and what is inside of them.
  bool erase_strings(std::string& column) const;
  // An agent's configuration: its system prompt and what describes its tools.
  bool erase_config(std::string& column) const;
  // How much of the new text is shown, where `shown` bytes of the old one were.
  [[nodiscard]] std::int64_t shown_after(std::string_view before, std::string_view after,
                                         std::int64_t shown) const;

 private:
  friend class JsonEraser;
  bool erase_plain(std::string& value) const;
  bool erase_member(json::object& object, std::string_view key) const;
  bool erase_schema(json::object& tool) const;

  std::size_t characters_;
  std::string marker_;
  std::string stars_;
  std::vector<std::string> forms_;  // the text; then as JSON writes it, the longest last
};

}  // namespace memgpt
