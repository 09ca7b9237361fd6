#include "store/card.h"

#include "error.h"
#include "memory/json.h"
#include "store/journal.h"

namespace memgpt {

namespace {

Card read_card(const Statement& row) {
  return {row.text(0), row.text(1), row.text(2), row.text(3), row.integer(4), row.integer(5)};
}

constexpr const char* kColumns =
    "card.kind, card.id, card.name, card.json, card.created_us, card.updated_us";

}  // namespace

std::optional<Card> Journal::card(const std::string& kind, const std::string& id) {
  const auto reader = this->reader();
  static const std::string sql = std::string("SELECT ") + kColumns +
                                 " FROM card WHERE kind = ?1 AND id = ?2 AND deleted_us IS NULL";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(kind, id).step()) return std::nullopt;
  return read_card(row);
}

std::vector<Card> Journal::cards_of(const std::string& kind, const std::vector<std::string>& ids) {
  if (ids.empty()) return {};
  const auto reader = this->reader();
  auto& any = reader.db.prepare("SELECT 1 FROM card WHERE kind = ?1 LIMIT 1");
  const Reset reset_any(any);
  if (!any.bind(kind).step()) return {};
  static const std::string sql =
      std::string("SELECT ") + kColumns +
      " FROM json_each(?2) AS wanted CROSS JOIN card ON kind = ?1 AND card.id = wanted.value "
      "WHERE deleted_us IS NULL";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  row.bind(kind, json::serialize(json::array(ids.begin(), ids.end())));
  std::vector<Card> cards;
  while (row.step()) cards.push_back(read_card(row));
  return cards;
}

std::optional<Card> Journal::tool_card(const std::string& name) {
  const auto reader = this->reader();
  static const std::string sql =
      std::string("SELECT ") + kColumns +
      " FROM card WHERE kind = 'tool' AND name = ?1 AND deleted_us IS NULL";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(name).step()) return std::nullopt;
  return read_card(row);
}

std::vector<Card> Journal::cards(const std::string& kind) {
  const auto reader = this->reader();
  static const std::string sql =
      std::string("SELECT ") + kColumns +
      " FROM card WHERE kind = ?1 AND deleted_us IS NULL ORDER BY created_us, id";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  row.bind(kind);
  std::vector<Card> cards;
  while (row.step()) cards.push_back(read_card(row));
  return cards;
}

void Journal::put_card(const Card& card) {
  queue_.write([&] {
    if (card.kind == "tool") {
      auto& taken = writer_db_.prepare(
          "SELECT 1 FROM card WHERE kind = 'tool' AND name = ?1 AND id <> ?2 AND deleted_us IS "
          "NULL");
      const Reset reset(taken);
      if (taken.bind(card.name, card.id).step())
        throw AlreadyExists("there is a tool \"" + card.name + "\" already");
    }
    writer_db_
        .prepare(
            "INSERT INTO card(kind, id, name, json, created_us, updated_us) VALUES(?,?,?,?,?,?) "
            "ON CONFLICT(kind, id) DO UPDATE SET name = excluded.name, json = excluded.json, "
            "updated_us = excluded.updated_us, deleted_us = NULL")
        .bind(card.kind, card.id, card.name, card.json, card.created_us, card.updated_us)
        .run();
  });
}

void Journal::delete_card(const std::string& kind, const std::string& id, TimeUs now_us) {
  queue_.write([&] {
    writer_db_.prepare("UPDATE card SET deleted_us = ?3 WHERE kind = ?1 AND id = ?2")
        .bind(kind, id, now_us)
        .run();
  });
}

}  // namespace memgpt
