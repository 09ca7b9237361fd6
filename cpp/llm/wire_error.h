// What a server says about a request that it refused, as an error that says what to do. Keys are in
// none of them.
#pragma once

#include <string>
#include <string_view>

#include "error.h"
#include "llm/http.h"

namespace memgpt {

// What the request was about, and where address and key came from.
struct WireOrigin {
  std::string model;
  std::string url;           // where it went
  std::string url_variable;  // what the address was given as: "OPENAI_BASE_URL", "base_url"
  std::string key_variable;
  std::string key;   // to be hidden
  std::string hint;  // what else to look at where a model is not found
};

// A few words, without the key: the forms in use differ.
[[nodiscard]] std::string error_text(std::string_view body, const std::string& key = "");
// Some servers repeat what they were sent, the key included.
void hide_key(std::string& text, const std::string& key);

// Whether a status other than 2xx, or an error in the middle of a stream, means that the prompt is
// too long, in the words of any of the servers.
[[nodiscard]] bool says_too_long(int status, std::string_view body);
// Throws ContextOverflow, with the server's own figures where it gives them.
[[noreturn]] void throw_overflow(const std::string& answer, std::string_view body);

// An error that came with the status 200, or in the middle of a stream.
class ErrorInAnswer final : public ProviderError {
 public:
  // `code`: the status that it should have had; 0 = not said.
  ErrorInAnswer(const std::string& text, int code, std::string_view body)
      : ProviderError(text), status(code), answer(body) {}
  int status;
  std::string answer;
};

// Called where an error of a provider was caught: goes on with the same one, without the key. Some
// servers repeat what they were sent.
[[noreturn]] void rethrow_without_key(const WireOrigin& origin);

// Of an answer with a status other than 2xx. Throws AuthenticationFailed, RateLimited,
// ContextOverflow or ProviderError.
[[noreturn]] void throw_status(HttpResponse response, const WireOrigin& origin);
// A piece of a stream that cannot be read, behind others that could.
class BrokenEvent final : public InvalidReply {
 public:
  BrokenEvent(const std::string& why, std::string_view given) : InvalidReply(why), event(given) {}
  std::string event;
};

// Of an answer that is none, for the reason given.
[[noreturn]] void throw_unreadable(HttpResponse response, const WireOrigin& origin,
                                   const InvalidReply& why);

}  // namespace memgpt
