#include "store/passage_labels.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "error.h"

namespace memgpt {

namespace {

// Numbers that are equal are the same text: 2.0 is 2.
std::string canonical(const json::value& value) {
  if (value.is_double() && value.as_double() == std::floor(value.as_double()) &&
      std::abs(value.as_double()) < 1e15)
    return std::to_string(static_cast<std::int64_t>(value.as_double()));
  return json::serialize(value);
}

}  // namespace

std::string tag_label(const std::string& tag) { return "tag\n" + tag; }

std::string metadata_label(const std::string& key, const json::value& value) {
  return "metadata\n" + key + '\n' + canonical(value);
}

std::string metadata_label(const std::string& key, const std::string& text) {
  boost::system::error_code error;
  const auto value = parse_deep(text, error);
  if (error) throw InvalidInput("the value of a filter by metadata is not JSON");
  return metadata_label(key, value);
}

Labels labels_of(const std::vector<std::string>& tags, std::string_view metadata) {
  Labels made;
  for (const auto& tag : tags) made.labels.push_back(tag_label(tag));
  boost::system::error_code error;
  const auto value = parse_deep(metadata, error);
  if (error || !value.is_object()) return made;
  for (const auto& [key, member] : value.as_object()) {
    if (key == "source") made.source = canonical(member);
    made.labels.push_back(metadata_label(std::string(key), member));
  }
  std::sort(made.labels.begin(), made.labels.end());
  made.labels.erase(std::unique(made.labels.begin(), made.labels.end()), made.labels.end());
  return made;
}

std::int64_t session_of(const Labels& labels, std::int64_t alone) {
  if (labels.source.empty()) return alone;
  return static_cast<std::int64_t>(std::hash<std::string>{}(labels.source) >> 1);
}

}  // namespace memgpt
