#include "server/settings_bodies.h"

#include <array>
#include <utility>

#include "server/call.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

// Kept as they came, and shown again.
constexpr std::array<const char*, 10> kKept = {
    "model_settings",  "compaction_settings", "message_buffer_autoclear",
    "response_format", "max_files_open",      "per_file_view_window_char_limit",
    "hidden",          "project_id",          "llm_config",
    "enable_sleeptime"};

// Of the two ways to say how the model shall write, the later one holds.
void drop_overtaken(json::object& settings, const json::object& body) {
  const auto* config = body::object(body, "llm_config");
  auto* stored = settings.if_contains("model_settings");
  if (config == nullptr || body.contains("model_settings") || stored == nullptr ||
      !stored->is_object())
    return;
  constexpr std::array<std::pair<const char*, const char*>, 4> kSame = {
      {{"temperature", "temperature"},
       {"max_tokens", "max_output_tokens"},
       {"verbosity", "verbosity"},
       {"reasoning_effort", "reasoning"}}};
  for (const auto& [said, before] : kSame)
    if (const auto* value = config->if_contains(said); value != nullptr && !value->is_null())
      stored->get_object().erase(before);
}

void check_number(const json::object& body, const char* name, int least, int most) {
  const auto* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return;
  const auto number = value->is_number() ? value->to_number<double>() : least - 1;
  if (!(number >= least && number <= most))
    throw Refusal(422, '"' + std::string(name) + "\" must be a number from " +
                           std::to_string(least) + " to " + std::to_string(most));
}

void check_tokens(const json::object& body, const char* name) {
  if (const auto tokens = body::integer(body, name); tokens && *tokens < 1)
    throw Refusal(422, '"' + std::string(name) + "\" must be a number of tokens, 1 or more");
}

void check_format(const json::object& body) {
  const auto* format = body::object(body, "response_format");
  if (format != nullptr && string_or(*format, "type", "text") != "text")
    throw Refusal(501,
                  "answers in a given form are not served yet: leave out response_format, and let "
                  "a tool of your own take what the model shall give");
}

}  // namespace

void keep_settings(json::object& settings, const json::object& body) {
  for (const char* name : kKept)
    if (const auto* value = body.if_contains(name)) {
      if (value->is_null())
        settings.erase(name);
      else
        settings[name] = *value;
    }
  drop_overtaken(settings, body);
  const auto limit = body::integer(body, "max_tokens");
  if (!limit) return;
  auto& stored = settings["model_settings"];
  if (!stored.is_object()) stored.emplace_object();
  if (const auto* given = body::object(body, "model_settings");
      given == nullptr || !given->contains("max_output_tokens"))
    stored.get_object()["max_output_tokens"] = *limit;
}

// What is not refused here reaches the model, see model_parameters().
void check_parameters(const json::object& body) {
  check_tokens(body, "max_tokens");
  check_format(body);
  for (const char* name : {"model_settings", "llm_config"}) {
    const auto* given = body::object(body, name);
    if (given == nullptr) continue;
    check_number(*given, "temperature", 0, 2);
    check_number(*given, "frequency_penalty", -2, 2);
    check_tokens(*given, "max_tokens");
    check_tokens(*given, "max_output_tokens");
    check_format(*given);
    for (const char* text : {"verbosity", "reasoning_effort"})
      static_cast<void>(body::text(*given, text));
    if (const auto* reasoning = body::object(*given, "reasoning"); reasoning != nullptr)
      static_cast<void>(body::text(*reasoning, "reasoning_effort"));
  }
}

std::string settings_text(const json::object& settings) {
  return settings.empty() ? "" : json::serialize(settings);
}

}  // namespace memgpt
