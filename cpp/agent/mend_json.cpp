#include "agent/mend_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "memory/json.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr int kMaxDepth = 32;  // as the strict parser
constexpr std::string_view kOpenCurly = "\xE2\x80\x9C";
constexpr std::string_view kCloseCurly = "\xE2\x80\x9D";

bool is_blank_char(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Mender {
 public:
  Mender(std::string_view in, std::size_t at) : in_(in), at_(at) {}

  MendedJson run() {
    skip();
    done_.object = peek() == '{';
    if (value("") == Kind::none) {
      done_.members.clear();
      done_.text.clear();
    } else {
      done_.text = std::move(out_);
    }
    done_.end = at_;
    return std::move(done_);
  }

 private:
  enum class Kind { none, string, scalar, container };

  [[nodiscard]] bool ended() const { return at_ >= in_.size(); }
  [[nodiscard]] char peek() const { return ended() ? '\0' : in_[at_]; }
  [[nodiscard]] bool at_text(std::string_view text) const {
    return in_.substr(std::min(at_, in_.size())).starts_with(text);
  }
  void note(std::string_view kind, std::size_t at) {
    done_.repairs.add(kind, "at byte " + std::to_string(at));
  }
  Kind fail(std::string what) {
    done_.problem = std::move(what);
    done_.problem_at = std::min(at_, in_.size());
    return Kind::none;
  }
  Kind cut(const std::string& where) {
    done_.cut = true;
    return fail("it is cut off " + where);
  }

  // Blanks and comments.
  void skip() {
    for (;;) {
      at_ = skip_blanks(in_, at_);
      const bool line = at_text("//") || at_text("#");
      if (!line && !at_text("/*")) return;
      note(repair::kComment, at_);
      const auto end = in_.find(line ? "\n" : "*/", at_ + (line ? 0 : 2));
      at_ = end == std::string_view::npos ? in_.size() : end + (line ? 1 : 2);
    }
  }

  Kind value(const std::string& key) {
    const char c = peek();
    if (ended()) return cut("where a value would begin");
    if (c == '{' || c == '[') {
      if (open_.size() >= kMaxDepth) return fail("it is nested too deeply");
      open_ += c;
      const bool read = container(c == '{', key);
      open_.pop_back();
      return read ? Kind::container : Kind::none;
    }
    if (begins_string()) return string() ? Kind::string : Kind::none;
    if (is_digit(c) || c == '-') return number() ? Kind::scalar : Kind::none;
    return literal() ? Kind::scalar : Kind::none;
  }

  // What follows a value in a container: true where another one may.
  enum class Next { more, end, none };
  Next behind(Kind last, bool object) {
    skip();
    if (peek() == ',') {
      comma_at_ = at_++;
      skip();
      if (peek() == '}' || peek() == ']') {
        note(repair::kTrailingComma, comma_at_);
        return Next::end;
      }
      if (ended()) {
        cut("behind a comma");
        return Next::none;
      }
      return Next::more;
    }
    if (ended() || peek() == '}' || peek() == ']') return Next::end;
    // Behind a string it could be a quotation mark that was not escaped.
    const bool clear = object ? last != Kind::string && begins_string()
                              : last == Kind::container && (peek() == '{' || peek() == '[');
    if (clear) {
      note(repair::kMissingComma, at_);
      return Next::more;
    }
    fail(last == Kind::string ? "behind a string there must be a comma or the end (is there a "
                                "quotation mark in the string that is not written \\\"?)"
                              : "behind a value there must be a comma or the end");
    return Next::none;
  }

  bool container(bool object, const std::string& own_key) {
    const bool outermost = open_.size() == 1;
    const char close = object ? '}' : ']';
    out_ += object ? '{' : '[';
    ++at_;
    skip();
    if (ended()) return cut(object ? "inside of an object" : "inside of a list") != Kind::none;
    auto next = peek() == close ? Next::end : Next::more;
    std::map<std::string, std::string> seen;
    for (bool first = true; next == Next::more; first = false) {
      const auto before = out_.size();
      const auto from = at_;
      if (!first) out_ += ',';
      std::string key = "[]";
      if (object && !member_name(key)) return false;
      const auto begin = out_.size();
      const Kind read = value(key);
      if (read == Kind::none) return false;
      const auto known = object ? seen.try_emplace(key, out_, begin) : std::pair(seen.end(), true);
      if (!known.second) {
        if (known.first->second != std::string_view(out_).substr(begin)) {
          at_ = from;
          return fail("a name stands here that stood in this object before, with another value") !=
                 Kind::none;
        }
        out_.resize(before);  // twice the same is once
      } else if (outermost) {
        done_.members.push_back({object ? key : "", out_.substr(begin)});
      }
      next = behind(read, object);
    }
    if (next == Next::none) return false;
    out_ += close;
    if (peek() == close) {
      ++at_;
      return true;
    }
    // The end of what is around it, or of the text, is its end too.
    const char other = object ? '[' : '{';
    if (!ended() && open_.find(other) == std::string::npos)
      return fail(object ? "a ] closes nothing" : "a } closes nothing") != Kind::none;
    note(repair::kMissingClose, at_);
    done_.open_at_end = done_.open_at_end || ended();
    if (ended() && !outermost) done_.unclosed.push_back(own_key);
    return true;
  }

  bool member_name(std::string& key) {
    const auto begin = out_.size();
    if (begins_string()) {
      if (!string()) return false;
      key = std::string(json::parse(out_.substr(begin)).get_string());
    } else if (is_letter(peek())) {
      const auto from = at_;
      while (!ended() && (is_letter(peek()) || is_digit(peek()) || peek() == '-')) ++at_;
      if (ended()) return cut("inside of a name") != Kind::none;
      key = std::string(in_.substr(from, at_ - from));
      append_json_string(out_, key);
      note(repair::kUnquotedKey, from);
    } else {
      return fail("a member's name in quotation marks must stand here") != Kind::none;
    }
    skip();
    if (ended()) return cut("behind a name") != Kind::none;
    if (peek() != ':') return fail("behind a member's name there must be a colon") != Kind::none;
    ++at_;
    skip();
    out_ += ':';
    return true;
  }

  [[nodiscard]] bool begins_string() const {
    return peek() == '"' || peek() == '\'' || at_text(kOpenCurly);
  }

  bool string() {
    const std::string_view quote = peek() == '"' ? "\"" : peek() == '\'' ? "'" : kOpenCurly;
    const std::string_view close = quote == kOpenCurly ? kCloseCurly : quote;
    if (quote != "\"") note(repair::kQuotes, at_);
    at_ += quote.size();
    out_ += '"';
    while (!at_text(close)) {
      if (ended()) return cut("inside of a string") != Kind::none;
      const char c = peek();
      if (c == '\\') {
        if (!escape()) return false;
        continue;
      }
      if (static_cast<unsigned char>(c) < ' ') {
        note(repair::kRawControl, at_);
        const auto escaped = json::serialize(json::string(1, c));
        out_.append(escaped, 1, escaped.size() - 2);
      } else {
        if (c == '"') out_ += '\\';
        out_ += c;
      }
      ++at_;
    }
    at_ += close.size();
    out_ += '"';
    return true;
  }

  // The code of \uXXXX or \xXX at `at`; -1 where it is none.
  [[nodiscard]] int code(std::size_t at, std::size_t digits) const {
    if (at + 2 + digits > in_.size() || in_[at] != '\\' || in_[at + 1] != (digits == 4 ? 'u' : 'x'))
      return -1;
    unsigned value = 0;
    const char* end = in_.data() + at + 2 + digits;
    const auto read = std::from_chars(in_.data() + at + 2, end, value, 16);
    return read.ptr == end ? static_cast<int>(value) : -1;
  }

  bool escape() {
    if (at_ + 1 >= in_.size()) return cut("inside of a string") != Kind::none;
    const char c = in_[at_ + 1];
    std::size_t length = 2;
    if (c == 'u') {
      if (at_ + 6 > in_.size()) return cut("inside of a string") != Kind::none;
      const int unit = code(at_, 4);
      if (unit < 0) return fail("\\u wants four hexadecimal digits") != Kind::none;
      length = unit >= 0xD800 && unit < 0xDC00 ? 12 : 6;
      const int second = length == 12 ? code(at_ + 6, 4) : 0;
      if ((unit >= 0xDC00 && unit < 0xE000) ||
          (length == 12 && (second < 0xDC00 || second >= 0xE000)))
        return fail("an escape is half of a surrogate pair") != Kind::none;
      out_ += in_.substr(at_, length);
    } else if (std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos) {
      out_ += in_.substr(at_, 2);
    } else if (c == '\'') {
      note(repair::kEscape, at_);
      out_ += '\'';
    } else if (code(at_, 2) >= 0) {
      note(repair::kEscape, at_);
      out_ += "\\u00";
      out_ += in_.substr(at_ + 2, 2);
      length = 4;
    } else {
      return fail("JSON has no such escape; a backslash is written \\\\") != Kind::none;
    }
    at_ += length;
    return true;
  }

  // Where more digits might have followed it is not known.
  bool number() {
    const auto begin = at_;
    const auto digits = [&] {
      const auto from = at_;
      while (is_digit(peek())) ++at_;
      return at_ - from;
    };
    if (peek() == '-') ++at_;
    const auto whole = at_;
    bool sound = digits() > 0 && (in_[whole] != '0' || at_ == whole + 1);
    if (peek() == '.') {
      ++at_;
      sound = digits() > 0 && sound;
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      sound = digits() > 0 && sound;
    }
    if (ended()) return cut("inside of a number") != Kind::none;
    if (!sound || !(is_blank_char(peek()) ||
                    std::string_view(",}])/#").find(peek()) != std::string_view::npos)) {
      at_ = begin;
      return fail("this is no number of JSON; what is no number stands in quotation marks") !=
             Kind::none;
    }
    out_ += in_.substr(begin, at_ - begin);
    return true;
  }

  bool literal() {
    struct Form {
      std::string_view written;
      std::string_view strict;
    };
    constexpr std::array<Form, 6> kForms = {{{"true", "true"},
                                             {"false", "false"},
                                             {"null", "null"},
                                             {"True", "true"},
                                             {"False", "false"},
                                             {"None", "null"}}};
    auto end = at_;
    while (end < in_.size() && (is_letter(in_[end]) || is_digit(in_[end]))) ++end;
    const auto word = in_.substr(at_, end - at_);
    for (const auto& [written, strict] : kForms) {
      if (word == written) {
        if (written != strict) note(repair::kPythonLiteral, at_);
        out_ += strict;
        at_ = end;
        return true;
      }
      if (end == in_.size() && !word.empty() && written.starts_with(word))
        return cut("inside of a value") != Kind::none;
    }
    return fail("no value of JSON begins so; a text stands in quotation marks") != Kind::none;
  }

  std::string_view in_;
  std::size_t at_;
  std::size_t comma_at_ = 0;
  std::string out_;
  std::string open_;  // the containers around
  MendedJson done_;
};

}  // namespace

MendedJson mend_json(std::string_view text, std::size_t at) { return Mender(text, at).run(); }

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && is_blank_char(text[at])) ++at;
  return at;
}

std::string_view trimmed_view(std::string_view text) {
  text.remove_prefix(skip_blanks(text, 0));
  while (!text.empty() && is_blank_char(text.back())) text.remove_suffix(1);
  return text;
}

bool begins_object(std::string_view text, std::size_t at) {
  if (at >= text.size() || text[at] != '{') return false;
  at = skip_blanks(text, at + 1);
  if (at >= text.size()) return true;
  const char c = text[at];
  if (c == '"' || c == '\'' || c == '}' || text.substr(at).starts_with(kOpenCurly)) return true;
  if (c == '/' || c == '#') return true;
  if (!is_letter(c)) return false;
  while (at < text.size() && (is_letter(text[at]) || is_digit(text[at]) || text[at] == '-')) ++at;
  at = skip_blanks(text, at);
  return at < text.size() && text[at] == ':';
}

}  // namespace memgpt
