#include "llm/openai.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "error.h"
#include "llm/chat_completion.h"
#include "llm/json_call.h"
#include "llm/sse.h"
#include "memory/json.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr const char* kAzureVersion = "2024-10-21";
constexpr int kMostLearned = 4;  // things that one request can teach about a server

// These refuse the older name of the limit on a reply; no others know how hard to think.
bool reasons(std::string_view model) {
  return model.starts_with("o1") || model.starts_with("o3") || model.starts_with("o4") ||
         model.starts_with("gpt-5");
}

// And these the word about parallel calls.
bool refuses_parallel(std::string_view model) {
  return model.starts_with("o1") || model.starts_with("o3") || model.starts_with("o4");
}

// For a path: names of deployments are the user's own.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      out += static_cast<char>(c);
    } else {
      out += '%';
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
  return out;
}

// Some servers read the call themselves, and refuse what the model wrote: Groq shows it, llama.cpp
// does not. It is the decoder's to mend, or the model's.
std::optional<Reply> failed_call(const HttpResponse& response) {
  if (response.status != 400 && response.status != 500) return std::nullopt;
  boost::system::error_code failed;
  const auto value = json::parse(response.body, failed);
  const auto* object = failed ? nullptr : value.if_object();
  const auto* error = object == nullptr ? nullptr : object->if_contains("error");
  if (error == nullptr || !error->is_object()) return std::nullopt;
  Reply reply;
  reply.finish_reason = "error";
  if (string_or(error->get_object(), "code") == "tool_use_failed") {
    reply.content = string_or(error->get_object(), "failed_generation");
    return reply;
  }
  const auto message = string_or(error->get_object(), "message");
  if (message.find("Failed to parse tool call arguments") != std::string::npos) return reply;
  return std::nullopt;
}

}  // namespace

OpenAIProvider::OpenAIProvider(ModelOptions options, const Service& service, Outside outside)
    : HostedModel(std::move(options), service, std::move(outside)) {
  const std::string& model = this->options().model;
  quirks_.completion_limit = reasons(model);
  quirks_.no_parallel = refuses_parallel(model);
  for (const auto& [name, value] : read_extra_body(this->options().extra_body)) {
    if (name == "tool_choice")
      tool_choice_ = value.is_null() ? "" : json::serialize(value);
    else if (name == "parallel_tool_calls")
      parallel_ = value.is_null() ? "" : json::serialize(value);
    else
      extra_.emplace_back(name, json::serialize(value));
  }
}

std::string OpenAIProvider::path() const {
  if (!service().azure || server().url().ends_with("/v1")) return "/chat/completions";
  std::string version = options().api_version;
  if (version.empty()) version = server().variable("AZURE_OPENAI_API_VERSION");
  if (version.empty()) version = kAzureVersion;
  return "/openai/deployments/" + percent_encoded(options().model) +
         "/chat/completions?api-version=" + percent_encoded(version);
}

OpenAIProvider::Quirks OpenAIProvider::quirks() {
  const std::scoped_lock lock(quirks_mutex_);
  return quirks_;
}

std::string OpenAIProvider::body(const Context& context, const CallOptions& options,
                                 const Quirks& quirks) {
  std::string more;
  if (options.on_delta) {
    more += ", \"stream\": true";
    if (!quirks.no_stream_options) more += R"(, "stream_options": {"include_usage": true})";
  }
  // Thoughts go into the argument then, and not into both.
  if (service().template_switches && options.reasoning != Reasoning::native &&
      !quirks.no_template_switches)
    more += R"(, "chat_template_kwargs": {"enable_thinking": false})";
  more += more_fields(options.parameters);
  const std::string_view limit = quirks.completion_limit ? "max_completion_tokens" : "max_tokens";
  const auto& tools = context.prefix->tools;
  if (structure() == Structure::json_schema && !tools->schemas.empty())
    return body_by_schema(context, more, limit);
  const ToolsForm form{string_budget(context), quirks.free_choice ? "\"auto\"" : tool_choice_,
                       quirks.no_parallel ? "" : parallel_};
  const std::string& model = this->options().model;
  if (form == ToolsForm{}) return context.to_request_json({model, limit, {}, more});
  const auto wire = tools_wire_.of(tools, form);
  return context.to_request_json({model, limit, *wire, more});
}

// What is said of an agent goes before what is said of the model.
std::string OpenAIProvider::more_fields(const ModelParameters& parameters) const {
  json::object said;
  if (parameters.temperature) said["temperature"] = *parameters.temperature;
  if (parameters.frequency_penalty) said["frequency_penalty"] = *parameters.frequency_penalty;
  // Letta's clients set an effort for all models of OpenAI, which refuse it where they cannot
  // think.
  if (service().name != "openai" || reasons(options().model)) {
    if (!parameters.reasoning_effort.empty())
      said["reasoning_effort"] = parameters.reasoning_effort;
    if (!parameters.verbosity.empty()) said["verbosity"] = parameters.verbosity;
  }
  std::string out;
  const auto append = [&](std::string_view name, std::string_view text) {
    out += ", ";
    append_json_string(out, name);
    out += ": ";
    out += text;
  };
  for (const auto& [name, text] : extra_)
    if (!said.contains(name)) append(name, text);
  for (const auto& [name, value] : said) append(name, json::serialize(value));
  return out;
}

std::string OpenAIProvider::body_by_schema(const Context& context, const std::string& more,
                                           std::string_view reply_limit) const {
  std::string out = "{\"model\": ";
  append_json_string(out, options().model);
  out += ", \"messages\": [";
  bool first = true;
  for (const auto& message : messages_without_tools(context)) {
    if (!std::exchange(first, false)) out += ", ";
    append_request_message(out, message);
  }
  out += R"(], "response_format": {"type": "json_schema", "json_schema": {"name": "call", )"
         R"("strict": true, "schema": )" +
         call_schema(context.prefix->tools->schemas, string_budget(context)) + "}}, ";
  append_json_string(out, reply_limit);
  return out + ": " + std::to_string(context.budget.reply_reserve) + more + '}';
}

// A server that refuses a field says which. What is not needed is left out from then on.
OpenAIProvider::Quirks OpenAIProvider::learned(Quirks quirks, const HttpResponse& response) {
  if (response.status != 400 && response.status != 422) return quirks;
  std::string text = response.body.substr(0, 8192);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto says = [&](std::string_view word) { return text.find(word) != std::string::npos; };
  constexpr std::array<std::string_view, 9> kRefusals = {
      "unsupported",   "not supported", "unknown",          "unrecognized", "extra",
      "not permitted", "not allowed",   "does not support", "requires"};
  if (std::none_of(kRefusals.begin(), kRefusals.end(), says) || says_too_long(400, text))
    return quirks;
  // OpenAI names both limits where it wants the newer one.
  if (says("max_completion_tokens")) quirks.completion_limit = !quirks.completion_limit;
  if (says("parallel_tool_calls")) quirks.no_parallel = true;
  if (says("stream_options")) quirks.no_stream_options = true;
  if (says("chat_template_kwargs")) quirks.no_template_switches = true;
  if (says("tool_choice") || says("tool choice")) quirks.free_choice = true;
  return quirks;
}

// A status other than 2xx is left to the caller.
Reply OpenAIProvider::ask(const HttpClient& client, const Exchange& exchange,
                          const CallOptions& options, HttpResponse& response) const {
  const auto is_fine = [&] { return response.status >= 200 && response.status <= 299; };
  if (!options.on_delta) {
    response = exchange({});
    return is_fine() ? read_chat_completion(response.body) : Reply{};
  }
  JsonCallStream calls(options.on_delta);
  const OnDelta by_schema = [&](const Delta& delta) { calls.add(delta); };
  ChatStream stream(structure() == Structure::json_schema ? by_schema : options.on_delta);
  SseParser events;
  const SseParser::OnEvent on_event = [&](std::string_view, std::string_view data) {
    try {
      return stream.add(data);
    } catch (const InvalidReply& error) {
      response.body = data;
      if (stream.began()) throw BrokenEvent(error.what(), data);
      throw;
    }
  };
  std::string unread;  // a server may answer as if no stream had been asked for
  response = exchange([&](std::string_view bytes) {
    if (!stream.began()) unread += bytes;
    return events.add(bytes, on_event);
  });
  if (!is_fine()) return {};
  events.finish(on_event);
  if (stream.began() && !stream.complete())
    throw ProviderUnreachable(client.endpoint().name() +
                              " ended its stream in the middle of an answer; send again");
  if (stream.began()) return stream.reply();
  response.body = std::move(unread);
  return read_chat_completion(response.body);
}

Reply OpenAIProvider::complete(const std::shared_ptr<const Context>& context,
                               const CallOptions& options) {
  return complete(*context, options, quirks(), nullptr);
}

// `sent`: the request that was sent with these quirks, or null.
Reply OpenAIProvider::complete(const Context& context, const CallOptions& options,
                               const Quirks& quirks, HttpSent* sent) {
  const std::string key = server().key();
  const auto client = server().http();
  const auto origin = server().origin(*client, key);
  Quirks before = quirks;
  HttpResponse response;
  const Exchange exchange = [&](const OnBytes& on_bytes) {
    if (auto* first = std::exchange(sent, nullptr); first != nullptr)
      return client->finish(*first, on_bytes);
    auto body = this->body(context, options, before);
    return on_bytes ? client->stream(path(), server().headers(key), std::move(body), on_bytes)
                    : client->post(path(), server().headers(key), std::move(body));
  };
  try {
    for (int tries = 0;; ++tries) {
      Reply reply = ask(*client, exchange, options, response);
      if (response.status >= 200 && response.status <= 299) {
        if (structure() == Structure::json_schema) read_json_call(reply);
        return reply;
      }
      if (auto said = failed_call(response)) return *std::move(said);
      const Quirks after = learned(before, response);
      if (after == before || tries == kMostLearned) throw_status(std::move(response), origin);
      before = after;
      const std::scoped_lock lock(quirks_mutex_);
      quirks_ = after;
    }
  } catch (const InvalidReply& error) {
    throw_unreadable(std::move(response), origin, error);
  } catch (const ProviderError&) {
    rethrow_without_key(origin);
  }
}

// What the server is found not to take while this call is on its way is not known to it.
std::unique_ptr<PendingReply> OpenAIProvider::begin(const std::shared_ptr<const Context>& context,
                                                    const CallOptions& options) {
  const Quirks now = quirks();
  return send(path(), body(*context, options, now), options.on_delta != nullptr,
              [this, context, options, now](HttpSent& sent) {
                return complete(*context, options, now, &sent);
              });
}

}  // namespace memgpt
