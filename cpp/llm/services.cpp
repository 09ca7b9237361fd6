#include "llm/services.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "error.h"

namespace memgpt {

namespace {

constexpr std::array kServices = {
    Service{.name = "openai",
            .default_url = "https://api.openai.com/v1",
            .url_variable = "OPENAI_BASE_URL",
            .key_variable = "OPENAI_API_KEY",
            .key_needed = true},
    Service{.name = "azure",
            .default_url = "",
            .url_variable = "AZURE_OPENAI_ENDPOINT",
            .key_variable = "AZURE_OPENAI_API_KEY",
            .key_needed = true,
            .azure = true},
    Service{.name = "llama.cpp",
            .default_url = "http://127.0.0.1:8080/v1",
            .url_variable = "LLAMA_CPP_BASE_URL",
            .key_variable = "LLAMA_API_KEY",
            .window = WindowSource::llama_cpp,
            .bounds_strings = true,
            .template_switches = true},
    Service{.name = "vllm",
            .default_url = "http://127.0.0.1:8000/v1",
            .url_variable = "VLLM_BASE_URL",
            .key_variable = "VLLM_API_KEY",
            .window = WindowSource::vllm,
            .bounds_strings = true,
            .template_switches = true},
    Service{.name = "ollama",
            .default_url = "http://127.0.0.1:11434",
            .url_variable = "OLLAMA_HOST",
            .key_variable = "OLLAMA_API_KEY",
            .dialect = Dialect::ollama,
            .window = WindowSource::ollama,
            .structure = Structure::json_schema,
            .bounds_strings = true},
    Service{.name = "lmstudio",
            .default_url = "http://127.0.0.1:1234/v1",
            .url_variable = "LMSTUDIO_BASE_URL",
            .key_variable = "LMSTUDIO_API_KEY",
            .window = WindowSource::lm_studio,
            .structure = Structure::json_schema,
            .bounds_strings = true},
    Service{.name = "openrouter",
            .default_url = "https://openrouter.ai/api/v1",
            .url_variable = "OPENROUTER_BASE_URL",
            .key_variable = "OPENROUTER_API_KEY",
            .key_needed = true},
    Service{.name = "groq",
            .default_url = "https://api.groq.com/openai/v1",
            .url_variable = "GROQ_BASE_URL",
            .key_variable = "GROQ_API_KEY",
            .key_needed = true},
    Service{.name = "together",
            .default_url = "https://api.together.xyz/v1",
            .url_variable = "TOGETHER_BASE_URL",
            .key_variable = "TOGETHER_API_KEY",
            .key_needed = true},
};

// Windows of hosted models are larger than what most want to pay for; those of open ones are what
// they were trained for: a server may give less.
constexpr std::array kKnownModels = {
    KnownModel{"gpt-4o", "o200k_base", 0},
    KnownModel{"gpt-4.1", "o200k_base", 0},
    KnownModel{"gpt-4.5", "o200k_base", 0},
    KnownModel{"gpt-4-turbo", "cl100k_base", 0},
    KnownModel{"gpt-4-1106", "cl100k_base", 0},
    KnownModel{"gpt-4-0125", "cl100k_base", 0},
    KnownModel{"gpt-4-32k", "cl100k_base", 0},
    KnownModel{"gpt-4", "cl100k_base", 8192},
    KnownModel{"gpt-3.5-turbo-instruct", "cl100k_base", 4096},
    KnownModel{"gpt-3.5", "cl100k_base", 16'385},
    KnownModel{"gpt-35", "cl100k_base", 16'385},  // as Azure writes it
    KnownModel{"gpt-5-chat", "o200k_base", 0},
    KnownModel{"gpt-5", "o200k_base", 0, true},
    KnownModel{"chatgpt-4o", "o200k_base", 0},
    KnownModel{"o1", "o200k_base", 0, true},
    KnownModel{"o3", "o200k_base", 0, true},
    KnownModel{"o4", "o200k_base", 0, true},
    KnownModel{"gpt-oss", "o200k_base", 0, true},
    KnownModel{"deepseek-r1", "", 0, true},
    KnownModel{"deepseek-reasoner", "", 0, true},
    KnownModel{"qwq", "", 0, true},
    KnownModel{"magistral", "", 0, true},
    KnownModel{"llama-2", "", 4096},
    KnownModel{"llama2", "", 4096},
    KnownModel{"llama-3.", "", 0},
    KnownModel{"llama3.", "", 0},
    KnownModel{"llama-3", "", 8192},
    KnownModel{"llama3", "", 8192},
    KnownModel{"mixtral-8x22b", "", 0},
    KnownModel{"gemma-2", "", 8192},
    KnownModel{"gemma2", "", 8192},
    KnownModel{"phi-4", "", 16'384},
    KnownModel{"phi4", "", 16'384},
    KnownModel{"phi-2", "", 2048},
};

}  // namespace

Structure structure_from_string(std::string_view text) {
  if (text == "tools") return Structure::tools;
  if (text == "json_schema") return Structure::json_schema;
  throw ConfigError("structure is \"tools\" or \"json_schema\", not \"" + std::string(text) + '"');
}

const Service* find_service(std::string_view name) {
  const auto* const found = std::find_if(kServices.begin(), kServices.end(),
                                         [&](const Service& one) { return one.name == name; });
  return found == kServices.end() ? nullptr : found;
}

std::string service_names() {
  std::string names;
  for (const auto& service : kServices) {
    if (!names.empty()) names += ", ";
    names += service.name;
  }
  return names;
}

const KnownModel* known_model(std::string_view model) {
  // "meta-llama/Llama-3.1-8B-Instruct", "openai/gpt-oss-20b", "/models/qwq-32b.gguf"
  std::string name(model.substr(model.find_last_of('/') + 1));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const auto& known : kKnownModels)
    if (name.starts_with(known.prefix)) return &known;
  return nullptr;
}

}  // namespace memgpt
