// Who serves models, how each is addressed, and in what its servers differ.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/provider.h"

namespace memgpt {

enum class Dialect { chat, ollama };  // OpenAI's chat completions; Ollama's own
// What a server is asked for the size of its window.
enum class WindowSource { none, llama_cpp, vllm, ollama, lm_studio };
// How a server keeps a reply in the form of a call: by the tools themselves (`tool_choice`), or by
// the JSON schema of one call.
enum class Structure { tools, json_schema };

struct Service {
  std::string_view name;  // before the "/" of a handle; `endpoint_type`
  std::string_view default_url;
  std::string_view url_variable;
  std::string_view key_variable;
  bool key_needed = false;
  Dialect dialect = Dialect::chat;
  WindowSource window = WindowSource::none;
  Structure structure = Structure::tools;
  // What is constrained by a grammar is told how long a string may be: a small model does not stop
  // by itself.
  bool bounds_strings = false;
  bool azure = false;              // paths, version and key in Azure's way
  bool template_switches = false;  // takes `chat_template_kwargs`
};

// Null where there is none of this name.
[[nodiscard]] const Service* find_service(std::string_view name);
// "openai, azure, ...", for errors.
[[nodiscard]] std::string service_names();

// What a program says of a model.
struct ModelOptions {
  std::string model;  // as the server knows it: "gpt-4.1"
  std::string service = "openai";
  std::optional<std::string> base_url;  // none = the service's variable, or its default
  std::optional<std::string> api_key;   // none = the service's variable
  std::string api_version;              // of Azure; empty = AZURE_OPENAI_API_VERSION, or the newest
  int context_window = 0;               // 0 = what is known of the model, or what the server says
  std::optional<std::string> tokenizer;
  std::shared_ptr<const TokenCounter> counter;  // in place of a tokenizer's name
  double timeout_s = 600;                       // from the request to the end of the answer
  double read_timeout_s = 300;                  // between two pieces of a stream
  int max_retries = 2;
  std::optional<Structure> structure;  // none = the service's
  int max_string = -1;     // characters in a string of a call; 0 = no bound, -1 = the service's
  std::string extra_body;  // a JSON object, merged into each request; may be empty
};
// "tools" or "json_schema". Throws ConfigError for anything else.
[[nodiscard]] Structure structure_from_string(std::string_view text);

// Throws ConfigError for options that cannot work.
[[nodiscard]] std::shared_ptr<LLMProvider> make_provider(ModelOptions options, Outside outside);

// What is known of models by their names.
struct KnownModel {
  std::string_view prefix;
  std::string_view tokenizer;  // "" = not to be had
  int context_window;          // 0 = larger than the default window, which costs less
  bool reasons = false;        // before it answers, without being asked
};
// By its name without what stands before a "/" ("meta-llama/Llama-3.1-8B"); null where nothing is
// known.
[[nodiscard]] const KnownModel* known_model(std::string_view model);

}  // namespace memgpt
