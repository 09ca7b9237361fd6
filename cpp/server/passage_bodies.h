// Passages as clients send them and ask for them, and where they lie.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/archives.h"
#include "memory/json.h"
#include "server/call.h"

namespace memgpt {

class ServerApi;

// They throw Refusal (422), naming the field.
[[nodiscard]] NewPassage new_passage(const json::object& body);
[[nodiscard]] PassageChange passage_change(const json::object& body);

// "any" or "all" of the tags. `given`: of a query or a body.
[[nodiscard]] bool matches_all(const std::optional<std::string>& given);
// The end of a span of time that includes what is given: a day, where that is a date alone.
[[nodiscard]] std::optional<TimeUs> end_time(const std::optional<std::string>& given,
                                             std::string_view name);
[[nodiscard]] std::optional<TimeUs> begin_time(const std::optional<std::string>& given,
                                               std::string_view name);

// What an archive's id on the wire stands for: one that agents share, or what an agent has of its
// own. Exactly one is there.
struct ArchivePlace {
  std::shared_ptr<Archive> shared;
  std::shared_ptr<Agent> agent;
};
// One by the name that its vectors are filed under: the program's own, or one that binds itself;
// null where there is none.
[[nodiscard]] std::shared_ptr<Embedder> embedder_named(ServerApi& api, const std::string& name,
                                                       int dimension);
// With the program's own embedder bound to it. Throws Refusal: 404, 422.
[[nodiscard]] ArchivePlace archive_place(ServerApi& api, const std::string& id);

// Ids on the wire of the archives that an agent sees, by their names; "" = its own.
[[nodiscard]] std::map<std::string, std::string> archive_ids(Agent& agent);

}  // namespace memgpt
