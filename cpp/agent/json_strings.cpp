#include "agent/json_strings.h"

#include <array>

#include "memory/text.h"

namespace memgpt {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

void append_utf8(std::string& out, unsigned code) {
  const auto byte = [&](unsigned value) { out += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | (code >> 6));
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3F));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

constexpr unsigned kUnknown = 0xFFFD;

// Bytes at the end that may be the beginning of a character.
std::size_t open_bytes(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto c = static_cast<unsigned char>(text[text.size() - back]);
    if ((c & 0xC0) == 0x80) continue;
    const std::size_t wants = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
    return wants > back ? back : 0;
  }
  return 0;
}

}  // namespace

void JsonStrings::add(std::string_view bytes, const OnText& on_text) {
  for (const char c : bytes) {
    const State before = state_;
    take(c);
    if (before == State::text && state_ != State::text) flush(on_text);
  }
  if (state_ == State::text) flush(on_text);
}

// Half a character, or half a pair of escapes, waits for the other half.
void JsonStrings::flush(const OnText& on_text) {
  std::string rest;
  if (state_ == State::text) {
    const auto open = open_bytes(pending_);
    rest = pending_.substr(pending_.size() - open);
    pending_.resize(pending_.size() - open);
  }
  if (!pending_.empty()) on_text(key_, valid_utf8(std::move(pending_)));
  pending_ = std::move(rest);
}

void JsonStrings::take(char c) {
  switch (state_) {
    case State::before:
      if (c == '{')
        state_ = State::key_or_end;
      else if (!is_space(c))
        state_ = State::broken;
      return;
    case State::key_or_end:
      if (c == '"') {
        key_.clear();
        state_ = State::key;
      } else if (!is_space(c) && c != ',') {
        state_ = State::broken;  // or the end
      }
      return;
    case State::key:
      if (c == '"' && !escaped_ && hex_digits_ == 0)
        state_ = State::colon;
      else
        take_in_string(c, key_);
      return;
    case State::colon:
      if (c == ':')
        state_ = State::value;
      else if (!is_space(c))
        state_ = State::broken;
      return;
    case State::value:
      if (is_space(c)) return;
      if (c == '"') {
        state_ = State::text;
      } else if (c == '{' || c == '[') {
        depth_ = 1;
        state_ = State::nested;
      } else {
        state_ = State::scalar;
      }
      return;
    case State::text:
      if (c == '"' && !escaped_ && hex_digits_ == 0) {
        if (high_ != 0) append_utf8(pending_, kUnknown);
        high_ = 0;
        state_ = State::after;
      } else {
        take_in_string(c, pending_);
      }
      return;
    case State::nested: take_nested(c); return;
    case State::scalar:
    case State::after:
      if (c == ',')
        state_ = State::key_or_end;
      else if (c == '}' || (state_ == State::after && !is_space(c)))
        state_ = State::broken;  // or the end
      return;
    case State::broken: return;
  }
}

void JsonStrings::take_nested(char c) {
  if (in_nested_string_) {
    if (escaped_)
      escaped_ = false;
    else if (c == '\\')
      escaped_ = true;
    else if (c == '"')
      in_nested_string_ = false;
  } else if (c == '"') {
    in_nested_string_ = true;
  } else if (c == '{' || c == '[') {
    ++depth_;
  } else if ((c == '}' || c == ']') && --depth_ == 0) {
    state_ = State::after;
  }
}

void JsonStrings::take_in_string(char c, std::string& out) {
  if (hex_digits_ > 0) {
    take_hex(c, out);
    return;
  }
  if (high_ != 0 && c != '\\' && !escaped_) {
    append_utf8(out, kUnknown);
    high_ = 0;
  }
  if (!escaped_) {
    if (c == '\\')
      escaped_ = true;
    else
      out += c;
    return;
  }
  escaped_ = false;
  if (c == 'u') {
    hex_digits_ = 4;
    code_ = 0;
    return;
  }
  if (high_ != 0) append_utf8(out, kUnknown);
  high_ = 0;
  constexpr std::string_view kNames = "bfnrt";
  constexpr std::string_view kCharacters = "\b\f\n\r\t";
  const auto named = kNames.find(c);
  out += named == std::string_view::npos ? c : kCharacters[named];
}

void JsonStrings::take_hex(char c, std::string& out) {
  const int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
  if (digit < 0) {
    state_ = State::broken;
    return;
  }
  code_ = code_ * 16 + static_cast<unsigned>(digit);
  if (--hex_digits_ > 0) return;
  const bool low = code_ >= 0xDC00 && code_ < 0xE000;
  if (high_ != 0 && low) {
    append_utf8(out, 0x10000 + ((high_ - 0xD800) << 10) + (code_ - 0xDC00));
    high_ = 0;
    return;
  }
  if (high_ != 0) append_utf8(out, kUnknown);
  high_ = code_ >= 0xD800 && code_ < 0xDC00 ? code_ : 0;
  if (high_ == 0) append_utf8(out, low ? kUnknown : code_);
}

}  // namespace memgpt
