#include "memory/block.h"

#include <algorithm>
#include <vector>

#include "error.h"
#include "memory/text.h"

namespace memgpt {

namespace {

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (true) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

// Share of the character trigrams of `wanted` that `line` has.
double similarity(std::string_view wanted, std::string_view line) {
  if (wanted.size() < 3) return line.find(wanted) == std::string_view::npos ? 0.0 : 1.0;
  std::size_t found = 0;
  for (std::size_t i = 0; i + 3 <= wanted.size(); ++i)
    if (line.find(wanted.substr(i, 3)) != std::string_view::npos) ++found;
  return static_cast<double>(found) / static_cast<double>(wanted.size() - 2);
}

std::string nearest_line(std::string_view value, std::string_view wanted) {
  // Enough of a long text to tell lines apart; keeps the search short.
  wanted = utf8_prefix(wanted, 200);
  std::string_view best;
  double best_score = 0.25;
  for (const auto line : split_lines(value)) {
    const double score = similarity(wanted, utf8_prefix(line, 2000));
    if (score > best_score) {
      best_score = score;
      best = line;
    }
  }
  return std::string(utf8_prefix(best, 200));
}

}  // namespace

std::size_t count_characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void check_limit(std::string_view label, std::string_view value, int limit) {
  const auto length = count_characters(value);
  if (length <= static_cast<std::size_t>(limit)) return;
  throw LimitExceeded("memory block \"" + std::string(label) + "\" would hold " +
                      std::to_string(length) + " characters, " +
                      std::to_string(length - static_cast<std::size_t>(limit)) +
                      " over its limit of " + std::to_string(limit) +
                      "; shorten the text, or move some of it to archival memory first");
}

std::string append_text(std::string_view value, std::string_view content) {
  if (content.empty()) throw EditFailed("content is empty: nothing was appended");
  std::string out(value);
  if (!out.empty()) out += '\n';
  out += content;
  return out;
}

std::string replace_text(std::string_view value, std::string_view old_content,
                         std::string_view new_content) {
  if (old_content.empty())
    throw EditFailed("old_content is empty: give the exact text to replace, or append instead");
  if (old_content == new_content)
    throw EditFailed("old_content and new_content are the same: nothing would change");
  auto at = value.find(old_content);
  if (at == std::string_view::npos) {
    const auto nearest = nearest_line(value, old_content);
    throw EditFailed(
        "old_content was not found: it must be an exact match" +
        (nearest.empty() ? std::string() : "; the nearest line is \"" + nearest + "\""));
  }
  std::string out;
  std::size_t from = 0;
  for (; at != std::string_view::npos; at = value.find(old_content, from)) {
    out.append(value.substr(from, at - from)).append(new_content);
    from = at + old_content.size();
  }
  out.append(value.substr(from));
  return out;
}

std::string insert_text(std::string_view value, std::string_view content, int line) {
  if (content.empty()) throw EditFailed("content is empty: nothing was inserted");
  if (value.empty() && line <= 0) return std::string(content);
  auto lines = split_lines(value);
  const auto count = static_cast<int>(lines.size());
  if (line < -1 || line > count)
    throw EditFailed("line " + std::to_string(line) + " is not there: the block has " +
                     std::to_string(count) + " lines; use 0 for the beginning, -1 for the end");
  lines.insert(line == -1 ? lines.end() : lines.begin() + line, content);
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    out += lines[i];
  }
  return out;
}

}  // namespace memgpt
