#include "agent/live_state.h"

#include <algorithm>
#include <cctype>

#include "agent/archives.h"
#include "agent/prompts.h"
#include "error.h"

namespace memgpt {

namespace {

std::string block_names(const std::vector<BlockVersion>& blocks) {
  std::string names;
  for (const auto& version : blocks) names += (names.empty() ? "" : ", ") + version.block.label;
  return names.empty() ? "none" : names;
}

}  // namespace

void check_label(std::string_view label) {
  const bool ok = !label.empty() && label.size() <= 50 &&
                  std::all_of(label.begin(), label.end(), [](unsigned char c) {
                    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '/';
                  });
  if (!ok)
    throw ConfigError("\"" + std::string(utf8_prefix(label, 60)) +
                      "\" cannot name a memory block: labels are 1 to 50 letters, digits, \"_\", "
                      "\"-\" or \"/\"");
}

void check_block(const Block& block) {
  check_label(block.label);
  check_utf8(block.value, "the value of a memory block");
  check_utf8(block.description, "the description of a memory block");
  if (block.limit <= 0) throw ConfigError("a memory block's limit must be at least 1 character");
  check_limit(block.label, block.value, block.limit);
}

SharedPrefix prefix_after(const LastCall* before, const std::string& model,
                          const std::string& tokenizer, const Context& now,
                          const TokenCounter* counter) {
  if (before == nullptr) return {};
  if (before->model != model) return {0, 0, "model"};
  if (before->tokenizer != tokenizer) return {0, 0, "tokenizer"};
  if (!before->context) return {};
  return shared_prefix(*before->context, now, counter);
}

LiveState live_state(AgentState loaded, const TokenCounter& counter) {
  LiveState state;
  state.agent = std::move(loaded.agent);
  state.config_version = loaded.config_version;
  state.config_elsewhere = loaded.config_elsewhere;
  state.passages = loaded.passages;
  state.blocks = std::move(loaded.blocks);
  state.summary = std::move(loaded.summary);
  state.warned = loaded.window.warned;
  state.pins = std::move(loaded.pins);
  state.outside = std::move(loaded.window.outside);
  state.next_position = loaded.next_position;
  state.session = loaded.session;
  state.last_time_us = loaded.last_time_us;
  state.purge = loaded.purge;
  if (loaded.last_call)
    state.last_call = std::make_shared<const LastCall>(LastCall::of(*loaded.last_call));
  // A count belongs to one tokenizer: under another the message is counted again.
  for (std::size_t i = 0; i < loaded.messages.size(); ++i) {
    auto& message = loaded.messages[i];
    const int tokens = loaded.tokenizers[i] == counter.name() ? message.tokens : -1;
    state.window.push_back(
        std::make_shared<const WindowMessage>(measure(std::move(message), counter, tokens)));
  }
  return state;
}

std::vector<Block> LiveState::block_values() const {
  std::vector<Block> values;
  values.reserve(blocks.size());
  for (const auto& version : blocks) values.push_back(version.block);
  return values;
}

std::vector<Range> LiveState::window_ranges() const {
  auto ranges = positions_of(window);
  if (ranges.empty() || ranges.back().end != next_position)
    ranges.push_back({next_position, next_position});
  return ranges;
}

std::shared_ptr<const Prefix> LiveState::compile_prefix(std::string_view system_prompt,
                                                        std::shared_ptr<const CompiledTools> tools,
                                                        const TokenCounter& counter) const {
  const auto values = block_values();
  const PrefixInput input{system_prompt,
                          std::move(tools),
                          values,
                          summary ? std::string_view(summary->text) : "",
                          outside,
                          is_stock_prompt(system_prompt) ? "kernel" : "user",
                          summary ? std::string_view(summary->author) : ""};
  return std::make_shared<const Prefix>(memgpt::compile_prefix(input, counter, prefix.get()));
}

std::string LiveState::outside_line() const {
  return std::to_string(next_position) + " messages are in recall memory, " +
         std::to_string(passages) + " passages in archival memory" +
         (archives == 0   ? "."
          : archives == 1 ? ", more in 1 shared archive."
                          : ", more in " + std::to_string(archives) + " shared archives.");
}

int correction_after(const StepRow& call) {
  return next_correction(std::max(call.correction, kNoCorrection),
                         call.context_tokens + call.overhead_tokens, call.prompt_tokens);
}

std::vector<Range> positions_of(const Window& window) {
  std::vector<Range> ranges;
  for (const auto& item : window) {
    const auto position = item->message->position;
    if (!ranges.empty() && ranges.back().end == position)
      ++ranges.back().end;
    else
      ranges.push_back({position, position + 1});
  }
  return ranges;
}

std::vector<Range> joined(std::vector<Range> ranges, const std::vector<Range>& more) {
  ranges.insert(ranges.end(), more.begin(), more.end());
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::vector<Range> all;
  for (const auto& range : ranges) {
    if (!all.empty() && all.back().end >= range.begin)
      all.back().end = std::max(all.back().end, range.end);
    else
      all.push_back(range);
  }
  return all;
}

void LiveState::set_pin(const PinRow& pin) {
  const auto found = std::lower_bound(pins.begin(), pins.end(), pin.position);
  const bool there = found != pins.end() && *found == pin.position;
  if (pin.pinned && !there) pins.insert(found, pin.position);
  if (!pin.pinned && there) pins.erase(found);
}

const BlockVersion* LiveState::find_block(std::string_view label) const {
  for (const auto& version : blocks)
    if (version.block.label == label) return &version;
  return nullptr;
}

bool LiveState::shares_blocks() const {
  return std::any_of(blocks.begin(), blocks.end(),
                     [](const BlockVersion& version) { return version.shared > 0; });
}

BlockVersion& WriteSet::edit_block(std::string_view label) {
  for (auto& version : state.blocks)
    if (version.block.label == label) return version;
  throw BlockNotFound("there is no memory block \"" + std::string(utf8_prefix(label, 60)) +
                      "\"; blocks are: " + block_names(state.blocks));
}

void WriteSet::sign(Block& block) const {
  block.version = commit.expected.seq + 1;
  block.time_us = commit.step.time_us;
}

void WriteSet::record(const BlockVersion& version) {
  prefix_changed = true;
  // One version a commit: a later edit of the same step replaces the earlier one.
  for (auto& existing : commit.blocks)
    if (existing.block.id == version.block.id) {
      existing = version;
      return;
    }
  commit.blocks.push_back(version);
}

void WriteSet::set_value(std::string_view label, const std::string& value,
                         const std::string& author, Trust trust, bool force) {
  auto& version = edit_block(label);
  if (version.block.read_only && !force)
    throw ReadOnlyBlock("memory block \"" + version.block.label +
                        "\" is read-only: it cannot be edited by tools");
  check_utf8(value, "the value of a memory block");
  check_limit(version.block.label, value, version.block.limit);
  if (version.block.value == value) return;
  version.block.value = value;
  version.block.author = author;
  version.block.trust = trust;
  // Two edits of one commit are one version.
  if (version.shared > 0 && !version.edits_shared) {
    ++version.shared;
    version.edits_shared = true;
  }
  sign(version.block);
  record(version);
}

void WriteSet::change_block(std::string_view label,
                            const std::function<void(Block& block)>& change) {
  auto& version = edit_block(label);
  Block block = version.block;
  change(block);
  check_block(block);
  if (block == version.block) return;
  if (version.shared > 0) throw ConfigError("a shared block is changed by its home");
  if (block.label != label && state.find_block(block.label) != nullptr)
    throw AlreadyExists("there is a memory block \"" + block.label + "\" already");
  version.block = std::move(block);
  version.block.author = "user";
  version.block.trust = Trust::user;
  sign(version.block);
  record(version);
}

void WriteSet::create_block(Block block, std::string id) {
  check_block(block);
  block.id = std::move(id);
  put(std::move(block), 0);
}

void WriteSet::put(Block block, std::int64_t shared) {
  if (state.find_block(block.label) != nullptr)
    throw AlreadyExists("there is a memory block \"" + block.label + "\" already");
  sign(block);
  int place = 0;
  for (const auto& version : state.blocks) place = std::max(place, version.place + 1);
  BlockVersion version;
  version.block = std::move(block);
  version.place = place;
  version.shared = shared;
  state.blocks.push_back(std::move(version));
  record(state.blocks.back());
}

void WriteSet::attach_block(const BlockRecord& shared) { put(shared.block, shared.block.version); }

void WriteSet::record_shared() {
  for (auto& version : state.blocks) {
    if (!version.unrecorded) continue;
    version.unrecorded = false;
    sign(version.block);
    record(version);
  }
}

void WriteSet::detach_block(std::string_view label, bool force) {
  auto version = edit_block(label);
  if (version.block.read_only && !force)
    throw ReadOnlyBlock("memory block \"" + version.block.label +
                        "\" is read-only: it cannot be detached by tools");
  version.detached = true;
  record(version);
  std::erase_if(state.blocks,
                [&](const BlockVersion& other) { return other.block.label == label; });
}

void WriteSet::log(const Message& message) {
  commit.messages.push_back(message);
  state.next_position = message.position + 1;
  state.session = message.session;
  state.last_time_us = message.time_us;
}

void WriteSet::file(Passage passage) {
  commit.passages.push_back(std::move(passage));
  ++state.passages;
}

void WriteSet::replace(PassageRow row, Passage passage) {
  retire(std::move(row), passage.author);
  file(std::move(passage));
}

// The line about what lies outside the context must not tell of more than there is.
void WriteSet::remove(PassageRow row, const std::string& author) {
  const bool told =
      row.id != 0 || !commit.blocks.empty() ||
      std::any_of(commit.retired.begin(), commit.retired.end(),
                  [&](const PassageRow& other) { return other.passage.id == row.passage.id; });
  retire(std::move(row), author);
  prefix_changed = prefix_changed || told;
}

void WriteSet::retire(PassageRow row, const std::string& author) {
  --state.passages;
  memgpt::retire(commit, std::move(row), author);
}

const Commit* WriteSet::archive(const std::string& id) const {
  for (const auto& other : commit.archives)
    if (other.agent_id == id) return &other;
  return nullptr;
}

Commit& WriteSet::edit_archive(const std::string& id, const std::string& agent) {
  for (auto& other : commit.archives)
    if (other.agent_id == id) return other;
  Commit& made = commit.archives.emplace_back();
  made.agent_id = id;
  made.step.kind = "edit";
  made.step.author = agent;
  made.step.time_us = commit.step.time_us;
  return made;
}

void WriteSet::append(WindowMessage message) {
  log(*message.message);
  state.window.push_back(std::make_shared<const WindowMessage>(std::move(message)));
}

}  // namespace memgpt
