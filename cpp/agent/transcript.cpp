// Conversations that were recorded elsewhere: into recall memory, in one commit.
#include <algorithm>
#include <cstdlib>

#include "agent/agent.h"
#include "error.h"

namespace memgpt {

namespace {

constexpr std::size_t kPollEvery = 256;

void check_item(const TranscriptItem& item, std::size_t index) {
  const std::string where = " of item " + std::to_string(index);
  check_utf8(item.text, "the text" + where);
  check_utf8(item.speaker, "the speaker" + where);
  check_utf8(item.id, "the id" + where);
  if (item.role == Role::tool)
    throw InvalidInput("the role" + where + " is tool; a transcript has user, assistant, system");
}

std::string message_type(Role role) {
  if (role == Role::assistant) return "assistant_message";
  return role == Role::system ? "system_message" : "user_message";
}

// Times of items that have none, see import_transcript().
template <typename Item>
std::vector<TimeUs> fill_times(const std::vector<Item>& items, TimeUs now_us) {
  TimeUs time_us = now_us;
  for (auto item = items.rbegin(); item != items.rend(); ++item)
    if (item->time_us) time_us = *item->time_us;
  std::vector<TimeUs> times;
  times.reserve(items.size());
  for (const auto& item : items) {
    time_us = item.time_us.value_or(time_us);
    times.push_back(time_us);
  }
  return times;
}

// Begins a new session where the transcript names another one, or, where it names none, after a gap
// in time in either direction (an older conversation that follows a newer one is another session).
bool begins_session(const TranscriptItem& item, const TranscriptItem* before, TimeUs gap_us) {
  if (before == nullptr) return item.session || std::llabs(gap_us) > kSessionGapUs;
  if (item.session != before->session) return true;
  return !item.session && std::llabs(gap_us) > kSessionGapUs;
}

// The message that the item became in an earlier import: same id, speaker, text and, where the item
// has one, time.
std::shared_ptr<const Message> stored_before(Journal& journal, Head head,
                                             const TranscriptItem& item) {
  if (item.id.empty()) return nullptr;
  for (auto& message : journal.imported(head, item.id)) {
    const bool same_time = !item.time_us || *item.time_us == message.time_us;
    if (same_time && message.role == item.role && message.name == item.speaker &&
        message.text == item.text)
      return std::make_shared<const Message>(std::move(message));
  }
  return nullptr;
}

void check_history(const std::vector<HistoryItem>& items) {
  std::vector<std::string> open;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Message& message = items[i].message;
    const std::string where = " of message " + std::to_string(i);
    for (const auto* text : {&message.text, &message.content, &message.thinking, &message.name,
                             &message.type, &message.source_id, &message.tool_call_id})
      check_utf8(*text, "a text" + where);
    if (message.role == Role::tool) {
      const auto call = std::find(open.begin(), open.end(), message.tool_call_id);
      if (call == open.end())
        throw InvalidInput("the return" + where + " has no call before it; give the call first");
      open.erase(call);
      continue;
    }
    if (!open.empty()) break;
    for (const auto& call : message.tool_calls) {
      check_utf8(call.id, "the id of a call" + where);
      check_utf8(call.name, "the name of a call" + where);
      check_utf8(call.arguments, "the arguments of a call" + where);
      open.push_back(call.id);
    }
  }
  if (!open.empty())
    throw InvalidInput("the call \"" + open.front() + "\" has no return behind it; give one");
}

}  // namespace

std::int64_t Agent::import_history(const std::vector<HistoryItem>& items, std::int64_t in_context) {
  check_history(items);
  const auto hold = take_turn();
  refresh();
  recover_open_calls(nullptr);
  const auto counter = parts()->counter;
  const auto times = fill_times(items, home_->environment().now_us());
  WriteSet writes = begin("import", "user");
  std::vector<WindowMessage> measured;
  measured.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto message = items[i].message;
    const auto numbered = new_message(writes.state, message.role, message.type, times[i]);
    message.id = numbered.id;
    message.position = numbered.position;
    message.session = numbered.session;
    message.time_us = times[i];
    message.author = "import";
    message.trust = Trust::outside;
    measured.push_back(measure(std::move(message), *counter));
    writes.log(*measured.back().message);
  }
  // What is shown again, from the newest back.
  auto first = items.size();
  int room = rules().eviction_line(budget(writes.state)) - writes.state.prefix->tokens() -
             writes.state.window.tokens();
  const auto oldest = static_cast<std::size_t>(std::max<std::int64_t>(0, in_context));
  for (auto next = first; next > oldest; first = --next) {
    room -= measured[next - 1].cost();
    if (room < 0) break;
  }
  while (first < items.size() && items[first].message.role == Role::tool) ++first;

  // Those that are not, in a commit of their own.
  const auto begin_shown = writes.commit.messages.begin() + static_cast<std::ptrdiff_t>(first);
  std::vector<Message> shown(begin_shown, writes.commit.messages.end());
  writes.commit.messages.erase(begin_shown, writes.commit.messages.end());
  if (!writes.commit.messages.empty()) {
    writes.state.next_position = writes.commit.messages.back().position + 1;
    writes.state.session = writes.commit.messages.back().session;
    writes.state.last_time_us = writes.commit.messages.back().time_us;
    writes.prefix_changed = true;
    commit(writes);
  }
  if (shown.empty()) return 0;
  WriteSet restored = begin("restore", "user");
  for (auto& message : shown) {
    message.author = "restore";
    const int tokens = message.tokens;
    restored.append(measure(std::move(message), *counter, tokens));
  }
  restored.prefix_changed = true;
  commit(restored);
  return std::ssize(items) - static_cast<std::int64_t>(first);
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

std::vector<std::shared_ptr<const Message>> Agent::import_transcript(
    const std::vector<TranscriptItem>& items) {
  for (std::size_t i = 0; i < items.size(); ++i) check_item(items[i], i);
  std::vector<std::shared_ptr<const Message>> stored;
  if (items.empty()) return stored;
  if (turn_.held_by_this_thread())
    throw Reentrant("agent \"" + name_ +
                    "\" is in the middle of a step; a transcript is imported between turns");
  const auto hold = take_turn();
  refresh();
  recover_open_calls(nullptr);  // nothing comes between a call and its return
  WriteSet writes = begin("import", "user");
  LiveState& state = writes.state;
  const auto counter = parts()->counter;
  const auto times = fill_times(items, writes.commit.step.time_us);
  const auto journal = home_->journal();
  const Head head = state.agent.head;
  stored.reserve(items.size());
  writes.commit.messages.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& item = items[i];
    if (i % kPollEvery == 0 && home_->environment().outside.poll)
      home_->environment().outside.poll();
    if (auto known = stored_before(*journal, head, item)) {
      stored.push_back(std::move(known));
      continue;
    }
    auto message = new_message(state, item.role, message_type(item.role), times[i]);
    message.session = state.session;
    if (state.next_position == 0 ||
        begins_session(item, i > 0 ? &items[i - 1] : nullptr, times[i] - state.last_time_us))
      ++message.session;
    message.text = item.text;
    message.name = item.speaker;
    message.source_id = item.id;
    message.author = "import";
    message.trust = Trust::outside;
    stored.push_back(measure(std::move(message), *counter).message);
    writes.log(*stored.back());
  }
  if (writes.commit.messages.empty()) return stored;
  writes.prefix_changed = true;  // more lies outside of the context
  commit(writes);
  return stored;
}

}  // namespace memgpt
