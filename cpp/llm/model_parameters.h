// How a model shall write, as people set it of an agent.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace memgpt {

// What is not set is left to the model's server.
struct ModelParameters {
  std::optional<double> temperature;
  std::optional<double> frequency_penalty;
  std::string reasoning_effort;
  std::string verbosity;
  int max_output_tokens = 0;  // of a reply; 0 = the default reserve, see budget_for_window()
  friend bool operator==(const ModelParameters&, const ModelParameters&) = default;
};

// Out of AgentConfig::settings: its "model_settings", and where these do not say, its "llm_config".
// What cannot be meant (a temperature that is no number) is left out.
[[nodiscard]] ModelParameters model_parameters(std::string_view settings);

}  // namespace memgpt
