// Requests and wire forms: whatever comes is refused in words or read, and what is written is JSON.
// Input: the target, a line feed, the content type, a line feed, the body.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "error.h"
#include "llm/model_parameters.h"
#include "memory/json.h"
#include "memory/text.h"
#include "server/arguments_text.h"
#include "server/guard.h"
#include "server/multipart.h"
#include "server/refusal.h"
#include "server/router.h"
#include "server/wire.h"
#include "server/wire_message.h"

namespace {

using namespace memgpt;

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_json(std::string_view text) {
  boost::system::error_code failed;
  static_cast<void>(parse_deep(text, failed));
  return !failed && is_valid_utf8(text);
}

class NoExchange final : public ServerExchange {
 public:
  void respond(ServerResponse response) override { require(is_json(response.body)); }
  void begin_stream(ServerResponse) override {}
  bool write(std::string_view) override { return false; }
  void end_stream() override {}
};

std::string_view line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto first = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return first;
}

void read_fields(const json::object& object) {
  for (const char* name : {"a", "tags", "messages", "limit", "date", "name"}) {
    const auto each = [&](auto&& read) {
      try {
        static_cast<void>(read(object, name));
      } catch (const Refusal& refusal) {
        require(refusal.status() == 422 && is_valid_utf8(refusal.what()));
      }
    };
    each(body::text);
    each(body::flag);
    each(body::integer);
    each(body::texts);
    each(body::time);
    each(body::needed_text);
    each(body::object);
    each(body::array);
  }
}

ServerResponse answer(Call& call) {
  std::string all;
  for (const auto& [name, value] : call.parameters) all += name + '=' + value + ';';
  for (const auto& [name, value] : call.query) {
    all += name + '=' + value + ';';
    if (const auto time = read_time(value))
      if (*time > 0 && *time < 253'402'300'800'000'000)
        require(read_time(wire_time(*time)) == time);
    if (const auto place = place_of_id(value, "step")) require(step_id(*place) == value);
  }
  static_cast<void>(call.asked_int("limit", 1, 0, 100));
  static_cast<void>(call.asked_flag("ascending", true));
  static_cast<void>(call.asked_time("after"));
  read_fields(call.body());
  std::string out;
  append_json_string(out, all);
  return {200, out};
}

const Router& router() {
  static const Router made = [] {
    Router routes;
    for (const char* path : {"/v1/agents", "/v1/agents/count", "/v1/agents/{agent_id}",
                             "/v1/agents/{agent_id}/core-memory/blocks/{label}"})
      routes.add({"POST", path, path, "", answering(answer)});
    return routes;
  }();
  return made;
}

void ask(const std::string& target, const std::string& type, const std::string& text) {
  ServerRequest request{"POST", target, {{"content-type", type}, {"host", type}}, text};
  static const Guard guard(ServerOptions{});
  try {
    guard.check(request);
  } catch (const Refusal& refusal) {
    require(refusal.status() == 421);
  }
  const auto call = std::make_shared<Call>(std::move(request), std::make_shared<NoExchange>());
  try {
    router().handle(call);
  } catch (const Refusal& refusal) {
    require(refusal.status() >= 400 && refusal.status() < 500);
    require(is_json(response_of_exception().body));
  }
}

// Parts of a form: each is a piece of the body, whatever stands around it.
void read_form(const std::string& type, const std::string& text) {
  try {
    std::size_t bytes = 0;
    for (const auto& part : form_parts(type, text)) {
      require(text.find(part.value) != std::string::npos);
      bytes += part.value.size();
    }
    require(bytes <= text.size());
  } catch (const Refusal& refusal) {
    require(refusal.status() == 415 || refusal.status() == 422);
    require(is_json(response_of_exception().body));
  }
}

// What is said of how a model shall write can be said to it, or is left out.
void read_parameters(const std::string& text) {
  const auto found = model_parameters(text);
  require(found.max_output_tokens >= 0);
}

// Arguments of a call, whole and in pieces.
void write_forms(const std::string& text, std::size_t cut) {
  const std::string whole = ArgumentsText().add(text);
  ArgumentsText pieces;
  std::string joined;
  for (std::size_t at = 0; at < text.size(); at += cut)
    joined += pieces.add(std::string_view(text).substr(at, cut));
  require(joined == whole);
  boost::system::error_code failed;
  const auto value = parse_deep(text, failed);
  if (!failed && value.is_object()) {
    require(is_json(whole));
    const auto left = parse_deep(whole, failed);
    auto wanted = value.get_object();
    wanted.erase("thinking");
    require(!failed && left == json::value(wanted));
  }
  if (!is_valid_utf8(text)) return;
  Message message;
  message.id = "message-0123456789ab";
  message.role = Role::assistant;
  message.tool_calls = {{"call", "send_message", text}, {text, "other", text}};
  message.content = text;
  split_message(message, {}, {},
                [](std::string_view, std::string&& part) { require(is_json(part)); });
  message.role = Role::tool;
  message.text = message.name = text;
  split_message(message, {}, {},
                [](std::string_view, std::string&& part) { require(is_json(part)); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as text
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = 1 + data[0] % 7U;
  const auto target = line(text);
  const auto type = line(text);
  ask('/' + std::string(target), std::string(type), std::string(text));
  read_form(std::string(type), std::string(text));
  read_parameters(std::string(text));
  write_forms(std::string(text), cut);
  return 0;
}
