#include "llm/sse.h"

namespace memgpt {

bool LineReader::add(std::string_view bytes, const OnLine& on_line) {
  while (!bytes.empty()) {
    if (after_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
    after_cr_ = false;
    const auto end = bytes.find_first_of("\r\n");
    if (end == std::string_view::npos) {
      rest_ += bytes;
      return true;
    }
    after_cr_ = bytes[end] == '\r';
    const auto line = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    if (rest_.empty()) {
      if (!on_line(line)) return false;
      continue;
    }
    rest_ += line;
    const std::string whole = std::move(rest_);
    rest_.clear();
    if (!on_line(whole)) return false;
  }
  return true;
}

bool LineReader::finish(const OnLine& on_line) {
  if (rest_.empty()) return true;
  const std::string last = std::move(rest_);
  rest_.clear();
  return on_line(last);
}

bool SseParser::add(std::string_view bytes, const OnEvent& on_event) {
  return lines_.add(bytes, [&](std::string_view line) { return take_line(line, on_event); });
}

bool SseParser::finish(const OnEvent& on_event) {
  return lines_.finish([&](std::string_view line) { return take_line(line, on_event); }) &&
         dispatch(on_event);
}

bool SseParser::take_line(std::string_view line, const OnEvent& on_event) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (!began_ && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  began_ = true;
  if (line.empty()) return dispatch(on_event);
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  } else if (field == "event") {
    event_ = value;
  }
  return true;
}

bool SseParser::dispatch(const OnEvent& on_event) {
  const bool go_on = !has_data_ || on_event(event_, data_);
  event_.clear();
  data_.clear();
  has_data_ = false;
  return go_on;
}

}  // namespace memgpt
