#include "server/block_bodies.h"

#include <algorithm>
#include <array>

#include "server/api.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr int kRestLimit = 100'000;  // characters, of a block that was made without a limit
constexpr std::array<const char*, 6> kOfCard = {"metadata", "tags",          "name",
                                                "hidden",   "template_name", "is_template"};
constexpr const char* kDeleted = "deleted block";

std::optional<int> limit_of(const json::object& body) {
  const auto given = body::integer(body, "limit", 1, 100'000'000);
  return given ? std::optional(static_cast<int>(*given)) : std::nullopt;
}

// In the words that the clients know.
void check_length(const Block& block, bool is_new, bool lowered) {
  const auto length = count_characters(block.value);
  if (length <= static_cast<std::size_t>(block.limit)) return;
  const auto n = std::to_string(length);
  const auto limit = std::to_string(block.limit);
  if (is_new)
    throw Refusal(422, "Block limit (" + limit +
                           ") must be greater than or equal to value length (" + n +
                           " characters)");
  if (lowered)
    throw Refusal(422, "Limit (" + limit + ") cannot be less than current value length (" + n +
                           " characters)");
  throw Refusal(
      422, "Value length (" + n + " characters) exceeds block limit (" + limit + " characters)");
}

}  // namespace

Block new_block(const json::object& body) {
  Block block;
  block.label = body::needed_text(body, "label");
  block.value = body::needed_text(body, "value");
  block.limit = limit_of(body).value_or(kRestLimit);
  block.description = body::text(body, "description").value_or("");
  block.read_only = body::flag(body, "read_only").value_or(false);
  check_length(block, true, false);
  return block;
}

std::function<void(Block& block)> block_change(const json::object& body) {
  return [label = body::text(body, "label"), value = body::text(body, "value"),
          limit = limit_of(body), description = body::text(body, "description"),
          read_only = body::flag(body, "read_only")](Block& block) {
    if (label) block.label = *label;
    if (value) block.value = *value;
    if (limit) block.limit = *limit;
    if (description) block.description = *description;
    if (read_only) block.read_only = *read_only;
    check_length(block, false, limit && !value);
  };
}

void keep_block_card(ServerApi& api, const std::string& block_id, const json::object& body) {
  json::object changes;
  for (const char* name : kOfCard)
    if (const auto* value = body.if_contains(name)) changes[name] = *value;
  if (changes.empty()) return;
  static_cast<void>(body::texts(body, "tags"));  // refuses what is no list
  const auto journal = api.home().journal();
  const auto now = api.now_us();
  auto card =
      journal->card("block", block_id).value_or(Card{"block", block_id, "", "{}", now, now});
  auto known = object_of(card.json);
  for (const auto& [name, value] : changes) known[name] = value;
  // Each generation has its own word for one thing.
  if (const auto* name = changes.if_contains("name")) known["template_name"] = *name;
  if (const auto* name = changes.if_contains("template_name")) known["name"] = *name;
  card.json = json::serialize(known);
  card.updated_us = now;
  journal->put_card(card);
}

void forget_block(ServerApi& api, const std::string& block_id) {
  const auto journal = api.home().journal();
  const auto now = api.now_us();
  journal->delete_card("block", block_id, now);
  journal->put_card({kDeleted, block_id, "", "{}", now, now});
}

bool is_deleted_block(ServerApi& api, const std::string& block_id) {
  return api.home().journal()->card(kDeleted, block_id).has_value();
}

std::vector<std::string> deleted_blocks(ServerApi& api) {
  std::vector<std::string> ids;
  for (auto& card : api.home().journal()->cards(kDeleted)) ids.push_back(std::move(card.id));
  return ids;
}

bool has_tags(const json::object& item, const std::vector<std::string>& wanted, bool all) {
  if (wanted.empty()) return true;
  const auto* tags = item.if_contains("tags");
  const auto has = [&](const std::string& tag) {
    return tags != nullptr && tags->is_array() &&
           std::any_of(tags->get_array().begin(), tags->get_array().end(),
                       [&](const json::value& value) { return value == json::value(tag); });
  };
  return all ? std::all_of(wanted.begin(), wanted.end(), has)
             : std::any_of(wanted.begin(), wanted.end(), has);
}

}  // namespace memgpt
