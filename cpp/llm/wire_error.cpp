#include "llm/wire_error.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "error.h"
#include "memory/json.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::size_t kShownHeaderBytes = 100;
constexpr std::size_t kShownBytes = 300;    // of what a server says in an error
constexpr std::size_t kSecretBytes = 12;    // of a key that is no mere word
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

char small(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// The character at `at`, also as an escape of JSON or a URL, and `at` behind it.
char read_char(std::string_view text, std::size_t& at) {
  struct Form {
    std::string_view begin;
    std::size_t digits;
  };
  for (const auto& [begin, digits] :
       {Form{"\\u", 4}, Form{"\\\\u", 4}, Form{"\\x", 2}, Form{"%", 2}}) {
    if (!text.substr(at).starts_with(begin)) continue;
    const auto hex = text.substr(at + begin.size(), digits);
    unsigned code = 0;
    const auto read = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
    if (hex.size() < digits || read.ptr != hex.data() + digits || code > 126) continue;
    at += begin.size() + digits;
    return static_cast<char>(code);
  }
  return text[at++];
}

// Behind the key that begins at `at`, in any case, escaped or broken into lines; `at` where none
// does.
std::size_t key_end(std::string_view text, std::size_t at, std::string_view key) {
  const auto begin = at;
  for (std::size_t i = 0; i < key.size();) {
    if (at >= text.size()) return begin;
    const bool broken = i > 0 && text[at] == '\\' && at + 1 < text.size();
    const char c = read_char(text, at);
    if (small(c) == small(key[i])) {
      ++i;
    } else if (i > 0 && std::isspace(static_cast<unsigned char>(c)) != 0) {
      continue;
    } else if (broken && c == '\\') {
      // "\n" as two characters, and "\/".
      if (std::string_view("nrt").find(text[at]) != std::string_view::npos) ++at;
    } else {
      return begin;
    }
  }
  return at;
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

std::string error_text(std::string_view body, const std::string& key) {
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
  hide_key(text, key);  // as the server escaped it, it may not have been found before
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < ' '; }, ' ');
  const auto shown = utf8_prefix(text, kShownBytes);
  return std::string(shown) + (shown.size() < text.size() ? "..." : "");
}

void hide_key(std::string& text, const std::string& key) {
  if (key.empty()) return;
  // "none" and "ollama" are words.
  if (key.size() < kSecretBytes) {
    for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at + 3))
      text.replace(at, key.size(), "***");
    return;
  }
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = key_end(text, at, key);
    if (end == at) {
      shown += text[at++];
    } else {
      shown += "***";
      at = end;
    }
  }
  text = std::move(shown);
}

bool says_too_long(int status, std::string_view body) {
  if (status != 400 && status != 413 && status != 422 && status != 500 && status != 200)
    return false;
  const std::string text = lower(body);
  const auto says = [&](std::string_view sign) { return text.find(sign) != std::string::npos; };
  // OpenAI, Azure and Groq; llama.cpp; vLLM, OpenRouter, DeepSeek and Mistral; LM Studio; Ollama;
  // Together and text-generation-inference; Gemini; SGLang; xAI; GitHub; TabbyAPI; LiteLLM.
  constexpr std::array kSigns =
      std::to_array<std::string_view>({"context_length_exceeded",
                                       "exceed_context_size",
                                       "maximum context length",
                                       "model's context length is only",
                                       "model is loaded with context length",
                                       "greater than the context length",
                                       "longer than the model's context",
                                       "prompt is too long",
                                       "prompt too long",
                                       "exceeds the context",
                                       "exceeded max context length",
                                       "exceeds maximum context",
                                       "`inputs` tokens + `max_new_tokens`",
                                       "`inputs` must have less than",
                                       "input token count",
                                       "input is too long",
                                       "reduce the length of the messages",
                                       "maximum model length",
                                       "maximum prompt length",
                                       "tokens_limit_reached",
                                       "max_seq_len",
                                       "contextwindowexceeded"});
  if (std::any_of(kSigns.begin(), kSigns.end(), says)) return true;
  // A tool's description may speak of windows, too.
  constexpr std::array kTooMuch = std::to_array<std::string_view>(
      {"exceed", "too long", "too large", "longer", "larger", "fit"});
  return (says("context window") || says("context size")) &&
         std::any_of(kTooMuch.begin(), kTooMuch.end(), says);
}

// A limit of tokens in a minute that is smaller than this one prompt: waiting does not help.
bool says_too_large_for_a_minute(int status, std::string_view body) {
  if (status != 413 && status != 429) return false;
  const std::string text = lower(body);
  return text.find("request too large") != std::string::npos &&
         text.find("tokens") != std::string::npos;
}

void throw_overflow(const std::string& answer, std::string_view body) {
  const std::string text = lower(body);
  // Where prompt and reply are told apart the prompt's figure comes first in this list.
  const int prompt =
      number_behind(text, {"n_prompt_tokens", "messages resulted in", "you passed",
                           "keep the first", "given:", "prompt contains", "input token count",
                           "prompt is too long:", "however, you requested", "request (",
                           "the input (", "prompt (length", "request contains", "requested"});
  const int limit = number_behind(
      text, {"n_ctx", "maximum context length is", "context length of only",
             "context length is only", "limit of", "must be <=", "maximum number of tokens allowed",
             "less than", "too large for model with", "size (", "context length (",
             "model length of", "prompt length is", "limit"});
  throw ContextOverflow(answer +
                            " (the prompt is longer than the model takes: give the agent a "
                            "smaller context_window)",
                        prompt, limit);
}

void rethrow_without_key(const WireOrigin& origin) {
  const auto text = [&](const std::exception& error) {
    std::string shown = error.what();
    hide_key(shown, origin.key);
    return shown;
  };
  try {
    throw;
  } catch (const ErrorInAnswer& error) {
    if (error.status >= 400 && error.status < 600) {
      HttpResponse response;
      response.status = error.status;
      response.body = error.answer;
      throw_status(std::move(response), origin);
    }
    throw ProviderError(origin.url + ": the server answered with an error: " +
                        error_text(error.answer, origin.key));
  } catch (const ContextOverflow& error) {
    throw ContextOverflow(text(error), error.prompt_tokens, error.limit_tokens);
  } catch (const AuthenticationFailed& error) {
    throw AuthenticationFailed(text(error));
  } catch (const RateLimited& error) {
    throw RateLimited(text(error));
  } catch (const InvalidReply& error) {
    throw InvalidReply(text(error));
  }
}

void throw_status(HttpResponse given, const WireOrigin& origin) {
  const auto response = for_people(std::move(given), origin.key);
  const std::string said = error_text(response.body, origin.key);
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
  if (says_too_large_for_a_minute(response.status, response.body))
    throw_overflow(answer, response.body);
  if (limited) {
    const auto& wait = response.retry_after;
    const bool known = !wait.empty() && std::all_of(wait.begin(), wait.end(), [](unsigned char c) {
      return std::isdigit(c) != 0;
    });
    throw RateLimited(answer + " (too many requests, or no credit left: send again " +
                      (known ? "after " + wait + " s" : "later") + ")");
  }
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

void throw_unreadable(HttpResponse given, const WireOrigin& origin, const InvalidReply& why) {
  constexpr std::size_t kShown = 120;
  if (const auto* broken = dynamic_cast<const BrokenEvent*>(&why))
    throw InvalidReply(origin.url + ": a piece of its stream cannot be read: " + why.what() +
                       ". It sent \"" +
                       std::string(utf8_prefix(error_text(broken->event, origin.key), kShown)) +
                       "\"; send again, and if that does not help the server is at fault, or what "
                       "stands between");
  const auto response = for_people(std::move(given), origin.key);
  const auto compressed =
      response.content_encoding.empty() || response.content_encoding == "identity"
          ? ""
          : ", compressed with " + response.content_encoding + ", which was not asked for";
  throw InvalidReply(origin.url + ": " + why.what() + ". It sent " +
                     (response.content_type.empty() ? "" : response.content_type + ": ") + "\"" +
                     std::string(utf8_prefix(error_text(response.body, origin.key), kShown)) +
                     "\"" + compressed + "; check that " + origin.url_variable +
                     " is the address of a server of models. " + origin.hint);
}

}  // namespace memgpt
