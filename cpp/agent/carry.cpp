// An agent on its way from one home to another, in a file of its own.
#include <filesystem>
#include <string>

#include "agent/agent.h"
#include "error.h"
#include "store/export_file.h"
#include "store/import.h"
#include "store/polling.h"

namespace memgpt {

namespace {

// The copy's name is of no use to anybody.
std::string told(std::string text, const std::string& copy, const std::string& path) {
  for (auto at = text.find(copy); at != std::string::npos; at = text.find(copy, at + path.size()))
    text.replace(at, copy.size(), path);
  return text.find(path) == std::string::npos ? '"' + path + "\": " + text : text;
}

template <typename Work>
auto naming(const std::string& copy, const std::string& path, const Work& work) {
  try {
    return work();
  } catch (const NewerVersion& error) {
    throw NewerVersion(told(error.what(), copy, path));
  } catch (const NotADatabase& error) {
    throw NotADatabase(told(error.what(), copy, path));
  } catch (const DiskFull&) {
    throw;  // where the copy is
  } catch (const StoreError& error) {
    throw StoreError(told(error.what(), copy, path));
  }
}

Manifest checked_manifest(const std::string& copy, const std::function<void()>& poll) {
  Database db(copy);
  db.map_file();
  const Polling polling(db, poll);
  try {
    return read_manifest(db);
  } catch (const Error&) {
    polling.rethrow();
    throw;
  }
}

class Removed {
 public:
  explicit Removed(std::string path) : path_(std::move(path)) {}
  ~Removed() {
    std::error_code ignored;
    for (const char* suffix : {"", "-journal"}) std::filesystem::remove(path_ + suffix, ignored);
  }
  Removed(const Removed&) = delete;
  Removed& operator=(const Removed&) = delete;

 private:
  std::string path_;
};

}  // namespace

void Agent::export_to(const std::string& path, bool overwrite, std::optional<ToolSources> sources) {
  if (past_)
    throw InvalidInput("this is the agent as it was at commit " + std::to_string(past_->seq) +
                       ": export the agent itself, whose history has it, or fork it here");
  const auto& environment = home_->environment();
  home_->journal()->export_agent(
      {id_, path, overwrite, std::move(sources), environment.now_us(), environment.outside.poll});
}

ToolSources Agent::tool_sources() { return home_->journal()->tool_sources(id_); }

std::shared_ptr<Agent> Home::import_agent(const std::string& path, const std::string& name) {
  const auto journal = this->journal();
  if (!name.empty()) check_agent_name(name);
  const auto& poll = environment_.outside.poll;
  const auto copy = temporary_path();
  const Removed removed(copy);
  copy_export(path, copy);
  ImportRequest request{copy, "", name, environment_.new_uuid};
  request.agent_id = naming(copy, path, [&] { return checked_manifest(copy, poll).agent_id; });
  // A home of its own, so that it is checked like any other; one of an older schema is migrated.
  HomeOptions options;
  options.turn_timeout_s = turn_timeout_s_;
  auto file = std::shared_ptr<Home>(new Home(copy, true, options, environment_));
  naming(copy, path, [&] {
    file->open_file(Durability::process);
    const auto rows = file->agents();
    if (rows.size() != 1 || rows.front().id != request.agent_id)
      throw StoreError("the file does not hold the one agent that it names; export it again");
    if (name.empty()) check_agent_name(rows.front().name);
    for (const auto& archive : file->archives()) check_archive_name(archive->row().name);
    if (journal->find_agent(name.empty() ? rows.front().name : name))
      throw AlreadyExists("an agent named \"" + (name.empty() ? rows.front().name : name) +
                          "\" exists; give the imported one another name with name=...");
    const auto problems = file->check(true);
    if (!problems.empty())
      throw StoreError(
          "the agent in the file is not sound, and was not imported: " + problems.front() +
          (problems.size() > 1 ? ", and " + std::to_string(problems.size() - 1) + " more"
                               : std::string()) +
          "; take another copy of the file, or export the agent again");
  });
  const auto id = journal->import_agent(request);
  file->close();
  return agent_by_id(id);
}

}  // namespace memgpt
