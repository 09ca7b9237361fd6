#include "agent/past_state.h"

#include <algorithm>

#include "agent/home.h"
#include "agent/tool_rules.h"

namespace memgpt {

void PastState::begin(AgentState loaded, const std::string& tokenizer) {
  config_ = agent_config_from_json(loaded.config);
  use_counter(tokenizer);
  state_ = live_state(std::move(loaded), *counter_);
  state_.archives = config_.archives.size();
}

void PastState::configure(const std::string& config) {
  config_ = agent_config_from_json(config);
  state_.archives = config_.archives.size();
  tools_.reset();
  stale_ = true;
}

// The window's counts belong to one tokenizer: under another they are made anew.
void PastState::use_counter(const std::string& tokenizer) {
  if (counter_ && tokenizer == tokenizer_) return;
  tokenizer_ = tokenizer;
  counter_ = options_.counter(tokenizer);
  can_count_ = counter_ != nullptr;
  if (!can_count_) counter_ = options_.counter(kEstimate);
  Window window;
  for (const auto& item : state_.window)
    window.push_back(std::make_shared<const WindowMessage>(measure(*item->message, *counter_)));
  state_.window = std::move(window);
  tools_.reset();
  stale_ = true;
}

void PastState::use_tools(const std::vector<std::string>& unbound) {
  if (tools_ && unbound_ == unbound) return;
  unbound_ = unbound;
  const auto rules = ToolRules::read(config_.tool_rules);
  std::vector<ToolSchema> schemas;
  for (const auto& tool : config_.tools)
    if (std::find(unbound_.begin(), unbound_.end(), tool.schema.name) == unbound_.end())
      schemas.push_back(shown_schema(tool.schema, config_, rules));
  tools_ = compile_tools(std::move(schemas), *counter_);
  stale_ = true;
}

void PastState::apply_blocks(const Commit& commit) {
  auto& blocks = state_.blocks;
  for (const auto& version : commit.blocks) {
    std::erase_if(blocks, [&](const auto& other) { return other.block.id == version.block.id; });
    if (!version.detached) blocks.push_back(version);
    std::stable_sort(blocks.begin(), blocks.end(),
                     [](const auto& a, const auto& b) { return a.place < b.place; });
    stale_ = true;
  }
}

void PastState::refresh() {
  if (!tools_) use_tools(unbound_);
  if (stale_) state_.prefix = state_.compile_prefix(config_.system_prompt, tools_, *counter_);
  stale_ = false;
}

Context PastState::context(const Budget& budget) {
  refresh();
  return compile(state_.prefix, state_.window, budget, *counter_);
}

}  // namespace memgpt
