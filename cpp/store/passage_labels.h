// What passages are chosen by in searches: their tags and metadata, as labels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "memory/json.h"

namespace memgpt {

struct Labels {
  std::vector<std::string> labels;  // in order, each once
  std::string source;               // as JSON; empty = none
};

[[nodiscard]] Labels labels_of(const std::vector<std::string>& tags, std::string_view metadata);
[[nodiscard]] std::string tag_label(const std::string& tag);
[[nodiscard]] std::string metadata_label(const std::string& key, const json::value& value);
// Of a value that is JSON still. Throws InvalidInput.
[[nodiscard]] std::string metadata_label(const std::string& key, const std::string& text);
// Passages of one source are neighbours, and any other stands alone, by a number below 0.
[[nodiscard]] std::int64_t session_of(const Labels& labels, std::int64_t alone);

}  // namespace memgpt
