#include "server/refusal.h"

#include "memory/json.h"
#include "memory/text.h"
#include "server/public_text.h"

namespace memgpt {

namespace {

struct Known {
  int status;
  const char* type;         // null: {"detail": ...}; else of a model's failure
  const char* stop_reason;  // of a turn that ended so
};

// The most special first.
template <typename... Errors>
bool is_any(const Error& error) {
  return ((dynamic_cast<const Errors*>(&error) != nullptr) || ...);
}

Known known(const Error& error) {
  if (const auto* refusal = dynamic_cast<const Refusal*>(&error))
    return {refusal->status(), nullptr, "error"};
  if (is_any<MissingKey, AuthenticationFailed>(error))
    return {401, "llm_authentication", "llm_api_error"};
  if (is_any<RateLimited>(error)) return {429, "llm_rate_limit", "llm_api_error"};
  if (is_any<ProviderTimeout>(error)) return {504, "llm_timeout", "llm_api_error"};
  if (is_any<ContextOverflow>(error)) return {400, "llm_context_overflow", "llm_api_error"};
  if (is_any<InvalidReply>(error)) return {502, "llm_invalid_reply", "invalid_llm_response"};
  if (is_any<ProviderUnreachable>(error)) return {502, "llm_unreachable", "llm_api_error"};
  if (is_any<ProviderError>(error)) return {502, "llm_error", "llm_api_error"};
  if (is_any<NotFound>(error)) return {404, nullptr, "error"};
  if (is_any<AlreadyExists, Conflict, Busy, Reentrant>(error)) return {409, nullptr, "error"};
  if (is_any<LimitExceeded, ReadOnlyBlock, MessageTooLarge>(error)) return {422, nullptr, "error"};
  if (is_any<WindowTooSmall, WindowFull>(error))
    return {400, nullptr, "context_window_overflow_in_system_prompt"};
  if (is_any<ConfigError, InvalidInput, EditFailed, ToolError, Unbound>(error))
    return {400, nullptr, "error"};
  if (is_any<DiskFull>(error)) return {507, nullptr, "error"};
  return {500, nullptr, "error"};
}

// What a service, a model of the program or the system said is not for every client as it is.
std::string text_for_clients(const Error& error, const Known& form) {
  const bool foreign = form.type != nullptr || form.status == 500 || form.status == 507;
  return foreign && dynamic_cast<const Refusal*>(&error) == nullptr ? public_text(error.what())
                                                                    : valid_utf8(error.what());
}

}  // namespace

std::string_view ServerRequest::header(std::string_view name) const {
  for (const auto& header : headers)
    if (header.name == name) return header.value;
  return {};
}

bool ServerRequest::has_header(std::string_view name) const {
  for (const auto& header : headers)
    if (header.name == name) return true;
  return false;
}

ServerResponse refusal_response(int status, std::string_view detail) {
  ServerResponse response;
  response.status = status;
  response.body = "{\"detail\":";
  append_json_string(response.body, valid_utf8(std::string(detail)));
  response.body += '}';
  // It would be the same again: clients repeat these by themselves.
  if (status == 409 || status == 429 || status >= 500)
    response.headers.push_back({"x-should-retry", "false"});
  return response;
}

ServerResponse response_of_exception() {
  try {
    throw;
  } catch (const Error& error) {
    const auto form = known(error);
    auto response = refusal_response(form.status, text_for_clients(error, form));
    if (form.type != nullptr) {
      const auto text = text_for_clients(error, form);
      response.body = json::serialize(json::object{
          {"error", {{"type", form.type}, {"message", text}, {"detail", text}}}, {"detail", text}});
    }
    return response;
  } catch (const std::exception&) {
    // Its text may be of anything: it is not for strangers.
    return refusal_response(500, "An unknown error occurred");
  }
}

TurnFailure failure_of_exception() {
  try {
    throw;
  } catch (const Error& error) {
    const auto form = known(error);
    return {form.status, form.stop_reason, form.type == nullptr ? "internal_error" : form.type,
            text_for_clients(error, form)};
  } catch (const std::exception&) {
    return {500, "error", "internal_error", "An unknown error occurred"};
  }
}

}  // namespace memgpt
