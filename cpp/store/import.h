// Taking the rows of an exported agent into a home.
#pragma once

#include <functional>
#include <string>

namespace memgpt {

struct ImportRequest {
  std::string path;      // of a copy: checked, and with the newest schema
  std::string agent_id;  // in it
  std::string name;      // here; empty = as it is called there
  std::function<std::string()> new_uuid;
};

class Database;
// For one transaction. Gives the agent's id in the home, which is another one where it is taken, as
// are those of its messages: they are unique in a file. Rows get new numbers, wherever they are
// named. A shared block that the home has with the same versions is that block, else it becomes
// one of its own, and so it is with an archive that the home has with all that the file has of it.
// Throws AlreadyExists where the name is taken.
[[nodiscard]] std::string import_rows(Database& from, Database& home, const ImportRequest& request);

}  // namespace memgpt
