#include "server/archive_bodies.h"

#include "error.h"
#include "memory/text.h"
#include "server/agent_bodies.h"
#include "server/api.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr std::size_t kStem = 180;  // bytes of a name that a number is put behind
constexpr int kTries = 3;           // for a name that others take meanwhile

std::string free_archive_name(ServerApi& api, const std::string& wanted) {
  const auto journal = api.home().journal();
  std::string name = wanted;
  const std::string stem(utf8_prefix(wanted, kStem));
  for (int number = 2; journal->find_agent(name, AgentKind::archive); ++number)
    name = stem + " (" + std::to_string(number) + ')';
  return name;
}

std::string checked_name(const std::string& name) {
  try {
    check_archive_name(name);
  } catch (const ConfigError& error) {
    throw Refusal(422, error.what());
  }
  return name;
}

// `changes`: null forgets what the card says.
void keep_card(ServerApi& api, const std::string& id, const json::object& changes) {
  const auto journal = api.home().journal();
  const auto now = api.now_us();
  auto card = journal->card("archive", id).value_or(Card{"archive", id, "", "{}", now, now});
  auto known = object_of(card.json);
  for (const auto& [name, value] : changes) {
    if (value.is_null())
      known.erase(name);
    else
      known[name] = value;
  }
  card.json = json::serialize(known);
  card.updated_us = now;
  journal->put_card(card);
}

// What of a body belongs into the card.
json::object card_changes(const json::object& body) {
  json::object changes;
  if (body.contains("metadata")) {
    const auto* metadata = body::object(body, "metadata");
    changes["metadata"] = metadata == nullptr ? json::value() : json::value(*metadata);
  }
  return changes;
}

}  // namespace

std::shared_ptr<Archive> create_archive(ServerApi& api, const json::object& body) {
  const auto wanted = checked_name(body::needed_text(body, "name"));
  const auto description = body::text(body, "description").value_or("");
  auto changes = card_changes(body);
  const auto handle = embedding_handle(body).value_or("");
  const auto embedder = handle.empty() ? nullptr : api.embedder(handle);
  for (int tries = 1;; ++tries) {
    const auto name = free_archive_name(api, wanted);
    try {
      auto archive = api.home().create_archive(name, description, embedder);
      if (name != wanted) changes["name"] = wanted;
      if (!changes.empty()) keep_card(api, archive->id(), changes);
      return archive;
    } catch (const AlreadyExists&) {
      if (tries == kTries) throw;
    }
  }
}

void change_archive(ServerApi& api, const std::string& id, const ArchivePlace& place,
                    const json::object& body) {
  const auto name = body::text(body, "name");
  if (name) static_cast<void>(checked_name(*name));
  const auto description = body::text(body, "description");
  auto changes = card_changes(body);
  if (place.agent) {
    if (name) changes["name"] = *name;
    if (body.contains("description"))
      changes["description"] = description ? json::value(*description) : json::value();
  } else {
    if (body.contains("description")) place.shared->describe(description.value_or(""));
    if (name) {
      const bool is_own = place.shared->row().name == *name;
      const auto unique = is_own ? *name : free_archive_name(api, *name);
      place.shared->rename(unique);
      changes["name"] = unique == *name ? json::value() : json::value(*name);
    }
  }
  keep_card(api, id, changes);
}

}  // namespace memgpt
