// The offline model's care for core memory.
#include <algorithm>

#include "llm/offline_step.h"
#include "llm/offline_tokens.h"
#include "memory/block.h"
#include "memory/words.h"

namespace memgpt::offline {
namespace {

constexpr std::size_t kMaxFactCharacters = 300;  // of one message

// The names of agents of the type memgpt_agent, and those of memgpt_v2_agent.
constexpr CoreEditor kFirst = {"core_memory_append", "core_memory_replace", "name", "content",
                               "old_content",        "new_content"};
constexpr CoreEditor kSecond = {"memory_insert", "memory_replace", "label",
                                "new_string",    "old_string",     "new_string"};

}  // namespace

const CoreEditor& Step::editor() const {
  const auto offers = [&](const CoreEditor& editor) {
    return turn_.tool(editor.append) != nullptr || turn_.tool(editor.replace) != nullptr;
  };
  return offers(kFirst) || !offers(kSecond) ? kFirst : kSecond;
}

std::string Step::speaker_prefix(const CoreBlock& block) const {
  if (turn_.input.name.empty()) return "";
  const std::string prefix = turn_.input.name + ": ";
  const std::vector<std::string> lines = split_lines(block.value);
  const bool used = std::any_of(lines.begin(), lines.end(),
                                [&](const std::string& line) { return line.starts_with(prefix); });
  return turn_.several_people || used ? prefix : "";
}

// The line of a fact, whether it is known, and which old sentence it replaces.
FactLine Step::settle(const Fact& fact, const CoreBlock& block) const {
  const std::string prefix = speaker_prefix(block);
  FactLine line{prefix + fact.text, "", FactLine::Status::pending};
  if (fact.relative_date && turn_.input.time.size() >= 10) {
    line.text += " (" + turn_.input.time.substr(0, 10) + ')';
  }
  const std::vector<std::string> said = words(line.text);
  for (const std::string& old_line : split_lines(block.value)) {
    if (words(old_line) == said) line.status = FactLine::Status::known;
    if (!old_line.starts_with(prefix) || fact.kind == FactKind::other) continue;
    const std::string_view old_text = std::string_view(old_line).substr(prefix.size());
    for (const Sentence& sentence : split_sentences(old_text)) {
      const std::string old(old_text.substr(sentence.begin, sentence.end - sentence.begin));
      const Fact note = read_note(old);
      if (note.kind != fact.kind || note.negated) continue;
      const bool same = note.value == fact.value;
      if (same && !fact.negated) line.status = FactLine::Status::known;
      // To have left a place says nothing of another place, and a note that says more stays.
      const bool says_more = (' ' + note.value + ' ').find(" and ") != std::string::npos;
      if (same != fact.negated || !line.old.empty() || says_more) continue;
      line.old = prefix + old;
      if (sentence.begin > 0) line.old = old;
    }
  }
  for (const Done& done : turn_.done) {
    const bool appended = done.tool == editor().append;
    if (!appended && done.tool != editor().replace) continue;
    const auto lines = split_lines(done.argument(appended ? editor().content : editor().new_text));
    if (std::find(lines.begin(), lines.end(), line.text) == lines.end()) continue;
    line.status = done.ok ? FactLine::Status::stored : FactLine::Status::failed;
  }
  return line;
}

void Step::collect_facts(const std::vector<std::string>& statements) {
  const CoreBlock* block = turn_.block(kHuman);
  static const CoreBlock kNone;
  std::size_t characters = 0;
  for (const std::string& statement : statements) {
    for (const Fact& fact : find_facts(statement)) {
      FactLine line = settle(fact, block == nullptr ? kNone : *block);
      const bool again = std::any_of(facts_.begin(), facts_.end(),
                                     [&](const FactLine& f) { return f.text == line.text; });
      characters += again ? 0 : count_characters(line.text) + 1;
      if (characters > kMaxFactCharacters) return;
      if (!again) facts_.push_back(std::move(line));
    }
  }
}

std::optional<Reply> Step::store_facts() {
  std::string appended;
  const CoreBlock* block = turn_.block(kHuman);
  const bool can_append = turn_.tool(editor().append) != nullptr;
  const bool can_replace = turn_.tool(editor().replace) != nullptr;
  for (const FactLine& line : facts_) {
    if (line.status != FactLine::Status::pending) continue;
    if (block == nullptr) {
      not_stored_ = "there is no memory block \"human\"";
    } else if (block->read_only) {
      not_stored_ = "the memory block \"human\" is read-only";
    } else if (!can_append && (line.old.empty() || !can_replace)) {
      not_stored_ = "I am offered no tool for it";
    } else if (!line.old.empty() && can_replace &&
               block->characters + count_characters(line.text) <=
                   block->limit + count_characters(line.old)) {
      return replace(line.old, line.text, "What they say about themselves has changed.");
    } else {
      appended = append_word(std::move(appended), "\n", line.text);
    }
  }
  if (appended.empty() || !not_stored_.empty()) return std::nullopt;
  const std::size_t length = count_characters(appended);
  const std::size_t needed = block->characters + (block->characters > 0 ? 1 : 0) + length;
  if (length > block->limit) not_stored_ = "it is longer than the memory block \"human\" may be";
  if (needed > block->limit && not_stored_.empty()) {
    if (auto reply = make_room(*block, needed - block->limit)) return reply;
  }
  if (!not_stored_.empty()) return std::nullopt;
  return call(editor().append, {{editor().label, kHuman}, {editor().content, appended}},
              "They tell me something about themselves.");
}

Reply Step::replace(std::string_view old_text, std::string_view new_text,
                    std::string_view thinking) const {
  return call(
      editor().replace,
      {{editor().label, kHuman}, {editor().old_text, old_text}, {editor().new_text, new_text}},
      thinking);
}

// Moves the oldest lines to archival memory first, and only then out of the block.
std::optional<Reply> Step::make_room(const CoreBlock& block, std::size_t over) {
  std::string moved;
  std::size_t freed = 0;
  for (const std::string& line : split_lines(block.value)) {
    if (freed >= over && moved.find_first_not_of('\n') != std::string::npos) break;
    moved += line + '\n';
    freed += count_characters(line) + 1;
  }
  // The last line of the block has no newline behind it.
  const bool everything = moved.size() > block.value.size();
  const std::string old = everything ? block.value : moved;
  moved.pop_back();
  not_stored_ = "the memory block \"human\" is full";
  const Done* insert = find_done("archival_memory_insert", "content", moved);
  const Done* removal = find_done(editor().replace, editor().old_text, old);
  if (turn_.tool("archival_memory_insert") == nullptr || turn_.tool(editor().replace) == nullptr) {
    return std::nullopt;
  }
  if (insert == nullptr) {
    return call("archival_memory_insert", {{"content", moved}},
                "The human block is full: its oldest lines go to archival memory first.");
  }
  if (insert->ok && removal == nullptr) {
    return replace(old, "",
                   "The oldest lines are in archival memory now, so they can leave the block.");
  }
  if (insert->ok && removal->ok) not_stored_.clear();
  return std::nullopt;
}

}  // namespace memgpt::offline
