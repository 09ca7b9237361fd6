#include "agent/agent.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <thread>

#include "agent/turn_run.h"
#include "error.h"

namespace memgpt {

Agent::Agent(std::shared_ptr<Home> home, const AgentRow& row, Parts parts)
    : home_(std::move(home)), id_(row.id), name_(row.name) {
  parts.compile_tools();
  parts_ = std::make_shared<const Parts>(std::move(parts));
}

std::string Agent::name() const {
  const std::scoped_lock lock(mutex_);
  return name_;
}

void Agent::rename(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  name_ = name;
}

std::shared_ptr<const Agent::Parts> Agent::parts() const {
  const std::scoped_lock lock(mutex_);
  return parts_;
}

// The state that a reader sees: inside a tool of this agent, what its step has written so far.
LiveState Agent::state() {
  if (turn_.held_by_this_thread()) {
    if (active_ != nullptr) return active_->state;
  } else {
    refresh();
  }
  const std::scoped_lock lock(mutex_);
  return *state_;
}

AgentConfig Agent::config() {
  if (!turn_.held_by_this_thread()) refresh();  // a purge may have changed it
  return parts()->config;
}

std::shared_ptr<const MemoryPolicy> Agent::policy() { return parts()->policy; }

void Agent::publish(LiveState state) {
  auto snapshot = std::make_shared<const LiveState>(std::move(state));
  const std::scoped_lock lock(mutex_);
  state_ = std::move(snapshot);
}

// A reader's: the turn's holder may have been faster, and knows better.
void Agent::publish(LiveState state, const std::shared_ptr<const LiveState>& instead_of) {
  auto snapshot = std::make_shared<const LiveState>(std::move(state));
  const std::scoped_lock lock(mutex_);
  if (state_ == instead_of) state_ = std::move(snapshot);
}

// The time of what the turn writes.
TimeUs Agent::now_us() const { return turn_time_us_.value_or(home_->environment().now_us()); }

UtcOffset Agent::clocks() const {
  return clocks_of(parts()->config.timezone, home_->environment().outside);
}

AskedTimes asked_times_on(UtcOffset offset, const std::string& query, TimeUs now_us) {
  AskedTimes times;
  try {
    times.utc_offset_us = TimeUs{offset(now_us)} * 1'000'000;
  } catch (const ConfigError&) {
    offset = [](TimeUs) { return 0; };
  }
  const auto dates = dates_in_query(query, local_of(now_us, offset));
  times.months = dates.months;
  for (const auto& [begin, end] : dates.spans)
    times.spans.emplace_back(utc_of(begin, offset), utc_of(end, offset));
  return times;
}

UtcSpan Agent::date_span(const std::string& text) const {
  return parse_date_in(text, home_->environment().now_us(), clocks());
}

void Agent::check_not_past() const {
  if (past_)
    throw InvalidInput(
        "this is \"" + name() + "\" as it was at commit " + std::to_string(past_->seq) +
        ": it can be read, not changed; agent.fork(name, at=" + std::to_string(past_->seq) +
        ") goes on from there");
}

// First among the threads of this process, in order of arrival, then among processes.
Agent::TurnHold Agent::take_turn() {
  check_not_past();
  static_cast<void>(home_->journal());  // a forked child's says so, rather than to wait for ever
  using Clock = std::chrono::steady_clock;
  const double timeout_s = home_->turn_timeout_s();
  const auto deadline = Clock::now() + std::chrono::duration<double>(timeout_s);
  const auto& poll = home_->environment().outside.poll;
  auto hold = turn_.take(name(), timeout_s, poll);
  auto lock = home_->turns();
  const auto byte = static_cast<std::int64_t>(std::hash<std::string>{}(id_) >> 2);
  while (!lock->try_lock(byte)) {
    if (Clock::now() >= deadline) throw Busy(busy_text(name(), "in another process", timeout_s));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (poll) poll();
  }
  return {std::move(hold), FileLockHold(std::move(lock), byte)};
}

// Another process may have moved the head: read it anew then. Another agent may have written into a
// shared block.
void Agent::refresh() {
  const auto journal = home_->journal();
  if (past_) return refresh_past();
  // Whose turn it is need not wait for the commits of others, and its own can go with theirs: no
  // other thread moves this head now. To a reader a head that moved would not tell who moved it,
  // and what it loads then could take the place of what the writer is about to publish.
  const auto version = journal->data_version(!turn_.held_by_this_thread());
  if (deleted_) static_cast<void>(journal->head(id_));  // says so
  std::shared_ptr<const LiveState> seen;
  bool known = false;
  {
    const std::scoped_lock lock(mutex_);
    seen = state_;
    known = seen && version && *version == data_version_;
  }
  if (!known && seen) follow_purge(seen->purge);
  if (!known &&
      !(seen && journal->head(id_) == seen->agent.head && journal->newest_purge() == seen->purge)) {
    reload(seen);
  } else {
    follow_shared();
  }
  if (known) return;
  const std::scoped_lock lock(mutex_);
  if (version) data_version_ = *version;
}

// Another process may have given the agent another configuration, too. A reader's: the turn's
// holder may have been faster than it, and knows better.
void Agent::reload(const std::shared_ptr<const LiveState>& seen) {
  const bool holder = turn_.held_by_this_thread();
  const auto before = parts();
  auto loaded = home_->journal()->load(id_, past_);
  auto parts = before;
  if (seen && loaded.config_version != seen->config_version)
    parts = std::make_shared<const Parts>(parts_with(agent_config_from_json(loaded.config)));
  auto snapshot = std::make_shared<const LiveState>(state_of(std::move(loaded), *parts));
  const std::scoped_lock lock(mutex_);
  if (!holder && state_ != seen) return;
  name_ = snapshot->agent.name;
  state_ = std::move(snapshot);
  if (parts_ == before) parts_ = std::move(parts);
}

void Agent::follow_shared() {
  std::shared_ptr<const LiveState> seen;
  {
    const std::scoped_lock lock(mutex_);
    seen = state_;
  }
  if (past_ || !seen || !seen->shares_blocks()) return;
  LiveState next = *seen;
  if (!home_->journal()->follow_shared(next.blocks, next.agent.head)) return;
  next.prefix = compile_state(next, *parts());
  publish(std::move(next), seen);
}

LiveState Agent::load_state(const Parts& parts) {
  return state_of(home_->journal()->load(id_, past_), parts);
}

LiveState Agent::state_of(AgentState loaded, const Parts& parts) {
  const auto last = loaded.last_call;
  LiveState state = live_state(std::move(loaded), *parts.counter);
  state.archives = parts.config.archives.size();
  if (last && last->model == parts.config.model && last->tokenizer == parts.counter->name())
    state.correction = correction_after(*last);
  state.prefix = compile_state(state, parts);
  return state;
}

WriteSet Agent::begin(const std::string& kind, const std::string& author) {
  follow_shared();
  WriteSet writes;
  {
    const std::scoped_lock lock(mutex_);
    writes.state = *state_;
  }
  writes.commit.agent_id = id_;
  writes.commit.expected = writes.state.agent.head;
  writes.commit.tokenizer = parts()->counter->name();
  writes.commit.step.kind = kind;
  writes.commit.step.author = author;
  writes.commit.step.time_us = home_->environment().now_us();
  writes.commit.step.config = writes.state.config_version;
  // The configuration is not undone: a line that begins before it was set gets it too.
  if (writes.state.config_elsewhere) {
    writes.state.config_elsewhere = false;
    writes.commit.step.config = ++writes.state.config_version;
    writes.commit.config = to_json(parts()->config);
  }
  writes.record_shared();
  return writes;
}

void Agent::commit(WriteSet& writes) {
  refresh_prefix(writes);
  writes.commit.step.passages = static_cast<int>(writes.state.passages);
  try {
    const auto committed = home_->journal()->commit(writes.commit);
    writes.state.agent.head = writes.state.agent.line = committed.head;
    if (committed.summary && writes.state.summary) writes.state.summary->id = *committed.summary;
    for (auto& version : writes.state.blocks) version.edits_shared = false;
  } catch (const Conflict&) {
    static_cast<void>(home_->journal()->head(id_));  // says so where the agent was deleted
    refresh();
    throw;
  }
  publish(writes.state);
  if (!writes.commit.passages.empty()) tell_store_of_inserts(writes.state.agent);
}

// The write-set of the tool that is running on this thread; null outside of a step.
WriteSet* Agent::running_step() {
  if (!turn_.held_by_this_thread()) return nullptr;
  if (active_ == nullptr)
    throw Reentrant("agent \"" + name() +
                    "\" is in the middle of a step; only its tools can change it now");
  return active_;
}

// Runs `change` on the write-set of the tool that is running on this thread, or as a commit of its
// own.
template <typename Edit>
void Agent::edit(const std::string& author, Edit&& change) {
  if (WriteSet* const step = running_step()) {
    change(*step, "agent", Trust::model);
    refresh_prefix(*step);
    return;
  }
  const auto hold = take_turn();
  for (int tries = 0;; ++tries) {
    refresh();
    WriteSet writes = begin("edit", author);
    const auto before = writes.state.prefix;
    change(writes, author, Trust::user);
    refresh_prefix(writes);
    if (parts()->provider && writes.state.prefix->tokens() > before->tokens())
      check_room(writes.state, rules(), 0);
    try {
      commit(writes);
      return;
    } catch (const Conflict&) {
      if (tries == kMaxOvertaken) throw;
    }
  }
}

void Agent::set_block(const std::string& label, const std::string& value, const std::string& author,
                      const std::optional<std::string>& expected) {
  edit(author, [&](WriteSet& writes, const std::string& by, Trust trust) {
    if (expected && writes.edit_block(label).block.value != *expected) throw_changed(label);
    writes.set_value(label, value, by, trust, trust == Trust::user);
  });
}

void Agent::create_block(const Block& block) {
  edit("user", [&](WriteSet& writes, const std::string& by, Trust trust) {
    Block created = block;
    created.author = by;
    created.trust = trust;
    writes.create_block(std::move(created), "block-" + home_->environment().new_uuid());
  });
}

void Agent::change_block(const std::string& label,
                         const std::function<void(Block& block)>& change) {
  edit("user",
       [&](WriteSet& writes, const std::string&, Trust) { writes.change_block(label, change); });
}

void Agent::share_block(const std::string& label, const std::string& block_id) {
  bool made = false;
  edit("user", [&](WriteSet& writes, const std::string&, Trust) {
    const auto own = writes.edit_block(label);
    if (own.shared > 0) return;
    // Made by a try that was overtaken: it may hold something else by now.
    if (std::exchange(made, true))
      static_cast<void>(home_->change_shared_block(
          block_id, [&](Block& block) { block.value = own.block.value; }));
    else
      static_cast<void>(home_->create_block(own.block, block_id));
    writes.detach_block(label, true);
    writes.attach_block(home_->journal()->shared_block(block_id));
  });
}

void Agent::attach_block(const std::string& block_id) {
  const auto shared = home_->journal()->shared_block(block_id);
  edit("user", [&](WriteSet& writes, const std::string&, Trust) { writes.attach_block(shared); });
}

void Agent::detach_block(const std::string& label) {
  edit("user", [&](WriteSet& writes, const std::string&, Trust trust) {
    writes.detach_block(label, trust == Trust::user);
  });
}

void Agent::pin(std::int64_t position, bool pinned) {
  edit("user", [&](WriteSet& writes, const std::string&, Trust) {
    bool there = false;
    for (const auto& item : writes.state.window)
      there = there || item->message->position == position;
    if (pinned && !there)
      throw InvalidInput("message " + std::to_string(position) +
                         " is not in the window: only what stands there can be pinned");
    writes.state.set_pin({position, pinned});
    std::erase_if(writes.commit.pins, [&](const PinRow& row) { return row.position == position; });
    writes.commit.pins.push_back({position, pinned});
    if (pinned) check_pins(writes.state);
  });
}

void Agent::file_passages(const std::vector<Passage>& passages) {
  edit("user", [&](WriteSet& writes, const std::string&, Trust) {
    for (const auto& passage : passages) writes.file(passage);
  });
}

// As the step sees it: what it has filed is in no row yet, and what it has retired still is.
std::optional<PassageRow> Agent::seen_passage(const AgentRow& row, const Commit& step,
                                              const std::string& id, const std::string& embedder) {
  for (const auto& passage : step.passages)
    if (passage.id == id) return PassageRow{0, 0, passage, ""};
  auto found = home_->journal()->find_passage(row, id, embedder);
  const bool retired =
      found && std::any_of(step.retired.begin(), step.retired.end(),
                           [&](const PassageRow& other) { return other.id == found->id; });
  return retired ? std::nullopt : found;
}

PassageRow Agent::find_passage(const AgentRow& agent, const Commit& step, const std::string& id) {
  if (auto row = seen_passage(agent, step, id, parts()->config.embedding)) return *std::move(row);
  throw PassageNotFound("agent \"" + name() + "\" has no passage \"" +
                        std::string(utf8_prefix(id, 200)) +
                        "\": it never had, or it was deleted or undone; "
                        "agent.archival.search() finds those that it has");
}

Passage Agent::passage(const std::string& id) {
  check_utf8(id, "the passage's id");
  if (auto shared = shared_passage(id)) return std::move(shared->second.passage);
  if (turn_.held_by_this_thread() && active_ != nullptr)
    return find_passage(active_->state.agent, active_->commit, id).passage;
  return find_passage(state().agent, {}, id).passage;
}

Passage Agent::update_passage(const std::string& id, const PassageChange& change) {
  check_utf8(id, "the passage's id");
  check_change(change);
  if (const auto shared = shared_passage(id)) return update_shared(*shared, change);
  Passage made;
  if (change.text) {
    check_bound_embedder();
    // The embedder may be slow: it runs before the turn is taken.
    made.text = *change.text;
    embed(made, parts()->embedder.get());
  }
  Passage updated;
  edit("user", [&](WriteSet& writes, const std::string& by, Trust trust) {
    auto before = find_passage(writes.state.agent, writes.commit, id);
    updated = changed(before.passage, change, made, by, trust);
    writes.replace(std::move(before), updated);
  });
  return updated;
}

void Agent::delete_passage(const std::string& id) {
  check_utf8(id, "the passage's id");
  if (const auto shared = shared_passage(id)) return delete_shared(*shared);
  edit("user", [&](WriteSet& writes, const std::string& by, Trust) {
    writes.remove(find_passage(writes.state.agent, writes.commit, id), by);
  });
}

RecallPage Agent::search_recall(RecallQuery query) {
  check_utf8(query.text, "the query");
  query.times = asked_times(query.text, now_us());
  return home_->recall().search(*home_->journal(), state().agent.head, query);
}

ArchivalPage Agent::search_archival(const std::string& text, ArchivalQuery query) {
  check_utf8(text, "the query");
  const auto views = views_of(state().agent, query.archive);
  // A tool reads what its step has written.
  PendingPassages pending;
  if (turn_.held_by_this_thread() && active_ != nullptr)
    pending = pending_of(active_->commit, views);
  return search_archival_at(views, text, std::move(query), pending);
}

std::vector<SummaryRow> Agent::summaries() {
  return home_->journal()->summaries(state().agent.head);
}

void Agent::resummarize() {
  const auto hold = take_turn();
  refresh();
  check_bound();
  WriteSet writes = begin("summary", "user");
  LiveState& state = writes.state;
  if (!state.summary) throw InvalidInput("nothing has left the window: there is no summary");
  const auto journal = home_->journal();
  std::map<std::int64_t, SummaryRow> rows;
  for (auto& row : journal->summaries(state.agent.head)) rows.emplace(row.id, std::move(row));
  std::vector<Range> covers;
  for (auto next = state.summary_id(); next && rows.contains(*next); next = rows[*next].replaces)
    covers = joined(std::move(covers), rows[*next].covers);
  Window messages;
  for (const auto& range : covers)
    for (auto& message : journal->messages(state.agent.head, range.begin, range.end - range.begin))
      messages.push_back(
          std::make_shared<const WindowMessage>(measure(std::move(message), *parts()->counter)));
  const auto old = std::move(state.summary);
  state.summary.reset();
  auto made = write_summary(state, messages, "", false);
  if (!made.failure.empty())
    throw ProviderError("the summary was not made anew, and the old one stays: " + made.failure);
  made.covers = std::move(covers);
  made.covered = old->covered;
  made.replaces = old->id;
  state.summary = made;
  writes.commit.summary = std::move(made);
  writes.prefix_changed = true;
  commit(writes);
}

std::vector<StepRow> Agent::steps() { return home_->journal()->steps(state().agent.head); }

std::vector<Message> Agent::messages(std::int64_t from_position, std::int64_t limit) {
  return home_->journal()->messages(state().agent.head, from_position, limit);
}

// As the next call would see it: fitted to the budget, without a model call for the summary. A call
// that was broken off has its return; one that this process is running has none yet.
Context Agent::context() { return context_with({}); }

std::string Agent::payload_with(const std::vector<Input>& inputs) {
  const auto context = context_with(inputs);
  const auto parts = this->parts();
  if (!parts->provider) check_bound();
  CallOptions options;
  options.reasoning = reasoning_from_string(parts->config.reasoning);
  options.parameters = parts->parameters;
  return parts->provider->payload(context, options);
}

Context Agent::context_with(const std::vector<Input>& inputs) {
  WriteSet preview;
  preview.state = state();
  // What it would add happens when the last message did: the clock has no part in it.
  if (!turn_.held()) close_open_calls(preview, preview.state.last_time_us);
  TurnRun run;
  run.preview = true;
  const auto parts = this->parts();
  if (!inputs.empty()) {
    if (!parts->policy) check_bound();
    preview.commit.step.time_us = home_->environment().now_us();
    int cost = 0;
    for (const auto& input : inputs) {
      check_input(input);
      cost = append_input(input, preview, cost);
    }
  }
  if (parts->policy) {
    // What keeps the next call from being made hides nothing: the window is shown as it stands.
    const WriteSet before = preview;
    try {
      if (fit_window(preview, run)) warn(preview, run);
    } catch (const PolicyError&) {
      preview = before;
    } catch (const WindowTooSmall&) {
      preview = before;  // a shared block may have grown
    }
  }
  Context context =
      compile(preview.state.prefix, preview.state.window, budget(preview.state), *parts->counter);
  context.previous_spans = prefix_after(last_call(preview.state).get(), parts->config.model,
                                        parts->counter->name(), context, nullptr)
                               .spans;
  return context;
}

Message Agent::new_message(const LiveState& state, Role role, std::string type, TimeUs time_us) {
  Message message;
  message.id = "message-" + home_->environment().new_uuid();
  message.position = state.next_position;
  message.role = role;
  message.type = std::move(type);
  message.time_us = time_us;
  message.session = state.session;
  if (state.next_position == 0 || time_us - state.last_time_us > kSessionGapUs) ++message.session;
  return message;
}

}  // namespace memgpt
