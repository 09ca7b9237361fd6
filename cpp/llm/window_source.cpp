// What servers say of the window of a model: each in a place of its own.
#include <algorithm>

#include "error.h"
#include "llm/chat_completion.h"
#include "llm/hosted_model.h"
#include "memory/json.h"

namespace memgpt {

namespace {

// A model's own window may want more memory than the machine has.
constexpr std::int64_t kMostUnasked = 32'768;

int as_window(std::int64_t tokens) {
  return tokens > 0 && tokens < (std::int64_t{1} << 31) ? static_cast<int>(tokens) : 0;
}

const json::object* object_in(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr ? value->if_object() : nullptr;
}

// The entry of a model in {"data": [...]}, or the only one.
const json::object* model_entry(const json::object& answer, const std::string& model) {
  const auto* data = answer.if_contains("data");
  const auto* list = data != nullptr ? data->if_array() : nullptr;
  if (list == nullptr) return nullptr;
  for (const auto& item : *list)
    if (item.is_object() && string_or(item.get_object(), "id") == model) return &item.get_object();
  return list->size() == 1 ? list->front().if_object() : nullptr;
}

json::object answer_of(const HttpResponse& response) {
  if (response.status < 200 || response.status > 299)
    throw ProviderError("it answered " + std::to_string(response.status) + ": " +
                        error_text(response.body));
  return wire::parse_object(response.body);
}

int llama_cpp_window(HttpClient& client, const std::vector<HttpHeader>& headers) {
  const auto answer = answer_of(client.get("/props", headers));
  if (const auto* settings = object_in(answer, "default_generation_settings"))
    return as_window(int_or(*settings, "n_ctx", 0));
  return as_window(int_or(answer, "n_ctx", 0));
}

int vllm_window(HttpClient& client, const std::vector<HttpHeader>& headers,
                const std::string& model) {
  const auto answer = answer_of(client.get("/models", headers));
  const auto* entry = model_entry(answer, model);
  return entry == nullptr ? 0 : as_window(int_or(*entry, "max_model_len", 0));
}

int lm_studio_window(HttpClient& client, const std::vector<HttpHeader>& headers,
                     const std::string& model) {
  const auto answer = answer_of(client.get("/api/v0/models", headers));
  const auto* entry = model_entry(answer, model);
  if (entry == nullptr) return 0;
  const auto most = std::min(int_or(*entry, "max_context_length", 0), kMostUnasked);
  return as_window(int_or(*entry, "loaded_context_length", most));
}

// "num_ctx   8192" in the lines of a model file's parameters.
std::int64_t num_ctx_in(const std::string& parameters) {
  constexpr std::string_view kName = "num_ctx";
  const auto at = parameters.find(kName);
  if (at == std::string::npos) return 0;
  const auto digit = parameters.find_first_of("0123456789", at + kName.size());
  const auto line_end = parameters.find('\n', at);
  if (digit == std::string::npos || digit > line_end) return 0;
  return std::strtoll(parameters.c_str() + digit, nullptr, 10);
}

int ollama_window(HttpClient& client, const std::vector<HttpHeader>& headers,
                  const std::string& model) {
  const auto answer =
      answer_of(client.post("/api/show", headers, json::serialize(json::object{{"model", model}})));
  if (const auto set = num_ctx_in(string_or(answer, "parameters")); set > 0) return as_window(set);
  const auto* info = object_in(answer, "model_info");
  if (info == nullptr) return 0;
  for (const auto& [name, value] : *info)
    if (name.ends_with(".context_length") && value.is_int64())
      return as_window(std::min(value.get_int64(), kMostUnasked));
  return 0;
}

}  // namespace

int window_of_server(WindowSource source, HttpClient& client,
                     const std::vector<HttpHeader>& headers, const std::string& model) {
  switch (source) {
    case WindowSource::none: return 0;
    case WindowSource::llama_cpp: return llama_cpp_window(client, headers);
    case WindowSource::vllm: return vllm_window(client, headers, model);
    case WindowSource::ollama: return ollama_window(client, headers, model);
    case WindowSource::lm_studio: return lm_studio_window(client, headers, model);
  }
  return 0;
}

}  // namespace memgpt
