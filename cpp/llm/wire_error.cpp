#include "llm/wire_error.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "error.h"
#include "memory/json.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::size_t kShownHeaderBytes = 100;
constexpr std::size_t kShownBytes = 300;    // of what a server says in an error
constexpr std::size_t kReadBytes = 16'384;  // of it, where a sign is looked for

std::string lower(std::string_view text) {
  std::string out(text.substr(0, kReadBytes));
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// The number that comes next behind the first of the marks that is there; 0 where there is none.
int number_behind(std::string_view text, std::initializer_list<std::string_view> marks) {
  constexpr std::size_t kNear = 24;
  for (const auto mark : marks) {
    const auto found = text.find(mark);
    if (found == std::string_view::npos) continue;
    auto at = found + mark.size();
    const auto last = std::min(text.size(), at + kNear);
    while (at < last && std::isdigit(static_cast<unsigned char>(text[at])) == 0) ++at;
    std::int64_t number = 0;
    for (; at < text.size() && number < 1'000'000'000; ++at) {
      if (text[at] == ',') continue;
      if (std::isdigit(static_cast<unsigned char>(text[at])) == 0) break;
      number = number * 10 + (text[at] - '0');
    }
    if (number > 0 && number < 1'000'000'000) return static_cast<int>(number);
  }
  return 0;
}

// For an error's text: without the key, and of header lines only what a person reads.
HttpResponse for_people(HttpResponse response, const std::string& key) {
  hide_key(response.body, key);
  for (auto* header : {&response.content_type, &response.content_encoding, &response.retry_after,
                       &response.location}) {
    hide_key(*header, key);
    *header = valid_utf8(std::move(*header));
    *header = std::string(utf8_prefix(*header, kShownHeaderBytes));
  }
  return response;
}

}  // namespace

std::string error_text(std::string_view body) {
  boost::system::error_code failed;
  const auto value = json::parse(body, failed);
  std::string text;
  if (!failed && value.is_object()) {
    const auto& object = value.get_object();
    const auto* error = object.if_contains("error");
    if (error != nullptr && error->is_object())
      text = string_or(error->get_object(), "message");
    else
      for (const char* name : {"error", "message", "detail"})
        if (text.empty()) text = string_or(object, name);
  }
  if (text.empty()) text = valid_utf8(std::string(body));
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < ' '; }, ' ');
  const auto shown = utf8_prefix(text, kShownBytes);
  return std::string(shown) + (shown.size() < text.size() ? "..." : "");
}

void hide_key(std::string& text, const std::string& key) {
  if (key.empty()) return;
  for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at + 3))
    text.replace(at, key.size(), "***");
}

bool says_too_long(int status, std::string_view body) {
  if (status != 400 && status != 413 && status != 422 && status != 500 && status != 200)
    return false;
  const std::string text = lower(body);
  // OpenAI, Azure and Groq; llama.cpp; vLLM, OpenRouter, DeepSeek and Mistral; LM Studio; Ollama;
  // Together and text-generation-inference; Gemini.
  constexpr std::array<std::string_view, 18> kSigns = {"context_length_exceeded",
                                                       "exceed_context_size",
                                                       "maximum context length",
                                                       "context window",
                                                       "context size",
                                                       "model's context length is only",
                                                       "model is loaded with context length",
                                                       "greater than the context length",
                                                       "prompt is too long",
                                                       "prompt too long",
                                                       "exceeds the context",
                                                       "exceeded max context length",
                                                       "exceeds maximum context",
                                                       "`inputs` tokens + `max_new_tokens`",
                                                       "`inputs` must have less than",
                                                       "input token count",
                                                       "input is too long",
                                                       "reduce the length of the messages"};
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [&](std::string_view sign) { return text.find(sign) != std::string::npos; });
}

void throw_overflow(const std::string& answer, std::string_view body) {
  const std::string text = lower(body);
  // Where prompt and reply are told apart the prompt's figure comes first in this list.
  const int prompt =
      number_behind(text, {"n_prompt_tokens", "messages resulted in", "you passed",
                           "keep the first", "given:", "prompt contains", "input token count",
                           "prompt is too long:", "however, you requested", "request ("});
  const int limit = number_behind(
      text, {"n_ctx", "maximum context length is", "context length of only",
             "context length is only", "limit of", "must be <=", "maximum number of tokens allowed",
             "less than", "too large for model with", "size ("});
  throw ContextOverflow(answer +
                            " (the prompt is longer than the model takes: give the agent a "
                            "smaller context_window)",
                        prompt, limit);
}

void throw_status(HttpResponse given, const WireOrigin& origin) {
  const auto response = for_people(std::move(given), origin.key);
  const std::string said = error_text(response.body);
  const std::string answer =
      origin.url + " answered " + std::to_string(response.status) +
      (said.empty() ? "" : ": " + said) +
      (response.attempts > 1 ? " [" + std::to_string(response.attempts) + " attempts]" : "");
  const bool limited =
      response.status == 429 ||
      (response.status == 413 && response.body.find("rate_limit_exceeded") != std::string::npos);
  if (response.status == 401 || response.status == 403)
    throw AuthenticationFailed(answer + " (the key was refused: check " + origin.key_variable +
                               ")");
  if (limited)
    throw RateLimited(
        answer + " (too many requests, or no credit left: send again " +
        (response.retry_after.empty() ? "later" : "after " + response.retry_after + " s") + ")");
  if (response.status == 404)
    throw ProviderError(answer + " (is there a model \"" + origin.model + "\", and is " +
                        origin.url_variable + " right? " + origin.hint + ")");
  if (says_too_long(response.status, response.body)) throw_overflow(answer, response.body);
  if (response.status >= 500)
    throw ProviderError(answer + " (the server failed; nothing is lost, send again later)");
  if (response.status >= 300 && response.status < 400)
    throw ProviderError(answer + " (a redirect" +
                        (response.location.empty() ? "" : " to " + response.location) +
                        ", which is not followed: a key goes only to the address it was given "
                        "for. Set " +
                        origin.url_variable + " to the right address)");
  throw ProviderError(answer + " (the server refused the request)");
}

void throw_unreadable(HttpResponse given, const WireOrigin& origin, const std::string& why) {
  const auto response = for_people(std::move(given), origin.key);
  const auto compressed =
      response.content_encoding.empty() || response.content_encoding == "identity"
          ? ""
          : ", compressed with " + response.content_encoding + ", which was not asked for";
  throw InvalidReply(origin.url + ": " + why + ". It sent " +
                     (response.content_type.empty() ? "" : response.content_type + ": ") + "\"" +
                     std::string(utf8_prefix(error_text(response.body), 120)) + "\"" + compressed +
                     "; check that " + origin.url_variable +
                     " is the address of a server of models. " + origin.hint);
}

}  // namespace memgpt
