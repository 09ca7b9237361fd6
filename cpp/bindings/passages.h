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

[[nodiscard]] inline NewPassage new_passage(PassageParts item) {
  return std::make_from_tuple<NewPassage>(std::move(item));
}

[[nodiscard]] inline std::vector<NewPassage> new_passages(std::vector<PassageParts> items) {
  std::vector<NewPassage> passages;
  passages.reserve(items.size());
  for (auto& item : items) passages.push_back(new_passage(std::move(item)));
  return passages;
}

}  // namespace memgpt
