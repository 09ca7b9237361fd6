// OpenAI's chat completions, spoken by OpenAI, Azure and many other servers: how a request is
// written, and what is done where a server takes it otherwise.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "llm/call_schema.h"
#include "llm/hosted_model.h"

namespace memgpt {

class OpenAIProvider final : public HostedModel {
 public:
  OpenAIProvider(ModelOptions options, const Service& service, Outside outside);

  [[nodiscard]] Reply complete(const std::shared_ptr<const Context>& context,
                               const CallOptions& options) override;
  [[nodiscard]] std::unique_ptr<PendingReply> begin(const std::shared_ptr<const Context>& context,
                                                    const CallOptions& options) override;
  [[nodiscard]] std::string payload(const Context& context, const CallOptions& options) override {
    return body(context, options, quirks());
  }
  [[nodiscard]] bool splits_calls() const override { return true; }

 private:
  // What this server has been found not to take.
  struct Quirks {
    bool completion_limit = false;  // it wants "max_completion_tokens"
    bool no_parallel = false;
    bool no_stream_options = false;
    bool no_template_switches = false;
    bool free_choice = false;  // "required" is nothing to it
    friend bool operator==(const Quirks&, const Quirks&) = default;
  };
  [[nodiscard]] std::string path() const;
  [[nodiscard]] std::string body(const Context& context, const CallOptions& options,
                                 const Quirks& quirks);
  [[nodiscard]] std::string body_by_schema(const Context& context, const std::string& more,
                                           std::string_view reply_limit) const;
  // One exchange: sends the body, or takes the answer to what was sent.
  using Exchange = std::function<HttpResponse(const OnBytes& on_bytes)>;
  [[nodiscard]] Reply ask(const HttpClient& client, const Exchange& exchange,
                          const CallOptions& options, HttpResponse& response) const;
  [[nodiscard]] Reply complete(const Context& context, const CallOptions& options,
                               const Quirks& quirks, HttpSent* sent);
  [[nodiscard]] static Quirks learned(Quirks quirks, const HttpResponse& response);
  [[nodiscard]] Quirks quirks();

  // Fields of the request that nobody but the user decides about, each with a comma before it.
  [[nodiscard]] std::string more_fields(const ModelParameters& parameters) const;

  std::vector<std::pair<std::string, std::string>> extra_;  // the user's own: names, JSON texts
  std::string tool_choice_ = "\"required\"";
  std::string parallel_ = "false";
  ToolsWire tools_wire_;
  std::mutex quirks_mutex_;
  Quirks quirks_;
};

}  // namespace memgpt
