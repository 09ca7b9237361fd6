#include "llm/model_parameters.h"

#include <algorithm>
#include <limits>

#include "memory/json.h"

namespace memgpt {

namespace {

const json::object* object_in(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

void take(std::optional<double>& to, const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  if (value != nullptr && value->is_number()) to = value->to_number<double>();
}

void take(std::string& to, const json::object& from, std::string_view key) {
  to = string_or(from, key, to);
}

void take(int& to, const json::object& from, std::string_view key) {
  const auto tokens = int_or(from, key, 0);
  if (tokens > 0)
    to = static_cast<int>(std::min<std::int64_t>(tokens, std::numeric_limits<int>::max()));
}

}  // namespace

ModelParameters model_parameters(std::string_view settings) {
  ModelParameters found;
  if (settings.empty()) return found;
  boost::system::error_code failed;
  const auto read = parse_deep(settings, failed);
  if (failed || !read.is_object()) return found;
  if (const auto* config = object_in(read.get_object(), "llm_config"); config != nullptr) {
    take(found.temperature, *config, "temperature");
    take(found.frequency_penalty, *config, "frequency_penalty");
    take(found.reasoning_effort, *config, "reasoning_effort");
    take(found.verbosity, *config, "verbosity");
    take(found.max_output_tokens, *config, "max_tokens");
  }
  if (const auto* given = object_in(read.get_object(), "model_settings"); given != nullptr) {
    take(found.temperature, *given, "temperature");
    take(found.verbosity, *given, "verbosity");
    take(found.max_output_tokens, *given, "max_output_tokens");
    if (const auto* reasoning = object_in(*given, "reasoning"); reasoning != nullptr)
      take(found.reasoning_effort, *reasoning, "reasoning_effort");
  }
  return found;
}

}  // namespace memgpt
