// The way to a service's server: its address, its key, its connections. Models and embedders alike.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/http.h"
#include "llm/provider.h"
#include "llm/services.h"
#include "llm/wire_error.h"

namespace memgpt {

// An address as people write it, in the service's own form: Ollama's OLLAMA_HOST may be
// "0.0.0.0:11434", and some servers' addresses are given without their "/v1".
[[nodiscard]] std::string service_url(std::string url, const Service& service);

// Thread-safe. The environment is read at each call, so that a key can be set, or changed, later.
class ServiceClient {
 public:
  struct Options {
    std::string what;                     // "model" or "embedder", for errors
    std::string model;                    // as the server knows it
    std::optional<std::string> base_url;  // none = the service's variable, or its default
    std::optional<std::string> api_key;   // none = the service's variable
    HttpOptions http;                     // without poll and variables
  };
  // Throws ConfigError for options that cannot work.
  ServiceClient(Options options, const Service& service, Outside outside);

  // "openai/gpt-4.1", or "gpt-4.1 at http://...". A handle binds itself when an agent is opened
  // again, with the environment's address and key. What is at an address of its own must not: what
  // it is sent would go elsewhere.
  [[nodiscard]] std::string name() const;
  [[nodiscard]] const Service& service() const { return service_; }
  [[nodiscard]] const Outside& outside() const { return outside_; }
  [[nodiscard]] std::string key() const;
  // The variable whose key a call would miss; "" where none is missing.
  [[nodiscard]] std::string missing_key() const;
  // Throws ConfigError where no address is set.
  [[nodiscard]] std::string url() const;
  // Throws MissingKey, or ConfigError for what is no key.
  [[nodiscard]] std::vector<HttpHeader> headers(const std::string& key) const;
  [[nodiscard]] HttpOptions http_options() const;
  [[nodiscard]] std::shared_ptr<HttpClient> http() const;
  [[nodiscard]] WireOrigin origin(const HttpClient& client, const std::string& key) const;
  // Of the environment, or of the user's configuration; "" where it is not set.
  [[nodiscard]] std::string variable(std::string_view name) const;

 private:
  [[nodiscard]] std::string url_given_as() const;
  [[nodiscard]] std::string subject() const;

  Options options_;
  const Service& service_;
  Outside outside_;
  mutable std::mutex mutex_;  // guards what follows
  mutable std::string client_url_;
  mutable std::shared_ptr<HttpClient> client_;
};

}  // namespace memgpt
