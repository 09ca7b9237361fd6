// What clients set of an agent that is kept as it came: AgentConfig::settings.
#pragma once

#include <string>

#include "memory/json.h"

namespace memgpt {

// Throws Refusal for what no model can be told, and for what is not served. What it lets through
// reaches the model, see model_parameters().
void check_parameters(const json::object& body);
// Takes into `settings` what a body says; null takes out.
void keep_settings(json::object& settings, const json::object& body);
[[nodiscard]] std::string settings_text(const json::object& settings);

}  // namespace memgpt
