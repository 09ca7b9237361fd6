// Conversations that were recorded elsewhere: into recall memory, in one commit.
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

// Times of items that have none, see import_transcript().
std::vector<TimeUs> fill_times(const std::vector<TranscriptItem>& items, TimeUs now_us) {
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

}  // namespace

std::vector<std::shared_ptr<const Message>> Agent::import_transcript(
    const std::vector<TranscriptItem>& items) {
  for (std::size_t i = 0; i < items.size(); ++i) check_item(items[i], i);
  std::vector<std::shared_ptr<const Message>> stored;
  if (items.empty()) return stored;
  if (turn_.held_by_this_thread())
    throw Reentrant("agent \"" + this->name() +
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
    auto message = new_message(state, item.role, std::string(message_type(item.role)), times[i]);
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
