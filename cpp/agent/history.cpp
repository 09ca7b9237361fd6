// The log of an agent that lived elsewhere: into recall memory, and as much of it into the window
// as there is room for.
#include <algorithm>

#include "agent/agent.h"
#include "error.h"

namespace memgpt {

namespace {

void check_texts(const Message& message, const std::string& where) {
  for (const auto* text : {&message.text, &message.content, &message.thinking, &message.name,
                           &message.type, &message.source_id, &message.tool_call_id})
    check_utf8(*text, "a text" + where);
  for (const auto& call : message.tool_calls)
    for (const auto* text : {&call.id, &call.name, &call.arguments})
      check_utf8(*text, "a call" + where);
}

// Each call has its one return behind it, before anything else is said.
void check_history(const std::vector<HistoryItem>& items) {
  std::vector<std::string> open;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Message& message = items[i].message;
    const std::string where = " of message " + std::to_string(i);
    check_texts(message, where);
    if (message.role == Role::tool) {
      const auto call = std::find(open.begin(), open.end(), message.tool_call_id);
      if (call == open.end())
        throw InvalidInput("the return" + where + " has no call before it; give the call first");
      open.erase(call);
      continue;
    }
    if (!open.empty()) break;
    for (const auto& call : message.tool_calls) open.push_back(call.id);
  }
  if (!open.empty())
    throw InvalidInput("the call \"" + open.front() + "\" has no return behind it; give one");
}

// Of those that were shown, the newest that have room; returns go with their calls.
std::vector<bool> shown_of(const std::vector<HistoryItem>& items,
                           const std::vector<WindowMessage>& measured, int room) {
  std::vector<bool> shown(items.size(), false);
  for (std::size_t end = items.size(); end > 0;) {
    auto begin = end - 1;
    while (begin > 0 && items[begin].message.role == Role::tool) --begin;
    if (items[begin].shown) {
      for (auto i = begin; i < end; ++i) room -= measured[i].cost();
      if (room < 0) break;
      std::fill(shown.begin() + static_cast<std::ptrdiff_t>(begin),
                shown.begin() + static_cast<std::ptrdiff_t>(end), true);
    }
    end = begin;
  }
  return shown;
}

}  // namespace

std::int64_t Agent::import_history(const std::vector<HistoryItem>& items) {
  check_history(items);
  const auto hold = take_turn();
  refresh();
  recover_open_calls(nullptr);
  const auto counter = parts()->counter;
  WriteSet numbered = begin("import", "user");
  TimeUs time_us = numbered.commit.step.time_us;
  for (auto item = items.rbegin(); item != items.rend(); ++item)
    time_us = item->time_us.value_or(time_us);
  std::vector<WindowMessage> measured;
  measured.reserve(items.size());
  for (const auto& item : items) {
    time_us = item.time_us.value_or(time_us);
    const auto next = new_message(numbered.state, item.message.role, item.message.type, time_us);
    auto message = item.message;
    message.id = next.id;
    message.position = next.position;
    message.session = next.session;
    message.time_us = time_us;
    message.trust = Trust::outside;
    numbered.log(message);
    measured.push_back(measure(std::move(message), *counter));
  }
  const LiveState before = state();
  const auto shown = shown_of(
      items, measured,
      rules().eviction_line(budget(before)) - before.prefix->tokens() - before.window.tokens());
  // A commit for each run of messages that are shown, or are not.
  for (std::size_t i = 0; i < items.size();) {
    const bool now = shown[i];
    WriteSet writes = begin(now ? "restore" : "import", "user");
    for (; i < items.size() && shown[i] == now; ++i) {
      Message message = *measured[i].message;
      message.author = writes.commit.step.kind;
      const int tokens = message.tokens;
      if (now)
        writes.append(measure(std::move(message), *counter, tokens));
      else
        writes.log(message);
    }
    writes.prefix_changed = true;
    commit(writes);
  }
  return std::count(shown.begin(), shown.end(), true);
}

void Agent::keep_sources(const ToolSources& sources) {
  const auto hold = take_turn();
  refresh();
  home_->journal()->keep_sources(id_, sources);
  Parts parts = *this->parts();
  for (const auto& [name, source] : sources)
    if (const auto found = parts.tools.find(name);
        found != parts.tools.end() && found->second->origin() == ToolOrigin::user)
      parts.tools.erase(found);
  adopt(std::move(parts));
}

}  // namespace memgpt
