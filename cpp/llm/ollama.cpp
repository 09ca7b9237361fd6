#include "llm/ollama.h"

#include "error.h"
#include "llm/json_call.h"
#include "llm/ollama_stream.h"
#include "llm/sse.h"
#include "memory/text.h"

namespace memgpt {

namespace {

// Arguments are objects here: their text as it is, so that numbers stay what they were.
void append_arguments(std::string& out, const std::string& arguments) {
  boost::system::error_code failed;
  const auto read = parse_deep(arguments, failed);
  out += failed || !read.is_object() ? "{}" : arguments;
}

// What a tool returned is found by its name.
void append_message(std::string& out, const RequestMessage& message, const RequestMessage* caller) {
  const auto append_field = [&](std::string_view name, std::string_view text) {
    out += name;
    append_json_string(out, text);
  };
  append_field("{\"role\": ", to_string(message.role));
  append_field(", \"content\": ", message.content);
  for (std::size_t i = 0; i < message.tool_calls.size(); ++i) {
    out += i == 0 ? ", \"tool_calls\": [" : ", ";
    append_field("{\"function\": {\"name\": ", message.tool_calls[i].name);
    out += ", \"arguments\": ";
    append_arguments(out, message.tool_calls[i].arguments);
    out += "}}";
  }
  if (!message.tool_calls.empty()) out += ']';
  if (message.role == Role::tool && caller != nullptr)
    for (const auto& call : caller->tool_calls)
      if (call.id == message.tool_call_id) {
        append_field(", \"tool_name\": ", call.name);
        break;
      }
  out += '}';
}

std::string messages_text(const std::vector<RequestMessage>& messages) {
  std::string out = "[";
  const RequestMessage* caller = nullptr;
  for (const auto& message : messages) {
    if (message.role == Role::assistant) caller = &message;
    if (out.size() > 1) out += ", ";
    append_message(out, message, caller);
  }
  return out + ']';
}

}  // namespace

OllamaProvider::OllamaProvider(ModelOptions options, const Service& service, Outside outside)
    : HostedModel(std::move(options), service, std::move(outside)),
      extra_(read_extra_body(this->options().extra_body)) {
  if (const auto* given = extra_.if_contains("options"); given != nullptr) {
    if (!given->is_object()) throw ConfigError("\"options\" in extra_body must be an object");
    extra_options_ = given->get_object();
    extra_.erase("options");
  }
}

std::string OllamaProvider::body(const Context& context, const CallOptions& options) {
  const auto& tools = context.prefix->tools;
  const bool by_schema = structure() == Structure::json_schema && !tools->schemas.empty();
  json::object body = {{"model", this->options().model},
                       {"stream", options.on_delta != nullptr},
                       // A model that can think would do it twice.
                       {"think", options.reasoning == Reasoning::native}};
  json::object limits = {{"num_ctx", context.budget.context_window},
                         {"num_predict", context.budget.reply_reserve}};
  for (const auto& [name, value] : extra_options_) limits[name] = value;
  if (options.parameters.temperature) limits["temperature"] = *options.parameters.temperature;
  if (options.parameters.frequency_penalty)
    limits["frequency_penalty"] = *options.parameters.frequency_penalty;
  body["options"] = std::move(limits);
  for (const auto& [name, value] : extra_) body[name] = value;
  std::string out = json::serialize(body);
  out.pop_back();
  out += ", \"messages\": " +
         messages_text(by_schema ? messages_without_tools(context) : context.request().messages);
  const int budget = string_budget(context);
  if (by_schema)
    out += ", \"format\": " + call_schema(tools->schemas, budget);
  else
    out += *tools_wire_.of(tools, {budget, "", ""});
  return out + '}';
}

Reply OllamaProvider::complete(const std::shared_ptr<const Context>& context,
                               const CallOptions& options) {
  return complete(*context, options, nullptr);
}

Reply OllamaProvider::complete(const Context& context, const CallOptions& options, HttpSent* sent) {
  const std::string key = server().key();
  const auto client = server().http();
  const auto origin = server().origin(*client, key);
  const bool by_schema = structure() == Structure::json_schema;
  HttpResponse response;
  JsonCallStream calls(options.on_delta);
  const OnDelta as_calls = [&](const Delta& delta) { calls.add(delta); };
  OllamaStream answer(by_schema && options.on_delta ? as_calls : options.on_delta);
  const auto is_fine = [&] { return response.status >= 200 && response.status <= 299; };
  try {
    if (!options.on_delta) {
      response = sent != nullptr
                     ? client->finish(*sent, {})
                     : client->post("/api/chat", server().headers(key), body(context, options));
      if (is_fine()) answer.add(response.body);
    } else {
      LineReader lines;
      const LineReader::OnLine on_line = [&](std::string_view line) {
        try {
          return answer.add(line);
        } catch (const InvalidReply& error) {
          response.body = line;
          if (answer.began()) throw BrokenEvent(error.what(), line);
          throw;
        }
      };
      const OnBytes on_bytes = [&](std::string_view bytes) { return lines.add(bytes, on_line); };
      response = sent != nullptr ? client->finish(*sent, on_bytes)
                                 : client->stream("/api/chat", server().headers(key),
                                                  body(context, options), on_bytes);
      if (is_fine()) lines.finish(on_line);
    }
    if (!is_fine()) throw_status(std::move(response), origin);
    if (!answer.complete())
      throw ProviderUnreachable(client->endpoint().name() +
                                " ended its stream in the middle of an answer; send again");
  } catch (const InvalidReply& error) {
    throw_unreadable(std::move(response), origin, error);
  } catch (const ProviderError&) {
    rethrow_without_key(origin);
  }
  Reply reply = answer.reply();
  if (by_schema) read_json_call(reply);
  return reply;
}

std::unique_ptr<PendingReply> OllamaProvider::begin(const std::shared_ptr<const Context>& context,
                                                    const CallOptions& options) {
  return send(
      "/api/chat", body(*context, options), options.on_delta != nullptr,
      [this, context, options](HttpSent& sent) { return complete(*context, options, &sent); });
}

}  // namespace memgpt
