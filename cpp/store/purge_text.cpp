#include "store/purge_text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "error.h"
#include "memory/block.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::string_view kMarker = "[purged]";
constexpr std::size_t kShortest = 3;  // characters
constexpr int kDepth = 2;             // JSON in a string of JSON in a text that is none

std::string inside(const std::string& literal) { return literal.substr(1, literal.size() - 2); }

void append_unit(std::string& out, unsigned unit) {
  std::array<char, 8> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "\\u%04x", unit);
  out += buffer.data();
}

// As a writer does that keeps to ASCII. `text` is UTF-8.
std::string ascii(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (size == 1) {
      out += text[i++];
      continue;
    }
    unsigned point = lead & (0xFFU >> (size + 1));
    for (std::size_t k = 1; k < size && i + k < text.size(); ++k)
      point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3FU);
    i += size;
    if (point >= 0x10000) {
      append_unit(out, 0xD800 + ((point - 0x10000) >> 10));
      append_unit(out, 0xDC00 + ((point - 0x10000) & 0x3FFU));
    } else {
      append_unit(out, point);
    }
  }
  return out;
}

bool replace_all(std::string& value, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t at = 0;
  auto found = value.find(from);
  if (found == std::string::npos) return false;
  for (; found != std::string::npos; found = value.find(from, at)) {
    out.append(value, at, found - at).append(to);
    at = found + from.size();
  }
  value = out.append(value, at);
  return true;
}

// The text, and how it looks in JSON that is part of another text.
std::vector<std::string> forms_of(const std::string& text) {
  std::vector<std::string> forms{text};
  // As models write it in single quotes.
  if (std::string quoted = text; replace_all(quoted, "'", "\\'")) forms.push_back(quoted);
  std::size_t begin = 0;
  for (int depth = 0; depth < kDepth; ++depth) {
    const auto end = forms.size();
    for (; begin < end; ++begin) {
      const auto escaped = inside(json::serialize(json::string(forms[begin])));
      for (auto& form : {escaped, ascii(escaped)})
        if (std::find(forms.begin(), forms.end(), form) == forms.end()) forms.push_back(form);
    }
  }
  std::stable_sort(forms.begin() + 1, forms.end(),
                   [](const auto& a, const auto& b) { return a.size() < b.size(); });
  return forms;
}

// An object or an array.
std::optional<json::value> parsed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (text[first] != '{' && text[first] != '['))
    return std::nullopt;
  boost::system::error_code error;
  auto value = parse_deep(text, error);
  if (error) return std::nullopt;
  return value;
}

bool describes(std::string_view key) {
  constexpr std::array<std::string_view, 6> kKeys = {"description", "title", "default",
                                                     "examples",    "enum",  "const"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

}  // namespace

// Goes through JSON that is known to be sound, and copies what it leaves.
class JsonEraser {
 public:
  enum class What { all, values, descriptions };
  JsonEraser(const Eraser& eraser, std::string_view in, What what)
      : eraser_(eraser), in_(in), what_(what) {}

  // True where something was changed: take() is the new text then.
  bool run() {
    value("");
    out_ += in_.substr(at_);
    return changed_;
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void blanks() {
    while (at_ < in_.size() && std::string_view(" \t\r\n").find(in_[at_]) != std::string_view::npos)
      out_ += in_[at_++];
  }
  void copy() { out_ += in_[at_++]; }

  // The depth is what the parser has taken.
  void value(std::string_view key) {
    blanks();
    if (in_[at_] == '{') {
      members('}', "");
    } else if (in_[at_] == '[') {
      members(']', key);
    } else if (in_[at_] == '"') {
      static_cast<void>(literal(key, wanted(key)));
    } else {
      scalar(key);
    }
    blanks();
  }

  void members(char end, std::string_view array_key) {
    copy();
    blanks();
    while (in_[at_] != end) {
      std::string key(array_key);
      if (end == '}') {
        key = literal("", what_ == What::all);
        blanks();
        copy();  // ':'
      }
      value(key);
      if (in_[at_] != ',') continue;
      copy();
      blanks();
    }
    copy();
  }

  [[nodiscard]] bool wanted(std::string_view key) const {
    return what_ != What::descriptions || describes(key);
  }

  // Returns the string as it was.
  std::string literal(std::string_view key, bool erase) {
    auto end = at_ + 1;
    while (in_[end] != '"') end += in_[end] == '\\' ? 2 : 1;
    const auto raw = in_.substr(at_, end + 1 - at_);
    at_ = end + 1;
    const auto decoded = json::parse(raw);
    std::string text(decoded.get_string());
    std::string next = text;
    const bool arguments = what_ == What::values && key == "arguments";
    if (erase && (arguments ? eraser_.erase_arguments(next) : eraser_.erase(next))) {
      out_ += json::serialize(json::string(next));
      changed_ = true;
    } else {
      out_ += raw;
    }
    return text;
  }

  // A number that holds the text becomes a string.
  void scalar(std::string_view key) {
    const auto end = std::min(in_.find_first_of(",]} \t\r\n", at_), in_.size());
    std::string text(in_.substr(at_, end - at_));
    at_ = end;
    const bool number = text.front() == '-' || (text.front() >= '0' && text.front() <= '9');
    if (number && wanted(key) && eraser_.erase_plain(text)) {
      text = json::serialize(json::string(text));
      changed_ = true;
    }
    out_ += text;
  }

  const Eraser& eraser_;
  std::string_view in_;
  What what_;
  std::size_t at_ = 0;
  std::string out_;
  bool changed_ = false;
};

Eraser::Eraser(const std::string& text) : characters_(0) {
  check_utf8(text, "the text to purge");
  characters_ = static_cast<std::size_t>(count_characters(text));
  if (is_blank(text) || characters_ < kShortest)
    throw InvalidInput("the text to purge has at least " + std::to_string(kShortest) +
                       " characters and is not blank: a shorter one stands everywhere");
  stars_ = std::string(characters_, '*');
  marker_ = characters_ >= kMarker.size() ? std::string(kMarker) : stars_;
  if (text == marker_)
    throw InvalidInput("\"" + text + "\" is what stands in the place of what was purged");
  forms_ = forms_of(text);
}

bool Eraser::is_in(std::string_view value) const {
  return std::any_of(forms_.begin(), forms_.end(), [&](const std::string& form) {
    return value.find(form) != std::string_view::npos;
  });
}

// Without a backslash nothing in it is escaped.
bool Eraser::may_be_in(std::string_view value) const {
  return value.find('\\') != std::string_view::npos || value.find(text()) != std::string_view::npos;
}

bool Eraser::erase_plain(std::string& value) const {
  if (!is_in(value)) return false;
  for (std::size_t i = forms_.size(); i > 0; --i)
    static_cast<void>(replace_all(value, forms_[i - 1], marker_));
  // What stands beside a marker may be the text again. Each time there are more stars.
  while (replace_all(value, text(), stars_)) {
  }
  return true;
}

bool Eraser::erase(std::string& value) const {
  if (!may_be_in(value)) return false;
  bool changed = false;
  if (parsed(value)) {
    JsonEraser json(*this, value, JsonEraser::What::all);
    changed = json.run();
    if (changed) value = json.take();
  }
  return erase_plain(value) || changed;
}

bool Eraser::erase_arguments(std::string& value) const {
  const auto before = parsed(value);
  if (!erase(value)) return false;
  if (!before || !before->is_object()) return true;
  const auto after = parsed(value);
  if (!after || !after->is_object()) value = json::serialize(json::object{{"invalid_json", value}});
  return true;
}

bool Eraser::erase_strings(std::string& column) const {
  if (!may_be_in(column)) return false;
  if (!parsed(column)) return erase_plain(column);
  JsonEraser json(*this, column, JsonEraser::What::values);
  if (!json.run()) return false;
  column = json.take();
  return true;
}

bool Eraser::erase_member(json::object& object, std::string_view key) const {
  auto* member = object.if_contains(key);
  if (member == nullptr || !member->is_string()) return false;
  std::string value(member->get_string());
  if (!erase(value)) return false;
  *member = value;
  return true;
}

bool Eraser::erase_schema(json::object& tool) const {
  auto* member = tool.if_contains("parameters");
  if (member == nullptr || !member->is_string() || !parsed(member->get_string())) return false;
  const std::string schema(member->get_string());
  JsonEraser json(*this, schema, JsonEraser::What::descriptions);
  if (!json.run()) return false;
  *member = json.take();
  return true;
}

bool Eraser::erase_config(std::string& column) const {
  if (!may_be_in(column)) return false;
  auto value = parsed(column);
  if (!value || !value->is_object()) return erase_plain(column);
  auto& config = value->get_object();
  bool changed = erase_member(config, "system");
  if (auto* tools = config.if_contains("tools"); tools != nullptr && tools->is_array())
    for (auto& item : tools->get_array()) {
      // The kernel's own descriptions would come back with the next message.
      if (!item.is_object() || string_or(item.get_object(), "origin") == "builtin") continue;
      const bool described = erase_member(item.get_object(), "description");
      changed = erase_schema(item.get_object()) || described || changed;
    }
  if (changed) column = json::serialize(*value);
  return changed;
}

std::int64_t Eraser::shown_after(std::string_view before, std::string_view after,
                                 std::int64_t shown) const {
  if (shown < 0) return shown;
  const auto cut = static_cast<std::size_t>(shown);
  std::size_t now = cut;
  for (auto at = before.find(text()); at < cut; at = before.find(text(), at + text().size())) {
    const auto shown_of_it = std::min(text().size(), cut - at);
    now -= shown_of_it - std::min(shown_of_it, marker_.size());
  }
  return static_cast<std::int64_t>(utf8_prefix(after, now).size());
}

}  // namespace memgpt
