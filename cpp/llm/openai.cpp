#include "llm/openai.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "error.h"
#include "memory/json.h"
#include "memory/text.h"
#include "memory/token_counter.h"

namespace memgpt {

namespace {

constexpr const char* kOpenAIUrl = "https://api.openai.com/v1";
constexpr const char* kKeyVariable = "OPENAI_API_KEY";
constexpr const char* kUrlVariable = "OPENAI_BASE_URL";
constexpr std::size_t kShownHeaderBytes = 100;
constexpr std::size_t kShownBytes = 300;  // of what a server says in an error

struct KnownModel {
  std::string_view prefix;
  std::string_view tokenizer;
  int context_window;  // 0 = larger than the default window, which costs less
};
constexpr std::array kKnownModels = {
    KnownModel{"gpt-4o", "o200k_base", 0},
    KnownModel{"gpt-4.1", "o200k_base", 0},
    KnownModel{"gpt-4.5", "o200k_base", 0},
    KnownModel{"gpt-4-turbo", "cl100k_base", 0},
    KnownModel{"gpt-4-1106", "cl100k_base", 0},
    KnownModel{"gpt-4-0125", "cl100k_base", 0},
    KnownModel{"gpt-4-32k", "cl100k_base", 0},
    KnownModel{"gpt-4", "cl100k_base", 8192},
    KnownModel{"gpt-3.5", "cl100k_base", 16'385},
    KnownModel{"gpt-5", "o200k_base", 0},
    KnownModel{"chatgpt-4o", "o200k_base", 0},
    KnownModel{"o1", "o200k_base", 0},
    KnownModel{"o3", "o200k_base", 0},
    KnownModel{"o4", "o200k_base", 0},
    KnownModel{"gpt-oss", "o200k_base", 0},
};

const KnownModel* known_model(std::string_view model) {
  for (const auto& known : kKnownModels)
    if (model.starts_with(known.prefix)) return &known;
  return nullptr;
}

// These refuse the older name of the limit on a reply.
bool wants_completion_limit(std::string_view model) {
  return model.starts_with("o1") || model.starts_with("o3") || model.starts_with("o4") ||
         model.starts_with("gpt-5");
}

// A key that was read from a file often ends in a newline.
std::string trimmed(std::string text) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), is_space).base(), text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  return text;
}

// Text, or a list of parts; those of other kinds than text say nothing to us.
std::string text_of(const json::value& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return std::string(value.get_string());
  if (!value.is_array()) throw InvalidReply("a text in the model's answer is no string");
  std::string text;
  for (const auto& part : value.get_array()) {
    if (!part.is_object()) throw InvalidReply("a part of the model's answer is no object");
    const auto& object = part.get_object();
    if (string_or(object, "type", "text") != "text") continue;
    if (!object.contains("text")) throw InvalidReply("a text part of the answer has no text");
    text += string_or(object, "text");
  }
  return text;
}

std::string first_text(const json::object& message, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto* value = message.if_contains(name); value != nullptr)
      if (auto text = text_of(*value); !text.empty()) return text;
  return "";
}

ToolCall read_call(const json::value& value) {
  if (!value.is_object()) throw InvalidReply("a tool call in the model's answer is no object");
  const auto& call = value.get_object();
  const auto* nested = call.if_contains("function");
  const auto& function = nested != nullptr && nested->is_object() ? nested->get_object() : call;
  ToolCall read{string_or(call, "id"), string_or(function, "name"), "{}"};
  if (const auto* arguments = function.if_contains("arguments"); arguments != nullptr)
    read.arguments =
        arguments->is_string() ? std::string(arguments->get_string()) : json::serialize(*arguments);
  return read;
}

int count_or_unknown(const json::object& usage, const char* name) {
  const auto count = int_or(usage, name, -1);
  return count >= 0 && count < (std::int64_t{1} << 31) ? static_cast<int>(count) : -1;
}

// The message of a completion's first choice; of an object without choices, the object itself.
const json::object* message_of(const json::object& answer) {
  const auto* choices = answer.if_contains("choices");
  if (choices == nullptr) return &answer;
  if (!choices->is_array() || choices->get_array().empty())
    throw InvalidReply("the model's answer has no choices");
  const auto& choice = choices->get_array().front();
  const auto* message = choice.is_object() ? choice.get_object().if_contains("message") : nullptr;
  if (message == nullptr || !message->is_object())
    throw InvalidReply("the first choice of the model's answer has no message");
  return &message->get_object();
}

// Half of a pair, as a cut emoji leaves it, is written as an escape that no strict reader takes: it
// becomes U+FFFD.
void mend_surrogates(std::string& text) {
  const auto unit = [&](std::size_t at) {
    unsigned value = 0;
    if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return 0U;
    const char* end = text.data() + at + 6;
    return std::from_chars(text.data() + at + 2, end, value, 16).ptr == end ? value : 0U;
  };
  for (auto at = text.find('\\'); at != std::string::npos; at = text.find('\\', at)) {
    const unsigned first = unit(at);
    const bool pair =
        first >= 0xD800 && first < 0xDC00 && unit(at + 6) >= 0xDC00 && unit(at + 6) < 0xE000;
    if (!pair && first >= 0xD800 && first < 0xE000) text.replace(at + 2, 4, "fffd");
    at += pair ? 12 : (first != 0 ? 6 : 2);
  }
}

// What a server says about an error, in a few words: the forms in use differ.
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

// Some servers repeat what they were sent, the key included.
void hide(std::string& text, const std::string& key) {
  if (key.empty()) return;
  for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at + 3))
    text.replace(at, key.size(), "***");
}

// For an error's text: without the key, and of header lines only what a person reads.
HttpResponse for_people(HttpResponse response, const std::string& key) {
  hide(response.body, key);
  for (auto* header : {&response.content_type, &response.content_encoding, &response.retry_after,
                       &response.location}) {
    hide(*header, key);
    *header = valid_utf8(std::move(*header));
    *header = std::string(utf8_prefix(*header, kShownHeaderBytes));
  }
  return response;
}

// What an error says of where address and key came from.
struct Origin {
  std::string url;
  std::string key;
};

// How OpenAI, Azure, llama.cpp, vLLM, Ollama and others say that a prompt is too long.
bool says_too_long(const HttpResponse& response, std::string_view said) {
  if (response.status != 400 && response.status != 413 && response.status != 422) return false;
  std::string text = response.body.substr(0, 4000) + std::string(said);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<std::string_view, 7> kSigns = {
      "context_length_exceeded", "exceed_context_size", "maximum context length",
      "context window",          "context size",        "prompt is too long",
      "exceeds the context"};
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [&](std::string_view sign) { return text.find(sign) != std::string::npos; });
}

[[noreturn]] void throw_status(const HttpResponse& response, const std::string& model,
                               const std::string& url, const Origin& origin) {
  const std::string said = error_text(response.body);
  const std::string answer =
      url + " answered " + std::to_string(response.status) + (said.empty() ? "" : ": " + said);
  if (response.status == 401 || response.status == 403)
    throw AuthenticationFailed(answer + " (the key was refused: check " + origin.key + ")");
  if (response.status == 429)
    throw RateLimited(
        answer + " (too many requests, or no credit left: send again " +
        (response.retry_after.empty() ? "later" : "after " + response.retry_after + " s") + ")");
  if (response.status == 404)
    throw ProviderError(answer + " (is there a model \"" + model + "\", and is " + origin.url +
                        " right? It often ends in /v1)");
  if (response.status >= 500)
    throw ProviderError(answer + " (the server failed; nothing is lost, send again later)");
  if (response.status >= 300 && response.status < 400)
    throw ProviderError(answer + " (a redirect" +
                        (response.location.empty() ? "" : " to " + response.location) +
                        ", which is not followed: a key goes only to the address it was given "
                        "for. Set " +
                        origin.url + " to the right address)");
  if (says_too_long(response, said))
    throw ContextOverflow(answer +
                          " (the prompt is longer than the model takes: give the agent a "
                          "smaller context_window)");
  throw ProviderError(answer + " (the server refused the request)");
}

}  // namespace

Reply read_chat_completion(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::string mended = valid_utf8(std::string(text));
  mend_surrogates(mended);
  boost::system::error_code failed;
  const auto value = json::parse(mended, failed);
  if (failed) throw InvalidReply("the model's answer is no JSON (" + failed.message() + ")");
  if (!value.is_object()) throw InvalidReply("the model's answer is no JSON object");
  const auto& answer = value.get_object();
  if (const auto* error = answer.if_contains("error"); error != nullptr && !error->is_null())
    throw ProviderError("the server answered with an error: " + error_text(text));
  const json::object& message = *message_of(answer);
  // Older servers give one call, under another name.
  const auto* old_call = message.if_contains("function_call");
  const bool has_old_call = old_call != nullptr && old_call->is_object();
  if (!message.contains("content") && !message.contains("tool_calls") && !has_old_call)
    throw InvalidReply("the model's answer has neither content nor tool_calls");
  Reply reply;
  reply.content = first_text(message, {"content", "refusal"});
  reply.thinking = first_text(message, {"reasoning_content", "reasoning", "thinking"});
  if (const auto* calls = message.if_contains("tool_calls");
      calls != nullptr && !calls->is_null()) {
    if (!calls->is_array()) throw InvalidReply("tool_calls in the model's answer is no list");
    for (const auto& call : calls->get_array()) reply.tool_calls.push_back(read_call(call));
  }
  if (reply.tool_calls.empty() && has_old_call) reply.tool_calls.push_back(read_call(*old_call));
  if (const auto* usage = answer.if_contains("usage"); usage != nullptr && usage->is_object()) {
    reply.usage.prompt_tokens = count_or_unknown(usage->get_object(), "prompt_tokens");
    reply.usage.completion_tokens = count_or_unknown(usage->get_object(), "completion_tokens");
  }
  return reply;
}

OpenAIProvider::OpenAIProvider(OpenAIOptions options, Outside outside)
    : options_(std::move(options)), outside_(std::move(outside)) {
  if (is_blank(options_.model)) throw ConfigError("the model's name is empty");
  if (options_.context_window < 0) throw ConfigError("context_window must not be negative");
  if (!(options_.timeout_s > 0 && options_.timeout_s <= 86'400))
    throw ConfigError("timeout_s must be more than 0 and at most 86400");
  if (options_.max_retries < 0 || options_.max_retries > 100)
    throw ConfigError("max_retries must be at least 0 and at most 100");
  if (options_.tokenizer && !options_.tokenizer->empty())
    static_cast<void>(BpeTokenCounter(*options_.tokenizer));  // throws where there is none such
  if (options_.base_url) static_cast<void>(parse_endpoint(*options_.base_url, "base_url"));
}

// A handle binds itself when an agent is opened again, with the environment's endpoint and key. A
// model at an address of its own must not: its messages would go elsewhere.
std::string OpenAIProvider::model() const {
  if (options_.base_url) return options_.model + " at " + *options_.base_url;
  return "openai/" + options_.model;
}

int OpenAIProvider::context_window() const {
  if (options_.context_window > 0) return options_.context_window;
  const auto* known = known_model(options_.model);
  return known == nullptr ? 0 : known->context_window;
}

std::string OpenAIProvider::tokenizer() const {
  if (options_.counter) return options_.counter->name();
  if (options_.tokenizer) return *options_.tokenizer;
  const auto* known = known_model(options_.model);
  return std::string(known == nullptr ? "" : known->tokenizer);
}

std::shared_ptr<const TokenCounter> OpenAIProvider::counter() const { return options_.counter; }

std::string OpenAIProvider::key() const {
  if (options_.api_key) return trimmed(*options_.api_key);
  // The environment's key was given for the environment's endpoint, not for this one.
  if (options_.base_url) return "";
  return trimmed(outside_.variable ? outside_.variable(kKeyVariable) : "");
}

std::string OpenAIProvider::missing_key() const {
  return options_.base_url || !key().empty() ? "" : kKeyVariable;
}

std::shared_ptr<HttpClient> OpenAIProvider::client() {
  std::string url = options_.base_url.value_or("");
  if (url.empty()) url = trimmed(outside_.variable ? outside_.variable(kUrlVariable) : "");
  if (url.empty()) url = kOpenAIUrl;
  const std::scoped_lock lock(mutex_);
  if (!client_ || client_url_ != url) {
    HttpOptions options;
    options.timeout_s = options_.timeout_s;
    options.max_retries = options_.max_retries;
    options.poll = outside_.poll;
    options.variable = outside_.variable;
    client_ = std::make_shared<HttpClient>(
        parse_endpoint(url, options_.base_url ? "base_url" : kUrlVariable), std::move(options),
        outside_.pools);
    client_url_ = url;
  }
  return client_;
}

Reply OpenAIProvider::complete(const std::shared_ptr<const Context>& context) {
  const std::string key = this->key();
  if (const auto variable = missing_key(); !variable.empty())
    throw MissingKey("the model \"" + model() + "\" needs a key: set " + variable +
                     " in the environment");
  std::vector<HttpHeader> headers;
  if (!key.empty()) {
    if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return c < ' ' || c > 126; }))
      throw ConfigError(std::string("the key (api_key, or ") + kKeyVariable +
                        ") holds a character that no key has; copy it again");
    headers.push_back({"Authorization", "Bearer " + key});
  }
  const auto client = this->client();
  const auto response =
      client->post("/chat/completions", headers,
                   context->to_request_json(options_.model, wants_completion_limit(options_.model)
                                                                ? "max_completion_tokens"
                                                                : "max_tokens"));
  const std::string url = client->endpoint().name() + client->endpoint().path;
  const Origin origin{options_.base_url ? "base_url" : kUrlVariable,
                      options_.api_key || options_.base_url ? "api_key" : kKeyVariable};
  if (response.status < 200 || response.status > 299)
    throw_status(for_people(response, key), options_.model, url, origin);
  try {
    return read_chat_completion(response.body);
  } catch (const InvalidReply& error) {
    const auto shown = for_people(response, key);
    const auto compressed =
        shown.content_encoding.empty() || shown.content_encoding == "identity"
            ? ""
            : ", compressed with " + shown.content_encoding + ", which was not asked for";
    throw InvalidReply(url + ": " + error.what() + ". It sent " +
                       (shown.content_type.empty() ? "" : shown.content_type + ": ") + "\"" +
                       std::string(utf8_prefix(error_text(shown.body), 120)) + "\"" + compressed +
                       "; check that " + origin.url +
                       " is the address of a chat completions server (it often ends in /v1)");
  } catch (const ProviderError& error) {
    std::string text = error.what();
    hide(text, key);
    throw ProviderError(url + ": " + text);
  }
}

}  // namespace memgpt
