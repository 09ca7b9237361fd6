#include "memory/summary.h"

#include <algorithm>
#include <cctype>
#include <numeric>

namespace memgpt {

namespace {

constexpr std::size_t kLineBytes = 160;
constexpr std::string_view kHeader =
    "Earlier messages are no longer shown; conversation_search finds them. Excerpts:";

struct Line {
  std::string text;
  int score = 0;
  int tokens = 0;
};

// Names and numbers make a line worth keeping; a question is seldom a fact.
int score_line(std::string_view text) {
  int score = 0;
  bool word_start = true;
  bool sentence_start = true;
  for (const char ch : text) {
    const auto c = static_cast<unsigned char>(ch);
    if (word_start && std::isdigit(c) != 0) score += 2;
    if (word_start && !sentence_start && std::isupper(c) != 0) score += 3;
    if (word_start && std::isalpha(c) != 0) ++score;
    word_start = std::isspace(c) != 0;
    if (std::isspace(c) == 0) sentence_start = c == '.' || c == '!' || c == '?' || c == ':';
  }
  return text.find('?') == std::string_view::npos ? score : score / 2;
}

std::string one_line(std::string_view text) {
  std::string out(utf8_prefix(text, kLineBytes));
  std::replace(out.begin(), out.end(), '\n', ' ');
  if (out.size() < text.size()) out += "...";
  return out;
}

std::string_view speaker(const Message& message) {
  if (message.role == Role::assistant) return "agent";
  return message.name.empty() ? to_string(message.role) : std::string_view(message.name);
}

}  // namespace

int summary_limit_tokens(const Budget& budget) { return std::max(48, budget.limit() / 10); }

std::string transcript(const Window& messages) {
  std::string out;
  for (const auto& item : messages) {
    const Message& message = *item->message;
    out += '[' + format_time(message.time_us) + "] " + std::string(speaker(message)) + ": " +
           (message.text.empty() ? item->span->text : message.text) + '\n';
  }
  return out;
}

std::string mechanical_digest(std::string_view previous, const Window& evicted, int limit_tokens,
                              const TokenCounter& counter) {
  std::vector<Line> lines;
  // The previous digest's lines compete with the new ones; its header is made anew.
  for (auto rest = previous; !rest.empty();) {
    const auto end = rest.find('\n');
    const auto text = rest.substr(0, end);
    if (!text.empty() && !text.ends_with("Excerpts:")) lines.push_back({std::string(text), 0, 0});
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  for (const auto& item : evicted) {
    const Message& message = *item->message;
    if (message.role != Role::user || message.text.empty()) continue;
    lines.push_back({"- " + format_time(message.time_us).substr(0, 10) + ' ' +
                         std::string(speaker(message)) + ": " + one_line(message.text),
                     0, 0});
  }
  int total = static_cast<int>(counter.count(kHeader));
  for (auto& line : lines) {
    line.score = score_line(line.text);
    line.tokens = static_cast<int>(counter.count(line.text)) + 1;
    total += line.tokens;
  }
  std::vector<std::size_t> order(lines.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return lines[a].score < lines[b].score; });
  for (const auto index : order) {
    if (total <= limit_tokens) break;
    total -= lines[index].tokens;
    lines[index].text.clear();
  }
  std::string out(kHeader);
  for (const auto& line : lines)
    if (!line.text.empty()) out += '\n' + line.text;
  return out;
}

}  // namespace memgpt
