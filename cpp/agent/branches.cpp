// Lines of history: back, forward, aside, and what was.
#include <algorithm>

#include "agent/agent.h"
#include "agent/builtin_tools.h"
#include "agent/context_at.h"
#include "error.h"
#include "llm/provider.h"

namespace memgpt {

namespace {

// What a commit is to undo: the first of something that is undone as a whole, a part of what was
// begun before it, or a wall.
enum class Place { first, part, wall };

Place place_of(const std::string& kind, Unit unit) {
  if (kind == "create" || kind == "fork") return Place::wall;
  // The configuration is not undone, nor is what others wrote into shared blocks: it goes with
  // whatever it follows.
  if (kind == "config" || kind == "recovery" || kind == "outcome" || kind == "shared")
    return Place::part;
  const bool of_turn = kind == "step" || kind == "intent";
  return of_turn && unit == Unit::turn ? Place::part : Place::first;
}

const char* name_of(Unit unit) { return unit == Unit::turn ? "turn" : "step"; }

std::string counted(std::int64_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void check_count(std::int64_t count) {
  if (count < 1) throw InvalidInput("how many must be at least 1, not " + std::to_string(count));
}

}  // namespace

// Where the newest `count` units begin. Throws InvalidInput where there are not so many.
std::int64_t Agent::begin_of(Head head, std::int64_t count, Unit unit) {
  std::int64_t found = 0;
  std::int64_t begin = 0;
  bool wall = false;
  home_->journal()->kinds_back(head, [&](std::int64_t seq, const std::string& kind) {
    const Place place = place_of(kind, unit);
    wall = place == Place::wall;
    if (place == Place::first) {
      ++found;
      begin = seq;
    }
    return found < count && !wall;
  });
  if (found < count)
    throw InvalidInput("there " + std::string(found == 1 ? "is " : "are ") +
                       counted(found, name_of(unit)) +
                       " to undo, for here the agent begins; at most so many can be undone");
  return begin;
}

// What redo() goes forward along: after a load() the place that was loaded, unless its line goes
// on.
Head Agent::line_of(const AgentRow& agent) {
  return home_->journal()->sees(agent.line, agent.head) ? agent.line : agent.head;
}

Moved Agent::move_to(Head target, Head line) {
  const auto before = state();
  const Head from = before.agent.head;
  home_->journal()->move_head(id_, from, target, line);
  publish(load_state(*parts()));
  const auto now = state();
  Moved moved;
  moved.from = from;
  moved.to = now.agent.head;
  moved.messages = before.next_position - now.next_position;
  const auto journal = home_->journal();
  const auto common = journal->last_common(from, target);
  for (auto& run : journal->tool_runs(from, common))
    if (run.phase == "intent" && run.effects == "outside") moved.outside.push_back(std::move(run));
  moved.shared = journal->shared_edits(from, common);
  moved.archives = journal->archives_written(from, common);
  return moved;
}

Moved Agent::undo(std::int64_t count, Unit unit) {
  check_count(count);
  const auto hold = take_turn();
  refresh();
  const auto agent = state().agent;
  const auto journal = home_->journal();
  const auto begin = begin_of(agent.head, count, unit);
  return move_to(journal->place(agent.head, begin - 1), line_of(agent));
}

Moved Agent::undo_messages(std::int64_t count) {
  const auto hold = take_turn();
  refresh();
  const auto state = this->state();
  const auto journal = home_->journal();
  const auto& agent = state.agent;
  auto position = state.next_position - count;
  if (count < 0) throw InvalidInput("how many messages must be a whole number from 0");
  if (count == 0) {
    // Back to before the last user message.
    position = -1;
    for (const auto& item : state.window)
      if (item->message->role == Role::user) position = item->message->position;
    if (position < 0) throw InvalidInput("there is no user message to go back to");
  }
  if (position < 0)
    throw InvalidInput("there are " + counted(state.next_position, "message") + ", not " +
                       std::to_string(count));
  const auto seq = journal->commit_of(agent.head, position);
  std::int64_t begin = 0;
  bool wall = false;
  journal->kinds_back(agent.head, [&](std::int64_t at, const std::string& kind) {
    const Place place = place_of(kind, Unit::step);
    wall = place == Place::wall;
    begin = at;
    return !wall && (at > seq || place != Place::first);
  });
  if (wall)
    throw InvalidInput("these messages were there when the agent began: it cannot be undone");
  return move_to(journal->place(agent.head, begin - 1), line_of(agent));
}

Moved Agent::redo(std::int64_t count, Unit unit) {
  check_count(count);
  const auto hold = take_turn();
  refresh();
  const auto agent = state().agent;
  if (agent.head == agent.line)
    throw InvalidInput(
        "there is nothing to redo: nothing was undone, or something was written since. "
        "agent.branches() has every line that there was");
  const auto journal = home_->journal();
  if (!journal->sees(agent.line, agent.head)) return move_to(agent.line, agent.line);
  std::vector<std::int64_t> begins;  // of the units that were undone, newest first
  journal->kinds_back(agent.line, [&](std::int64_t seq, const std::string& kind) {
    if (seq <= agent.head.seq) return false;
    if (place_of(kind, unit) == Place::first) begins.push_back(seq);
    return true;
  });
  const auto undone = std::ssize(begins);
  if (count > undone && undone > 0)
    throw InvalidInput("there " + std::string(undone == 1 ? "is " : "are ") +
                       counted(undone, name_of(unit)) + " to redo, not " + std::to_string(count));
  const auto next = undone - 1 - count;  // the unit that stays undone
  const auto target = next < 0
                          ? agent.line
                          : journal->place(agent.line, begins[static_cast<std::size_t>(next)] - 1);
  return move_to(target, agent.line);
}

TagRow Agent::save_tag(const std::string& name) {
  check_utf8(name, "the tag");
  if (is_blank(name) || count_characters(name) > 200)
    throw InvalidInput("a tag is 1 to 200 characters");
  const auto hold = take_turn();
  refresh();
  TagRow tag{name, state().agent.head, home_->environment().now_us()};
  home_->journal()->add_tag(id_, tag);
  return tag;
}

std::vector<TagRow> Agent::tags() { return home_->journal()->tags(id_); }

TagRow Agent::find_tag(const std::string& name) {
  std::string names;
  for (auto& tag : tags()) {
    if (tag.name == name) return tag;
    names += (names.empty() ? "\"" : ", \"") + tag.name + '"';
  }
  throw NotFound("there is no tag \"" + std::string(utf8_prefix(name, 200)) +
                 "\"; tags are: " + (names.empty() ? "none" : names));
}

void Agent::delete_tag(const std::string& name) {
  const auto hold = take_turn();
  home_->journal()->delete_tag(id_, find_tag(name).name);
}

Moved Agent::load_tag(const std::string& name) {
  const auto hold = take_turn();
  refresh();
  const auto all = tags();
  if (name.empty() && all.empty())
    throw NotFound("there is no tag yet: agent.save(name) makes one");
  const auto tag = name.empty() ? all.back() : find_tag(name);
  return move_to(tag.head, state().agent.line);
}

Moved Agent::load(Head place) {
  const auto hold = take_turn();
  refresh();
  return move_to(own_place(place), state().agent.line);
}

std::vector<BranchRow> Agent::branches() { return home_->journal()->branches(id_); }

std::vector<BlockRecord> Agent::block_history(const std::string& label) {
  const auto state = this->state();
  const auto* version = state.find_block(label);
  if (version == nullptr)
    throw BlockNotFound("there is no memory block \"" + std::string(utf8_prefix(label, 60)) + '"');
  const auto journal = home_->journal();
  std::vector<BlockRecord> records;
  if (version->shared > 0) {
    records = journal->shared_versions(version->block.id);
    std::erase_if(records, [&](const BlockRecord& record) {
      return record.block.version > version->shared;  // of an agent as it was
    });
  } else {
    for (auto& own : journal->block_versions(state.agent.head, version->block.id))
      records.push_back({std::move(own.block), name()});
  }
  return records;
}

Head Agent::place(std::int64_t seq) {
  const auto head = state().agent.head;
  check_commit(seq, head);
  return home_->journal()->place(head, seq);
}

// On the branch that holds the commit. Throws NotFound for one that no line of this agent has: what
// others wrote on a branch after a fork is theirs.
Head Agent::own_place(Head place) {
  const auto journal = home_->journal();
  const auto agent = state().agent;
  std::vector<Head> ends{agent.head, agent.line};
  for (const auto& branch : journal->branches(id_))
    if (branch.agent_id == id_) ends.push_back({branch.id, branch.last_seq});
  for (const Head end : ends) {
    if (place.seq < 1 || place.seq > end.seq) continue;
    const Head found = journal->place(end, place.seq);
    if (found == place || end.branch == place.branch) return found;
  }
  throw NotFound("commit " + std::to_string(place.seq) + " of branch " +
                 std::to_string(place.branch) + " is not of agent \"" + name() +
                 "\": its lines are in agent.branches()");
}

// What was, as an agent that can be read and not changed.
std::shared_ptr<Agent> Agent::at(Head place) {
  auto loaded = home_->journal()->load(id_, own_place(place));
  auto then = parts_with(agent_config_from_json(loaded.config));
  std::shared_ptr<Agent> agent(new Agent(home_, loaded.agent, std::move(then)));
  agent->past_ = loaded.agent.head;
  agent->publish(state_of(std::move(loaded), *agent->parts()));
  return agent;
}

std::shared_ptr<Agent> Agent::fork(const std::string& name, std::optional<Head> place,
                                   const std::vector<std::shared_ptr<Tool>>& tools) {
  check_agent_name(name);
  const auto journal = home_->journal();
  auto from = state().agent;
  if (place) from.head = own_place(*place);
  Parts parts = *this->parts();
  // Those of a program may know the agent that they were made for.
  std::erase_if(parts.tools,
                [](const auto& entry) { return entry.second->origin() != ToolOrigin::builtin; });
  for (const auto& tool : tools) parts.tools[tool->schema().name] = tool;
  bind_own_tools(parts.config, parts.tools);
  Commit first;
  first.step.kind = "fork";
  first.step.author = "user";
  first.step.time_us = home_->environment().now_us();
  first.step.config = 1;
  first.step.passages = static_cast<int>(journal->passages(from));
  first.config = to_json(parts.config);
  first.tokenizer = parts.counter->name();
  const auto row =
      journal->fork_agent("agent-" + home_->environment().new_uuid(), name, from, std::move(first));
  std::shared_ptr<Agent> agent(new Agent(home_, row, std::move(parts)));
  agent->refresh();
  home_->add(agent);
  return agent;
}

}  // namespace memgpt
