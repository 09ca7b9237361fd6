// What a route's handler sees of a request: its place, query and body, read and checked.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "memory/json.h"
#include "memory/message.h"
#include "server/http_exchange.h"

namespace memgpt {

class Call {
 public:
  Call(ServerRequest request, std::shared_ptr<ServerExchange> exchange)
      : request_(std::move(request)), exchange_(std::move(exchange)) {}

  [[nodiscard]] const ServerRequest& request() const { return request_; }
  [[nodiscard]] const std::shared_ptr<ServerExchange>& exchange() const { return exchange_; }

  // Set by the router.
  std::vector<std::string> path;                               // decoded segments
  std::map<std::string, std::string, std::less<>> parameters;  // of the path, decoded
  std::vector<std::pair<std::string, std::string>> query;      // decoded, in order

  // A parameter of the path.
  [[nodiscard]] const std::string& at(std::string_view name) const;
  // The first of the name; none = not given, or empty.
  [[nodiscard]] std::optional<std::string> asked(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> asked_all(std::string_view name) const;
  // They throw Refusal (422), naming the parameter.
  [[nodiscard]] std::int64_t asked_int(std::string_view name, std::int64_t fallback,
                                       std::int64_t least, std::int64_t most) const;
  // All of the name.
  [[nodiscard]] std::vector<std::int64_t> asked_ints(std::string_view name, std::int64_t least,
                                                     std::int64_t most) const;
  [[nodiscard]] bool asked_flag(std::string_view name, bool fallback) const;
  [[nodiscard]] std::optional<TimeUs> asked_time(std::string_view name) const;

  // The body as an object; an empty body is an empty one. Throws Refusal: 415 for another content
  // type, 422 for what is no JSON object, and for a number beyond all that a machine holds.
  [[nodiscard]] const json::object& body();
  // An object of it, "{}" where it is not there: its text, with numbers as they were written.
  [[nodiscard]] std::string body_object(const char* name);

 private:
  ServerRequest request_;
  std::shared_ptr<ServerExchange> exchange_;
  std::optional<json::object> body_;
};

// Fields of a body. They throw Refusal (422), naming the field, where it is of another type; a
// field that is null is one that is not there.
namespace body {
[[nodiscard]] const json::value* find(const json::object& object, std::string_view name);
[[nodiscard]] std::optional<std::string> text(const json::object& object, std::string_view name);
[[nodiscard]] std::string needed_text(const json::object& object, std::string_view name);
[[nodiscard]] std::optional<bool> flag(const json::object& object, std::string_view name);
[[nodiscard]] std::optional<std::int64_t> integer(const json::object& object,
                                                  std::string_view name);
[[nodiscard]] std::optional<std::int64_t> integer(const json::object& object, std::string_view name,
                                                  std::int64_t least, std::int64_t most);
[[nodiscard]] std::optional<std::vector<std::string>> texts(const json::object& object,
                                                            std::string_view name);
[[nodiscard]] const json::object* object(const json::object& object, std::string_view name);
[[nodiscard]] const json::array* array(const json::object& object, std::string_view name);
[[nodiscard]] std::optional<TimeUs> time(const json::object& object, std::string_view name);
}  // namespace body

// RFC 3339, with an offset or without (UTC); also a date alone. None for anything else.
[[nodiscard]] std::optional<TimeUs> read_time(std::string_view text);
// "2026-01-02T03:04:05.000006+00:00"
[[nodiscard]] std::string wire_time(TimeUs time_us);

// None where the percent signs are not of an encoding. `form`: a plus is a space.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text, bool form);

}  // namespace memgpt
