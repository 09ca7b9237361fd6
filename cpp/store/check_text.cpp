// Full-text tables: compared with what they index, and made anew.
#include <algorithm>
#include <array>

#include "error.h"
#include "memory/text.h"
#include "memory/words.h"
#include "store/check.h"
#include "store/polling.h"
#include "store/schema.h"

namespace memgpt {

namespace {

constexpr std::int64_t kProbes = 200;

// The statements are whole literals, so that nothing is put together from a file's names.
struct TextTable {
  const char* name;
  const char* rows;   // that it should have, with their text
  const char* found;  // that it has
  const char* probe;
  const char* all_words;  // a table that reads the index from its first word to its last
  const char* drop_all_words;
  const char* drop;
  const char* unlink;
  const char* fill;
};

constexpr std::array kTables = {
    TextTable{"messages", "SELECT id, text FROM message WHERE text <> '' ORDER BY id",
              "SELECT rowid FROM message_fts ORDER BY rowid",
              "SELECT 1 FROM message_fts WHERE message_fts MATCH ?1 AND rowid = ?2",
              "CREATE VIRTUAL TABLE temp.all_words USING fts5vocab(main, message_fts, row)",
              "DROP TABLE IF EXISTS temp.all_words", "DROP TABLE IF EXISTS main.message_fts",
              "DELETE FROM sqlite_schema WHERE tbl_name = 'message_fts' OR tbl_name GLOB "
              "'message_fts_*'",
              "INSERT INTO message_fts(rowid, text, speaker) SELECT id, text, name FROM message "
              "WHERE text <> '' ORDER BY id"},
    TextTable{"passages", "SELECT id, text FROM passage ORDER BY id",
              "SELECT rowid FROM passage_fts ORDER BY rowid",
              "SELECT 1 FROM passage_fts WHERE passage_fts MATCH ?1 AND rowid = ?2",
              "CREATE VIRTUAL TABLE temp.all_words USING fts5vocab(main, passage_fts, row)",
              "DROP TABLE IF EXISTS temp.all_words", "DROP TABLE IF EXISTS main.passage_fts",
              "DELETE FROM sqlite_schema WHERE tbl_name = 'passage_fts' OR tbl_name GLOB "
              "'passage_fts_*'",
              "INSERT INTO passage_fts(rowid, text, tags) SELECT id, text, tags FROM passage "
              "ORDER BY id"},
};

// The longest plain word of a text's beginning, quoted; empty where there is none. Plain: SQLite's
// tokenizer and ours agree on where it begins and ends.
std::string probe_word(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  const auto plain = [&](const Word& word) {
    const auto ascii = [&](std::size_t at) {
      return at >= text.size() || static_cast<unsigned char>(text[at]) < 0x80;
    };
    return word.end - word.begin <= kLongest && (word.begin == 0 || ascii(word.begin - 1)) &&
           ascii(word.end) && std::all_of(word.text.begin(), word.text.end(), [](char c) {
             return c >= 'a' && c <= 'z';
           });
  };
  text = utf8_prefix(text, 2000);
  std::string longest;
  auto found = find_words(text);
  // The last one may have been cut.
  if (!found.empty() && found.back().end == text.size() && found.size() > 1) found.pop_back();
  for (const auto& word : found)
    if (plain(word) && word.text.size() > longest.size()) longest = word.text;
  return longest.empty() ? "" : '"' + longest + '"';
}

struct Compared {
  std::int64_t rows = 0;
  std::int64_t missing = 0;
  std::int64_t surplus = 0;
};

// Both in order of id, one pass.
Compared compare_rows(Database& db, const TextTable& table) {
  Statement rows(db.get(), table.rows);
  Statement found(db.get(), table.found);
  Compared compared;
  bool more = found.step();
  while (rows.step()) {
    ++compared.rows;
    for (; more && found.integer(0) < rows.integer(0); more = found.step()) ++compared.surplus;
    if (more && found.integer(0) == rows.integer(0))
      more = found.step();
    else
      ++compared.missing;
  }
  for (; more; more = found.step()) ++compared.surplus;
  return compared;
}

std::int64_t probes_that_fail(Database& db, const TextTable& table, std::int64_t count) {
  const auto every = std::max<std::int64_t>(1, count / kProbes);
  Statement rows(db.get(), table.rows);
  Statement probe(db.get(), table.probe);
  std::int64_t failed = 0;
  for (std::int64_t at = 0; rows.step(); ++at) {
    if (at % every != 0) continue;
    const auto word = probe_word(rows.view(1));
    if (!word.empty() && !probe.bind(word, rows.integer(0)).step()) ++failed;
  }
  return failed;
}

// Read from end to end, which finds pages that are not what they should be.
void read_all_words(Database& db, const TextTable& table) {
  db.execute(table.drop_all_words);
  db.execute(table.all_words);
  Statement words(db.get(), "SELECT count(*), sum(doc), sum(cnt) FROM temp.all_words");
  words.run();
}

void create_anew(Database& db, bool unlink) {
  if (unlink) {
    // Their pages may be anybody's: none is freed by what they say of each other.
    db.execute("PRAGMA writable_schema = ON");
    for (const auto& table : kTables) db.execute(table.unlink);
    db.execute("PRAGMA writable_schema = RESET");
  } else {
    for (const auto& table : kTables) db.execute(table.drop);
  }
  create_text_tables(db);
  for (const auto& table : kTables) db.execute(table.fill);
}

bool all_ok(Database& db, const std::string& pragma) {
  try {
    Statement row(db.get(), pragma);
    return row.step() && row.view(0) == "ok";
  } catch (const NotADatabase&) {
    return false;
  }
}

// False where nothing was changed, because they cannot be dropped as tables are.
bool rebuild_in_place(Database& db) {
  try {
    Transaction transaction(db);
    create_anew(db, false);
    transaction.commit();
    return true;
  } catch (const DiskFull&) {
    throw;
  } catch (const StoreError&) {
    return false;
  }
}

}  // namespace

std::string without_advice(const std::string& error) { return error.substr(0, error.find("; ")); }

bool is_text_table(const std::string& name) {
  return name.starts_with("message_fts") || name.starts_with("passage_fts");
}

bool history_is_sound(Database& db) {
  std::vector<std::string> names{"sqlite_schema"};
  Statement row(db.get(),
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY 1");
  while (row.step()) names.push_back(row.text(0));
  return std::all_of(names.begin(), names.end(), [&](const auto& name) {
    // A name with a quotation mark is none of ours.
    return is_text_table(name) || name.find('"') != std::string::npos ||
           all_ok(db, "PRAGMA quick_check(\"" + name + "\")");
  });
}

std::vector<std::string> check_text(Database& db) {
  std::vector<std::string> problems;
  for (const auto& table : kTables) {
    const std::string what = std::string("the full-text table of ") + table.name;
    try {
      const ReadTransaction transaction(db);
      const auto compared = compare_rows(db, table);
      if (compared.missing > 0)
        problems.push_back(what + " lacks " + std::to_string(compared.missing) + " of " +
                           std::to_string(compared.rows) + " rows" + kRebuildAdvice);
      if (compared.surplus > 0)
        problems.push_back(what + " has " + std::to_string(compared.surplus) +
                           " rows of nothing that there is" + kRebuildAdvice);
      if (compared.missing + compared.surplus > 0) continue;
      read_all_words(db, table);
      const auto failed = probes_that_fail(db, table, compared.rows);
      if (failed > 0)
        problems.push_back(what + " does not find " + std::to_string(failed) +
                           " rows that were looked for by words of their own" + kRebuildAdvice);
    } catch (const Error& error) {
      problems.push_back(what + " cannot be read (" + without_advice(error.what()) + ")" +
                         kRebuildAdvice);
    }
  }
  return problems;
}

void renew_text(Database& db) { create_anew(db, false); }

void rebuild_text(const std::string& path, const std::function<void()>& poll) {
  Database db(path);
  const Polling polling(db, poll);
  try {
    const bool sound = all_ok(db, "PRAGMA quick_check(1)");
    if (sound && rebuild_in_place(db)) return;
    polling.rethrow();
    if (!sound && !history_is_sound(db))
      throw NotADatabase('"' + path +
                         "\" is damaged outside its full-text tables, and history cannot be made "
                         "again; restore it from a copy");
    // This connection alone may change the schema by hand, and only these statements use it.
    sqlite3_db_config(db.get(), SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
    Transaction transaction(db);
    create_anew(db, true);
    transaction.commit();
    // What the old tables took is given back, and pages that two tables claimed are copied.
    db.execute("VACUUM");
  } catch (const Error&) {
    polling.rethrow();
    throw;
  }
}

}  // namespace memgpt
