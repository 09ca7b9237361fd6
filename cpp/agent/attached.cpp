// Archives that an agent shares with others: attaching them, and what it does to their passages.
#include <algorithm>

#include "agent/agent.h"
#include "error.h"

namespace memgpt {

void Agent::attach_archive(const std::string& archive_id, bool read_only) {
  const auto hold = take_turn();
  refresh();
  if (!home_->journal()->archive(archive_id))
    throw ArchiveNotFound("the archive is of another home, or it was deleted");
  Parts parts = *this->parts();
  auto& archives = parts.config.archives;
  const auto found =
      std::find_if(archives.begin(), archives.end(),
                   [&](const AttachedArchive& other) { return other.id == archive_id; });
  if (found != archives.end())
    found->read_only = read_only;
  else
    archives.push_back({archive_id, read_only});
  adopt(std::move(parts));
}

void Agent::detach_archive(const std::string& archive_id) {
  const auto hold = take_turn();
  refresh();
  Parts parts = *this->parts();
  if (std::erase_if(parts.config.archives,
                    [&](const AttachedArchive& other) { return other.id == archive_id; }) == 0)
    throw ArchiveNotFound("the archive is not attached to agent \"" + this->name() + '"');
  adopt(std::move(parts));
}

std::vector<Agent::Attached> Agent::attached_archives() {
  if (!turn_.held_by_this_thread()) refresh();
  return attached();
}

// One that was deleted is as if it were not attached.
std::vector<Agent::Attached> Agent::attached() const {
  std::vector<Attached> attached;
  const auto journal = home_->journal();
  for (const auto& entry : parts()->config.archives)
    if (auto row = journal->archive(entry.id)) {
      if (past_) row->head = journal->archive_at(row->head, *past_);
      attached.push_back({*std::move(row), entry.read_only});
    }
  return attached;
}

Agent::Attached Agent::find_attached(const std::string& name) {
  std::string names;
  for (auto& attached : attached_archives()) {
    if (attached.archive.name == name) return std::move(attached);
    names += (names.empty() ? "\"" : ", \"") + attached.archive.name + '"';
  }
  throw ArchiveNotFound("no archive \"" + std::string(utf8_prefix(name, 200)) +
                        "\" is attached to agent \"" + this->name() +
                        "\"; attached are: " + (names.empty() ? "none" : names));
}

std::vector<ArchiveView> Agent::views_of(const AgentRow& row,
                                         const std::optional<std::string>& only) {
  if (only && !only->empty()) {
    const auto attached = find_attached(*only);
    return {{attached.archive.id, attached.archive.head, attached.archive.name}};
  }
  std::vector<ArchiveView> views{{row.archive, row.head}};
  if (only) return views;
  for (auto& attached : attached())
    views.push_back({attached.archive.id, attached.archive.head, attached.archive.name});
  return views;
}

std::vector<ListedPassage> Agent::list_passages(const PassageRange& range) {
  std::vector<AgentRow> holders{state().agent};
  for (auto& attached : attached()) holders.push_back(std::move(attached.archive));
  return home_->journal()->list_passages(holders, range);
}

PendingPassages Agent::pending_of(const Commit& step, const std::vector<ArchiveView>& views) {
  PendingPassages pending;
  const auto add = [&](const Commit& commit, const std::string& name) {
    for (const auto& passage : commit.passages) {
      pending.inserted.push_back(passage);
      pending.archives.push_back(name);
    }
    for (const auto& row : commit.retired) pending.retired.push_back(row.id);
  };
  for (const auto& view : views) {
    if (view.name.empty()) add(step, "");
    for (const auto& archive : step.archives)
      if (archive.agent_id == view.archive) add(archive, view.name);
  }
  return pending;
}

// Of an archive that the agent has, where it is none of its own.
std::optional<Agent::SharedPassage> Agent::shared_passage(const std::string& id) {
  const auto row = state().agent;
  if (parts()->config.archives.empty()) return std::nullopt;
  const bool inside = turn_.held_by_this_thread() && active_ != nullptr;
  if (seen_passage(row, inside ? active_->commit : Commit{}, id, "")) return std::nullopt;
  for (auto& attached : attached()) {
    const Commit* const step = inside ? active_->archive(attached.archive.id) : nullptr;
    if (auto found = seen_passage(attached.archive, step != nullptr ? *step : Commit{}, id,
                                  Archive(home_, attached.archive.id).embedding()))
      return SharedPassage{std::move(attached), *std::move(found)};
  }
  return std::nullopt;
}

Archive Agent::to_write(const Attached& attached) {
  check_not_past();
  if (attached.read_only)
    throw ReadOnlyArchive("archive \"" + attached.archive.name + "\" is attached to agent \"" +
                          this->name() + "\" to be read only");
  return {home_, attached.archive.id};
}

std::vector<Passage> Agent::file_shared(const Attached& attached, std::vector<Passage> passages,
                                        const Progress& progress) {
  auto archive = to_write(attached);
  // The agent's own may be the one that it needs.
  const auto embedder = archive.embedder(parts()->embedder);
  embed_and_file(*home_->journal(), embedder.get(), passages, progress, [&] {
    if (WriteSet* const step = running_step()) {
      auto& filed = step->edit_archive(archive.id(), this->name()).passages;
      filed.insert(filed.end(), passages.begin(), passages.end());
    } else {
      archive.file(passages);
    }
  });
  return passages;
}

Passage Agent::update_shared(const SharedPassage& shared, const PassageChange& change) {
  auto archive = to_write(shared.first);
  const auto embedder = change.text ? archive.embedder(parts()->embedder) : nullptr;
  WriteSet* const step = running_step();
  if (step == nullptr) return archive.update_passage(shared.second.passage.id, change);
  Passage made;
  if (change.text) {
    made.text = *change.text;
    memgpt::embed(made, embedder.get());
  }
  auto updated = changed(shared.second.passage, change, made, this->name(), Trust::model);
  Commit& commit = step->edit_archive(archive.id(), this->name());
  retire(commit, shared.second, this->name());
  commit.passages.push_back(updated);
  return updated;
}

void Agent::delete_shared(const SharedPassage& shared) {
  auto archive = to_write(shared.first);
  if (WriteSet* const step = running_step())
    retire(step->edit_archive(archive.id(), this->name()), shared.second, this->name());
  else
    archive.delete_passage(shared.second.passage.id);
}

}  // namespace memgpt
