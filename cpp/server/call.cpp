#include "server/call.h"

#include <charconv>
#include <cstdio>

#include "agent/mend_json.h"
#include "agent/value_schema.h"
#include "memory/calendar.h"
#include "memory/text.h"
#include "server/refusal.h"

namespace memgpt {

namespace {

[[noreturn]] void wrong(std::string_view name, std::string_view wanted) {
  throw Refusal(422, "\"" + std::string(name) + "\" must be " + std::string(wanted));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A number of `digits` digits at `at`, which moves behind them.
bool read_digits(std::string_view text, std::size_t& at, int digits, int& number) {
  number = 0;
  for (int i = 0; i < digits; ++i, ++at) {
    if (at >= text.size() || text[at] < '0' || text[at] > '9') return false;
    number = number * 10 + (text[at] - '0');
  }
  return true;
}

bool skip(std::string_view text, std::size_t& at, std::string_view any) {
  if (at >= text.size() || any.find(text[at]) == std::string_view::npos) return false;
  ++at;
  return true;
}

// Behind the minutes: seconds, their parts, the offset.
std::optional<TimeUs> read_clock(std::string_view text, std::size_t at, TimeUs day) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!read_digits(text, at, 2, hour) || !skip(text, at, ":") || !read_digits(text, at, 2, minute))
    return std::nullopt;
  TimeUs parts = 0;
  if (skip(text, at, ":")) {
    if (!read_digits(text, at, 2, second)) return std::nullopt;
    if (skip(text, at, ".,")) {
      TimeUs unit = 100'000;
      const auto begin = at;
      for (int digit = 0; at < text.size() && read_digits(text, at, 1, digit); unit /= 10)
        parts += digit * unit;
      // The digit that was none has not been read.
      if (at == begin) return std::nullopt;
    }
  }
  if (hour > 24 || minute > 59 || second > 60) return std::nullopt;
  TimeUs time = day + hour * calendar::kHourUs + minute * 60 * calendar::kSecondUs +
                second * calendar::kSecondUs + parts;
  if (at == text.size()) return time;
  if (skip(text, at, "zZ")) return at == text.size() ? std::optional(time) : std::nullopt;
  const bool behind = text[at] == '-';
  int hours = 0;
  int minutes = 0;
  // A plus that was not encoded in a query comes as a space.
  if (!skip(text, at, "+- ") || !read_digits(text, at, 2, hours)) return std::nullopt;
  static_cast<void>(skip(text, at, ":"));
  if (at < text.size() && !read_digits(text, at, 2, minutes)) return std::nullopt;
  if (at != text.size() || hours > 23 || minutes > 59) return std::nullopt;
  const TimeUs offset = (hours * 60 + minutes) * 60 * calendar::kSecondUs;
  return behind ? time + offset : time - offset;
}

}  // namespace

std::optional<TimeUs> read_time(std::string_view text) {
  std::size_t at = 0;
  int year = 0;
  int month = 0;
  int day = 0;
  if (!read_digits(text, at, 4, year) || !skip(text, at, "-") || !read_digits(text, at, 2, month) ||
      !skip(text, at, "-") || !read_digits(text, at, 2, day))
    return std::nullopt;
  const auto date = std::chrono::year(year) / std::chrono::month(static_cast<unsigned>(month)) /
                    std::chrono::day(static_cast<unsigned>(day));
  if (!date.ok()) return std::nullopt;
  const TimeUs begin = calendar::start_of(std::chrono::sys_days(date));
  if (at == text.size()) return begin;
  if (!skip(text, at, "tT ")) return std::nullopt;
  return read_clock(text, at, begin);
}

std::string wire_time(TimeUs time_us) {
  const auto day = calendar::day_of(time_us);
  const auto date = calendar::year_month_day(day);
  const TimeUs rest = time_us - calendar::start_of(day);
  const auto seconds = static_cast<int>(rest / calendar::kSecondUs);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06d+00:00",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), seconds / 3600, seconds / 60 % 60, seconds % 60,
                static_cast<int>(rest % calendar::kSecondUs));
  return text;
}

std::optional<std::string> percent_decoded(std::string_view text, bool form) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += form && text[i] == '+' ? ' ' : text[i];
    }
  }
  if (!is_valid_utf8(out)) return std::nullopt;
  return out;
}

const std::string& Call::at(std::string_view name) const { return parameters.find(name)->second; }

std::optional<std::string> Call::asked(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name && !value.empty()) return value;
  return std::nullopt;
}

std::vector<std::string> Call::asked_all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : query)
    if (key == name && !value.empty()) values.push_back(value);
  return values;
}

std::int64_t Call::asked_int(std::string_view name, std::int64_t fallback, std::int64_t least,
                             std::int64_t most) const {
  const auto all = asked_ints(name, least, most);
  return all.empty() ? fallback : all.front();
}

std::vector<std::int64_t> Call::asked_ints(std::string_view name, std::int64_t least,
                                           std::int64_t most) const {
  std::vector<std::int64_t> all;
  for (const auto& given : asked_all(name)) {
    const auto end = given.data() + given.size();
    const auto [stop, error] = std::from_chars(given.data(), end, all.emplace_back());
    if (error != std::errc() || stop != end || all.back() < least || all.back() > most)
      wrong(name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return all;
}

bool Call::asked_flag(std::string_view name, bool fallback) const {
  const auto given = asked(name);
  if (!given) return fallback;
  if (*given == "true" || *given == "True" || *given == "1") return true;
  if (*given == "false" || *given == "False" || *given == "0") return false;
  wrong(name, "true or false");
}

std::optional<TimeUs> Call::asked_time(std::string_view name) const {
  const auto given = asked(name);
  if (!given) return std::nullopt;
  const auto time = read_time(*given);
  if (!time) wrong(name, "a time such as 2026-01-02T03:04:05+00:00");
  return time;
}

const json::object& Call::body() {
  if (body_) return *body_;
  if (is_blank(request_.body)) return body_.emplace();
  std::string type(request_.header("content-type"));
  type.resize(std::min(type.find(';'), type.size()));
  while (type.ends_with(' ')) type.pop_back();
  for (char& c : type)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  // A page on another site can post anything but this without being asked first.
  if (type != "application/json") throw Refusal(415, "the content type must be application/json");
  if (!is_valid_utf8(request_.body)) throw Refusal(422, "the body is not valid UTF-8");
  boost::system::error_code failed;
  json::parse_options options;
  options.max_depth = 128;
  auto value = json::parse(request_.body, failed, {}, options);
  if (failed) throw Refusal(422, "the body is not valid JSON: " + failed.message());
  if (value.is_null()) return body_.emplace();
  if (!value.is_object()) throw Refusal(422, "the body must be a JSON object");
  // It could not be given back: JSON has no word for it.
  for (const auto& [name, given] : value.get_object())
    if (has_infinity(given))
      throw Refusal(422, "a number in \"" + std::string(name) + "\" is too large");
  return body_.emplace(std::move(value.get_object()));
}

std::string Call::body_object(const char* name) {
  const auto* given = body::object(body(), name);
  if (given == nullptr) return "{}";
  const auto read = mend_json(request_.body);
  if (read.problem.empty())
    for (const auto& member : read.members)
      if (member.key == name) return member.value;
  return json::serialize(*given);
}

namespace body {

const json::value* find(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::optional<std::string> text(const json::object& object, std::string_view name) {
  const auto* value = find(object, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) wrong(name, "a text");
  return std::string(value->get_string());
}

std::string needed_text(const json::object& object, std::string_view name) {
  auto given = text(object, name);
  if (!given) throw Refusal(422, "\"" + std::string(name) + "\" is missing: it must be a text");
  return *std::move(given);
}

std::optional<bool> flag(const json::object& object, std::string_view name) {
  const auto* value = find(object, name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string() && (*value == "true" || *value == "false")) return *value == "true";
  if (!value->is_bool()) wrong(name, "true or false");
  return value->get_bool();
}

std::optional<std::int64_t> integer(const json::object& object, std::string_view name) {
  const auto* value = find(object, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_int64()) wrong(name, "a whole number");
  return value->get_int64();
}

std::optional<std::int64_t> integer(const json::object& object, std::string_view name,
                                    std::int64_t least, std::int64_t most) {
  const auto* value = find(object, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_int64() || value->get_int64() < least || value->get_int64() > most)
    wrong(name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return value->get_int64();
}

std::optional<std::vector<std::string>> texts(const json::object& object, std::string_view name) {
  const auto* list = array(object, name);
  if (list == nullptr) return std::nullopt;
  std::vector<std::string> all;
  for (const auto& item : *list) {
    if (!item.is_string()) wrong(name, "a list of texts");
    all.emplace_back(item.get_string());
  }
  return all;
}

const json::object* object(const json::object& object, std::string_view name) {
  const auto* value = find(object, name);
  if (value == nullptr) return nullptr;
  if (!value->is_object()) wrong(name, "an object");
  return &value->get_object();
}

const json::array* array(const json::object& object, std::string_view name) {
  const auto* value = find(object, name);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) wrong(name, "a list");
  return &value->get_array();
}

std::optional<TimeUs> time(const json::object& object, std::string_view name) {
  const auto given = text(object, name);
  if (!given) return std::nullopt;
  const auto time = read_time(*given);
  if (!time) wrong(name, "a time such as 2026-01-02T03:04:05+00:00");
  return time;
}

}  // namespace body

}  // namespace memgpt
