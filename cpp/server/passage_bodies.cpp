#include "server/passage_bodies.h"

#include "memory/text.h"
#include "server/api.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr TimeUs kDayUs = TimeUs{24} * 60 * 60 * 1'000'000;
constexpr std::size_t kDateLength = 10;  // "2026-01-02"

void check_text(const std::string& text) {
  if (is_blank(text)) throw Refusal(422, "\"text\" is empty: a passage has a text");
}

std::optional<std::string> metadata_of(const json::object& body) {
  const auto* metadata = body::object(body, "metadata");
  if (metadata == nullptr) return std::nullopt;
  return json::serialize(*metadata);
}

}  // namespace

NewPassage new_passage(const json::object& body) {
  NewPassage item;
  item.text = body::needed_text(body, "text");
  check_text(item.text);
  item.tags = body::texts(body, "tags").value_or(std::vector<std::string>());
  item.metadata = metadata_of(body).value_or("{}");
  item.time_us = body::time(body, "created_at");
  return item;
}

PassageChange passage_change(const json::object& body) {
  PassageChange change;
  change.text = body::text(body, "text");
  if (change.text) check_text(*change.text);
  change.tags = body::texts(body, "tags");
  change.metadata = metadata_of(body);
  return change;
}

bool matches_all(const std::optional<std::string>& given) {
  const auto mode = given.value_or("any");
  if (mode != "any" && mode != "all")
    throw Refusal(422, "\"tag_match_mode\" must be \"any\" or \"all\"");
  return mode == "all";
}

std::optional<TimeUs> begin_time(const std::optional<std::string>& given, std::string_view name) {
  if (!given) return std::nullopt;
  if (const auto time = read_time(*given)) return time;
  throw Refusal(422,
                '"' + std::string(name) + "\" must be a time such as 2026-01-02T03:04:05+00:00");
}

std::optional<TimeUs> end_time(const std::optional<std::string>& given, std::string_view name) {
  const auto time = begin_time(given, name);
  if (!time) return std::nullopt;
  return *time + (given->size() == kDateLength ? kDayUs : 1);
}

std::shared_ptr<Embedder> embedder_named(ServerApi& api, const std::string& name, int dimension) {
  if (name.empty()) return nullptr;
  const auto is_it = [&](const std::shared_ptr<Embedder>& embedder) {
    return embedder && embedder->name() == name && embedder->dimension() == dimension;
  };
  for (const auto& [handle, embedder] : api.options().embedders)
    if (is_it(embedder)) return embedder;
  auto embedder = embedder_for(name, dimension, api.home().environment().outside);
  return is_it(embedder) ? embedder : nullptr;
}

ArchivePlace archive_place(ServerApi& api, const std::string& id) {
  check_id(id, "archive");
  if (api.home().journal()->archive(id)) {
    auto archive = std::make_shared<Archive>(api.shared_home(), id);
    if (!api.home().archive_embedder(id))
      if (const auto embedder =
              embedder_named(api, archive->embedding(), archive->embedding_dimension()))
        archive->bind(embedder);
    return {std::move(archive), nullptr};
  }
  try {
    return {nullptr, api.agent("agent-" + id.substr(std::string_view("archive-").size()))};
  } catch (const Refusal&) {
    throw Refusal(404, "Archive with id " + id + " not found");
  }
}

std::map<std::string, std::string> archive_ids(Agent& agent) {
  std::map<std::string, std::string> ids{{"", own_archive_id(agent.id())}};
  for (const auto& attached : agent.attached_archives())
    ids[attached.archive.name] = attached.archive.id;
  return ids;
}

}  // namespace memgpt
