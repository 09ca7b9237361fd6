// What the offline model says: what it stored, what failed, what it found.
#include <algorithm>

#include "llm/offline_step.h"
#include "memory/words.h"

namespace memgpt::offline {
namespace {

constexpr std::size_t kMaxQuote = 400;  // characters
constexpr std::size_t kMaxEcho = 200;
constexpr std::size_t kMaxQuotes = 3;

}  // namespace

std::string append_word(std::string text, std::string_view separator, std::string_view word) {
  if (!text.empty()) text += separator;
  text += word;
  return text;
}

std::string Step::answer(const Question& question) const {
  const bool nothing_to_search = question.terms.empty() && !question.dates;
  if (nothing_to_search && question.subject == Subject::model) return std::string(kIntroduction);
  std::string quotes;
  const auto quote = [&quotes](std::string_view from, std::string_view text) {
    quotes += "\n- " + std::string(from) + ": \"" + shortened(text, kMaxQuote) + '"';
  };
  if (nothing_to_search && question.subject == Subject::user) {
    const CoreBlock* block = turn_.block(kHuman);
    if (block != nullptr && !block->value.empty()) {
      for (const std::string& line : split_lines(block->value)) {
        quote("in core memory (human)", line);
      }
    }
  } else if (nothing_to_search) {
    return "I found no word in that question that I could search for.";
  }
  for (const CoreLine& line : choose_core_lines(turn_.blocks, question, kMaxQuotes)) {
    quote("in core memory (" + line.label + ')', line.text);
  }
  for (const Entry& entry : choose_entries(entries_, question, turn_.input.text, kMaxQuotes)) {
    quote(entry.time + ", " + (entry.speaker.empty() ? "archival memory" : entry.speaker),
          entry.text);
  }
  if (quotes.empty()) return "I found nothing about that in core, recall or archival memory.";
  return "From what I can find:" + quotes;
}

std::string Step::report_storing(const std::vector<std::string>& kept) const {
  std::string noted, known, left;
  for (const std::string& text : kept) {
    const Done* done = find_done("archival_memory_insert", "content", text);
    std::string& list = done != nullptr && done->ok ? noted : left;
    list = append_word(std::move(list), "; ", shortened(text, kMaxEcho));
  }
  std::string wanted;
  for (const FactLine& fact : facts_) {
    const bool said = std::any_of(kept.begin(), kept.end(), [&](const std::string& text) {
      return words(text) == words(fact.text);
    });
    if (fact.status == FactLine::Status::stored && !said) {
      noted = append_word(std::move(noted), "; ", fact.text);
    } else if (fact.status == FactLine::Status::known) {
      known = append_word(std::move(known), "; ", fact.text);
    } else if (fact.status == FactLine::Status::pending) {
      wanted = append_word(std::move(wanted), "; ", fact.text);
    }
  }
  std::string report;
  if (!noted.empty()) report = "Noted: " + noted;
  if (!known.empty()) {
    report = append_word(std::move(report), "\n", "I have that already: " + known);
  }
  if (!left.empty()) {
    report = append_word(std::move(report), "\n", "I could not keep this: " + left);
  }
  if (!wanted.empty()) {
    const std::string why = "I could not keep this in core memory, for " + not_stored_ + ": ";
    report = append_word(std::move(report), "\n", why + wanted);
  }
  return report;
}

std::string Step::report_failures() const {
  std::string report;
  for (const Done& done : turn_.done) {
    if (done.ok || done.tool == "send_message") continue;
    const std::string line = done.tool + " failed" + (done.result.empty() ? "" : ": ") +
                             shortened(split_lines(done.result).front(), kMaxEcho);
    if (report.find(line) == std::string::npos) report = append_word(std::move(report), "\n", line);
  }
  return report;
}

}  // namespace memgpt::offline
