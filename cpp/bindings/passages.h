// Passages that are filed many at once, as Python gives them.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "agent/passages.h"

namespace memgpt {

using PassageParts =
    std::tuple<std::string, std::vector<std::string>, std::string, std::optional<TimeUs>>;

[[nodiscard]] inline std::vector<NewPassage> new_passages(std::vector<PassageParts> items) {
  std::vector<NewPassage> passages;
  passages.reserve(items.size());
  for (auto& [text, tags, metadata, time_us] : items)
    passages.push_back({std::move(text), std::move(tags), std::move(metadata), time_us});
  return passages;
}

}  // namespace memgpt
