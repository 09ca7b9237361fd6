#include "server/arguments_text.h"

#include "memory/json.h"

namespace memgpt {

namespace {

constexpr std::string_view kThinking = "\"thinking\"";

// Of a key with its quotation marks, which may be written with escapes.
bool is_thinking(const std::string& key) {
  if (key.find('\\') == std::string::npos) return key == kThinking;
  boost::system::error_code failed;
  const auto value = json::parse(key, failed);
  return !failed && value == "thinking";
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

std::string ArgumentsText::add(std::string_view piece) {
  std::string out;
  for (const char c : piece) take(c, out);
  return out;
}

void ArgumentsText::take(char c, std::string& out) {
  switch (state_) {
    case State::before:
      if (c == '{') {
        state_ = State::key_or_end;
      } else if (!is_space(c)) {
        state_ = State::other;
        out += c;
      }
      return;
    case State::key_or_end:
      if (c == '}') return end(out);
      if (c != '"') return;
      key_ = c;
      state_ = State::key;
      return;
    case State::key: return take_key(c);
    case State::colon:
      if (c == ':') begin_value(out);
      return;
    case State::value: return take_value(c, out);
    case State::done: return;
    case State::other: out += c; return;
  }
}

void ArgumentsText::take_key(char c) {
  key_ += c;
  if (escaped_)
    escaped_ = false;
  else if (c == '\\')
    escaped_ = true;
  else if (c == '"')
    state_ = State::colon;
}

void ArgumentsText::begin_value(std::string& out) {
  state_ = State::value;
  keeps_ = !is_thinking(key_);
  if (!keeps_) {
    thinks_first_ = thinks_first_ || !any_;
    return;
  }
  out += any_ ? ", " : "{";
  out += key_ + ": ";
  any_ = true;
}

void ArgumentsText::take_value(char c, std::string& out) {
  if (in_string_) {
    if (escaped_)
      escaped_ = false;
    else if (c == '\\')
      escaped_ = true;
    else if (c == '"')
      in_string_ = false;
  } else if (c == '"') {
    in_string_ = true;
  } else if (c == '{' || c == '[') {
    ++depth_;
  } else if (depth_ > 0 && (c == '}' || c == ']')) {
    --depth_;
  } else if (depth_ == 0 && c == ',') {
    state_ = State::key_or_end;
    return;
  } else if (depth_ == 0 && c == '}') {
    return end(out);
  } else if (depth_ == 0 && is_space(c)) {
    return;
  }
  if (keeps_) out += c;
}

void ArgumentsText::end(std::string& out) {
  out += any_ ? "}" : "{}";
  state_ = State::done;
}

}  // namespace memgpt
