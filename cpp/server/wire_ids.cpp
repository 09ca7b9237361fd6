#include <charconv>
#include <cstdio>

#include "memory/text.h"
#include "server/wire.h"

namespace memgpt {

namespace {

std::string id_of_place(const char* kind, Head place) {
  char text[64];
  std::snprintf(text, sizeof text, "%s-%08llx-0000-4000-8000-%012llx", kind,
                static_cast<unsigned long long>(place.branch),
                static_cast<unsigned long long>(place.seq));
  return text;
}

}  // namespace

std::string step_id(Head place) { return id_of_place("step", place); }
std::string run_id(Head input) { return id_of_place("run", input); }

std::string id_of(std::string_view kind, std::string_view text) {
  const auto hex = to_hex(sha256(text));
  return std::string(kind) + '-' + hex.substr(0, 8) + '-' + hex.substr(8, 4) + "-4" +
         hex.substr(13, 3) + "-8" + hex.substr(17, 3) + '-' + hex.substr(20, 12);
}

std::optional<Head> place_of_id(std::string_view id, std::string_view kind) {
  Head place;
  const auto digits = kind.size() + 1;
  if (id.size() != digits + 36 || !id.starts_with(kind)) return std::nullopt;
  const auto read = [](std::string_view text, std::int64_t& number) {
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    return error == std::errc() && stop == text.data() + text.size();
  };
  if (!read(id.substr(digits, 8), place.branch) || !read(id.substr(digits + 24, 12), place.seq))
    return std::nullopt;
  if (id != id_of_place(std::string(kind).c_str(), place)) return std::nullopt;
  return place;
}

json::object object_of(std::string_view text) {
  boost::system::error_code failed;
  auto value = parse_deep(text.empty() ? "{}" : text, failed);
  return failed || !value.is_object() ? json::object() : std::move(value.get_object());
}

json::value text_or_null(std::string_view text) {
  return text.empty() ? json::value() : json::value(text);
}

json::array array_of(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());  // NOLINT(modernize-return-braced-init-list)
}

}  // namespace memgpt
