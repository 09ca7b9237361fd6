#include "store/schema.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "error.h"

namespace memgpt {

namespace {

// Every row of history carries (branch, seq): the commit it belongs to. Rows are never updated
// but for agent.head_*, agent.line_*, agent.name and agent.deleted_us: pointers.
constexpr const char* k001_initial = R"sql(
CREATE TABLE agent(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  deleted_us INTEGER,
  head_branch INTEGER NOT NULL,
  head_seq INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX agent_name ON agent(name) WHERE deleted_us IS NULL;

-- A piece of a line of history, written by one agent; it goes on from its parent's parent_seq.
CREATE TABLE branch(
  id INTEGER PRIMARY KEY,
  agent_id TEXT NOT NULL,
  parent INTEGER,
  parent_seq INTEGER,
  created_us INTEGER NOT NULL
);

-- One commit. kind: create, input, intent, step, edit, config.
CREATE TABLE step(
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  author TEXT NOT NULL,
  time_us INTEGER NOT NULL,
  config INTEGER NOT NULL,       -- version of the agent's configuration
  seed INTEGER NOT NULL,
  model TEXT,
  tokenizer TEXT,
  compiler INTEGER,              -- version of compile()
  digest TEXT,                   -- of the compiled context
  context_tokens INTEGER,        -- ours: text, exact
  overhead_tokens INTEGER,       -- ours: wire format, estimated
  prompt_tokens INTEGER,         -- the provider's figure
  completion_tokens INTEGER,
  decision TEXT,                 -- of the policy, JSON
  reply TEXT,                    -- as the model gave it, JSON
  PRIMARY KEY(branch, seq)
) WITHOUT ROWID;

-- Model, embedding, tools, memory class, policy, limits: names and schemas, never code.
CREATE TABLE config(
  agent_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  author TEXT NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY(agent_id, version)
) WITHOUT ROWID;

CREATE TABLE message(
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  position INTEGER NOT NULL,
  role TEXT NOT NULL,
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  content TEXT NOT NULL,
  thinking TEXT NOT NULL,
  tool_calls TEXT NOT NULL,
  tool_call_id TEXT NOT NULL,
  failed INTEGER NOT NULL,
  shown_bytes INTEGER NOT NULL,
  time_us INTEGER NOT NULL,
  session INTEGER NOT NULL,
  author TEXT NOT NULL,
  trust INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  tokenizer TEXT NOT NULL
);
CREATE UNIQUE INDEX message_place ON message(branch, position);
CREATE INDEX message_time ON message(branch, time_us);

CREATE TABLE block(
  id TEXT NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  place INTEGER NOT NULL,        -- order in the context
  label TEXT NOT NULL,
  value TEXT NOT NULL,
  char_limit INTEGER NOT NULL,
  description TEXT NOT NULL,
  read_only INTEGER NOT NULL,
  detached INTEGER NOT NULL,
  author TEXT NOT NULL,
  trust INTEGER NOT NULL,
  PRIMARY KEY(branch, id, seq)
) WITHOUT ROWID;

CREATE TABLE passage(
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  archive TEXT NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  text TEXT NOT NULL,
  tags TEXT NOT NULL,            -- JSON array
  metadata TEXT NOT NULL,        -- JSON object
  time_us INTEGER NOT NULL,
  author TEXT NOT NULL,
  trust INTEGER NOT NULL
);
CREATE INDEX passage_archive ON passage(archive, id);

CREATE TABLE embedding(
  passage INTEGER NOT NULL,
  embedder TEXT NOT NULL,
  dimension INTEGER NOT NULL,
  vector BLOB NOT NULL,          -- float32, little endian, unit length
  PRIMARY KEY(embedder, passage)
) WITHOUT ROWID;

-- A deletion: the passage or message is not seen from (branch, seq) on.
CREATE TABLE retirement(
  kind TEXT NOT NULL,
  target INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  author TEXT NOT NULL,
  PRIMARY KEY(kind, target, branch, seq)
) WITHOUT ROWID;

CREATE TABLE summary(
  id INTEGER PRIMARY KEY,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  text TEXT NOT NULL,
  covers TEXT NOT NULL,          -- JSON ranges of positions
  covered INTEGER NOT NULL,      -- messages covered, with those of the summary it replaces
  replaces INTEGER,
  author TEXT NOT NULL,          -- the model, or "digest"
  trust INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  tokenizer TEXT NOT NULL
);
CREATE INDEX summary_place ON summary(branch, seq);

-- Ranges of positions, JSON; the last end is null: up to the head.
CREATE TABLE window(
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  ranges TEXT NOT NULL,
  summary INTEGER,
  warned INTEGER NOT NULL,
  outside TEXT NOT NULL,         -- the line about what lies outside the context
  PRIMARY KEY(branch, seq)
) WITHOUT ROWID;

-- Calls of tools with outside effects: an intent before the call, a result with the step after it.
CREATE TABLE tool_run(
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  call_id TEXT NOT NULL,
  phase TEXT NOT NULL,           -- intent, result
  tool TEXT NOT NULL,
  arguments TEXT NOT NULL,
  effects TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  status TEXT NOT NULL,          -- started, ok, failed, interrupted
  result TEXT NOT NULL,
  time_us INTEGER NOT NULL,
  PRIMARY KEY(branch, seq, call_id, phase)
) WITHOUT ROWID;
)sql";

// An imported message keeps the id that its transcript gave it, and is not stored again.
constexpr const char* k002_source_id = R"sql(
ALTER TABLE message ADD COLUMN source_id TEXT NOT NULL DEFAULT '';
CREATE INDEX message_source ON message(branch, source_id) WHERE source_id <> '';
)sql";

// What replay needs besides: which tools were not there to be offered, the correction of token
// counts that was in force, and what a commit held when it was written.
constexpr const char* k003_replay = R"sql(
ALTER TABLE step ADD COLUMN correction INTEGER;    -- thousandths
ALTER TABLE step ADD COLUMN unbound_tools TEXT;    -- JSON array of names
ALTER TABLE step ADD COLUMN content TEXT;          -- a digest of each kind of row
CREATE INDEX block_commit ON block(branch, seq);
)sql";

// Messages that the user pinned; how much of a request the one before it had; why a summary is a
// digest.
constexpr const char* k004_policy = R"sql(
CREATE TABLE pin(
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  position INTEGER NOT NULL,     -- of the message
  pinned INTEGER NOT NULL,       -- 0: no longer
  PRIMARY KEY(branch, position, seq)
) WITHOUT ROWID;
CREATE INDEX pin_commit ON pin(branch, seq);
ALTER TABLE step ADD COLUMN prefix_tokens INTEGER;  -- of the leading spans that the last request had
ALTER TABLE step ADD COLUMN prefix_broken TEXT;     -- the origin of the first span that differs
ALTER TABLE summary ADD COLUMN failure TEXT NOT NULL DEFAULT '';  -- why it is a digest
)sql";

// Lines of history: where a branch's messages begin, where an agent's line ends (undo moves the
// head back on it, redo forward), the archive that forks share, tags, and what used to be counted.
constexpr const char* k005_branches = R"sql(
ALTER TABLE branch ADD COLUMN first_position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agent ADD COLUMN line_branch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agent ADD COLUMN line_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agent ADD COLUMN archive TEXT NOT NULL DEFAULT '';
UPDATE agent SET line_branch = head_branch, line_seq = head_seq, archive = id;
ALTER TABLE step ADD COLUMN passages INTEGER;  -- that are seen after it
CREATE INDEX branch_agent ON branch(agent_id);
CREATE INDEX branch_parent ON branch(parent, parent_seq);
CREATE INDEX config_commit ON config(branch, seq);
CREATE INDEX passage_commit ON passage(branch, id);
CREATE TABLE tag(
  agent_id TEXT NOT NULL,
  name TEXT NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  time_us INTEGER NOT NULL,
  PRIMARY KEY(agent_id, name)
) WITHOUT ROWID;
)sql";

// Blocks that agents share, and what was destroyed on purpose.
constexpr const char* k006_shared_and_purged = R"sql(
-- A memory block with a history of its own. The agents' rows in `block` repeat each version that
-- they saw.
CREATE TABLE shared_block(
  id TEXT NOT NULL,
  version INTEGER NOT NULL,      -- 1, 2, ...
  label TEXT NOT NULL,
  value TEXT NOT NULL,
  char_limit INTEGER NOT NULL,
  description TEXT NOT NULL,
  read_only INTEGER NOT NULL,
  author TEXT NOT NULL,
  trust INTEGER NOT NULL,
  agent_id TEXT NOT NULL,        -- whose commit wrote it; '' = none's
  branch INTEGER NOT NULL,       -- that commit
  seq INTEGER NOT NULL,
  time_us INTEGER NOT NULL,
  PRIMARY KEY(id, version)
) WITHOUT ROWID;
ALTER TABLE block ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;  -- its version; 0: not shared

-- The one operation that destroys leaves this behind.
CREATE TABLE purge(
  id INTEGER PRIMARY KEY,
  time_us INTEGER NOT NULL,
  what TEXT NOT NULL             -- in words, and without what was destroyed
);
ALTER TABLE step ADD COLUMN purged INTEGER;  -- the last purge that changed what it wrote
)sql";

// A passage that is updated keeps its uid, so that several rows have it. Searches are made from the
// rows alone: files of older schemas have full-text tables beside them.
constexpr const char* k007_passage_versions = R"sql(
DROP TABLE IF EXISTS message_fts;
DROP TABLE IF EXISTS passage_fts;
-- The same rows with the same ids, which embeddings and retirements name.
CREATE TABLE passage_version(
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL,             -- of the passage; at most one of its rows is seen from a head
  archive TEXT NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  text TEXT NOT NULL,
  tags TEXT NOT NULL,            -- JSON array
  metadata TEXT NOT NULL,        -- JSON object
  time_us INTEGER NOT NULL,      -- when the passage was filed, also where it was updated since
  author TEXT NOT NULL,
  trust INTEGER NOT NULL
);
INSERT INTO passage_version SELECT id, uid, archive, branch, seq, text, tags, metadata, time_us,
  author, trust FROM passage ORDER BY id;
DROP TABLE passage;
ALTER TABLE passage_version RENAME TO passage;
CREATE INDEX passage_uid ON passage(uid);
CREATE INDEX passage_archive ON passage(archive, id);
CREATE INDEX passage_commit ON passage(branch, id);
CREATE INDEX retirement_commit ON retirement(branch, seq);
)sql";

// Archives that agents share, sources of tools that came with an imported agent, what an exported
// agent's file says of itself, vectors that wait for their commit, and how far other stores of
// vectors have been told.
constexpr const char* k008_archives = R"sql(
-- 'archive': it holds passages for those that it is attached to, in a line of history of its own.
ALTER TABLE agent ADD COLUMN kind TEXT NOT NULL DEFAULT 'agent';
DROP INDEX agent_name;
CREATE UNIQUE INDEX agent_name ON agent(kind, name) WHERE deleted_us IS NULL;

-- What a commit of an agent did to an archive is a commit of the archive's, in one transaction.
CREATE TABLE archive_commit(
  branch INTEGER NOT NULL,       -- the agent's
  seq INTEGER NOT NULL,
  archive_branch INTEGER NOT NULL,
  archive_seq INTEGER NOT NULL,
  PRIMARY KEY(branch, seq, archive_branch)
) WITHOUT ROWID;

-- With row ids: without, whatever is longer than a quarter of a page takes a page of its own.
CREATE TABLE embedding_row(
  passage INTEGER NOT NULL,
  embedder TEXT NOT NULL,
  dimension INTEGER NOT NULL,
  vector BLOB NOT NULL,          -- float32, little endian, unit length
  PRIMARY KEY(embedder, passage)
);
INSERT INTO embedding_row SELECT passage, embedder, dimension, vector FROM embedding
  ORDER BY passage;
DROP TABLE embedding;
ALTER TABLE embedding_row RENAME TO embedding;

-- Never executed, nor imported: to be read, and attached by hand.
CREATE TABLE tool_source(
  agent_id TEXT NOT NULL,
  name TEXT NOT NULL,
  source TEXT NOT NULL,
  PRIMARY KEY(agent_id, name)
) WITHOUT ROWID;

-- In a file that one agent was exported to, see export_file.h; empty in all others.
CREATE TABLE manifest(
  agent_id TEXT PRIMARY KEY,
  time_us INTEGER NOT NULL,
  digest TEXT NOT NULL           -- SHA-256 of all rows of the other tables
) WITHOUT ROWID;

-- Made for texts that are to be filed in one commit, so that what was broken off can go on.
CREATE TABLE staged_vector(
  embedder TEXT NOT NULL,
  digest TEXT NOT NULL,          -- SHA-256 of the text
  vector BLOB NOT NULL,          -- as in embedding
  PRIMARY KEY(embedder, digest)
);

-- Grows whenever passages that were filed before get vectors: indexes of them begin anew.
CREATE TABLE vector_epoch(
  archive TEXT NOT NULL,
  embedder TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  PRIMARY KEY(archive, embedder)
) WITHOUT ROWID;

-- The last rows that a program's own store of vectors has acknowledged.
CREATE TABLE store_progress(
  store TEXT NOT NULL,           -- its name
  archive TEXT NOT NULL,
  embedder TEXT NOT NULL,
  dimension INTEGER NOT NULL,
  passage INTEGER NOT NULL,      -- the last row id
  PRIMARY KEY(store, archive, embedder, dimension)
) WITHOUT ROWID;

-- Rows that such a store may have otherwise: destroyed by a purge, or given a vector later.
CREATE TABLE store_changed(
  store TEXT NOT NULL,
  archive TEXT NOT NULL,
  embedder TEXT NOT NULL,
  dimension INTEGER NOT NULL,
  passage INTEGER NOT NULL,      -- a row id
  PRIMARY KEY(store, archive, embedder, dimension, passage)
) WITHOUT ROWID;
)sql";

// What clients of the server say of things and read again, and tools that they send as source; no
// part of any history. Never executed by whoever opens the file.
constexpr const char* k009_cards = R"sql(
CREATE TABLE card(
  kind TEXT NOT NULL,            -- block, tool, archive
  id TEXT NOT NULL,
  name TEXT NOT NULL,            -- of a tool: unique
  json TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  updated_us INTEGER NOT NULL,
  deleted_us INTEGER,
  PRIMARY KEY(kind, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX card_name ON card(name) WHERE kind = 'tool' AND deleted_us IS NULL;
-- Lists of passages.
CREATE INDEX passage_time ON passage(archive, time_us);
)sql";

constexpr std::array kMigrations = {k001_initial,          k002_source_id, k003_replay,
                                    k004_policy,           k005_branches,  k006_shared_and_purged,
                                    k007_passage_versions, k008_archives,  k009_cards};
constexpr std::int64_t kLastWithTextTables = 6;

bool has_tables(Database& db) {
  Statement statement(db.get(), "SELECT count(*) FROM sqlite_schema");
  return statement.step() && statement.integer(0) > 0;
}

bool is_ok(Database& db, const std::string& check) {
  try {
    Statement row(db.get(), check);
    return row.step() && row.view(0) == "ok";
  } catch (const NotADatabase&) {
    return false;
  }
}

// SQLite finds every table readable, whatever it says of the full-text tables.
bool history_is_sound(Database& db) {
  std::vector<std::string> names{"sqlite_schema"};
  Statement row(db.get(),
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT "
                "GLOB 'message_fts*' AND name NOT GLOB 'passage_fts*'");
  while (row.step()) names.push_back(row.text(0));
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    // A name with a quotation mark is none of ours.
    return name.find('"') != std::string::npos || is_ok(db, "PRAGMA quick_check(\"" + name + "\")");
  });
}

// Tried, and taken back.
bool can_drop_text_tables(Database& db) {
  const Transaction transaction(db);
  try {
    db.execute("DROP TABLE IF EXISTS message_fts; DROP TABLE IF EXISTS passage_fts");
    return true;
  } catch (const DiskFull&) {
    throw;
  } catch (const StoreError&) {
    return false;
  }
}

// Full-text tables that are damaged are taken out of the schema, where SQLite cannot drop them, or
// would free pages by what they say of each other. The file is as it was otherwise, and sound.
void unlink_damaged_text_tables(Database& db, const std::string& path) {
  const bool sound = is_ok(db, "PRAGMA quick_check(1)");
  if (sound && can_drop_text_tables(db)) return;
  if (!sound && !history_is_sound(db))
    throw NotADatabase('"' + path +
                       "\" has an older schema and is damaged, and nothing of it was changed; "
                       "restore it from a copy");
  // This connection alone may change the schema by hand, and only here.
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
  {
    Transaction transaction(db);
    db.execute(
        "PRAGMA writable_schema = ON;"
        "DELETE FROM sqlite_schema WHERE tbl_name GLOB 'message_fts*' OR tbl_name GLOB "
        "'passage_fts*';"
        "PRAGMA writable_schema = RESET");
    transaction.commit();
  }
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // What they took is given back, and pages that two tables claimed are copied.
  db.execute("VACUUM");
}

}  // namespace

void create_schema(Database& db, std::int64_t version) {
  for (std::int64_t next = 0; next < version; ++next)
    db.execute(kMigrations.at(static_cast<std::size_t>(next)));
}

int newest_schema() { return static_cast<int>(kMigrations.size()); }

void migrate(Database& db, const std::string& path) {
  if (const auto version = db.pragma("user_version");
      db.pragma("application_id") == kApplicationId) {
    if (version == newest_schema()) return;
    if (version <= kLastWithTextTables) unlink_damaged_text_tables(db, path);
  }
  Transaction transaction(db);
  const auto application = db.pragma("application_id");
  if (application != kApplicationId && (application != 0 || has_tables(db)))
    throw NotADatabase("\"" + path + "\" is a database of another program; choose another file");
  const auto version = db.pragma("user_version");
  if (version > newest_schema())
    throw NewerVersion("\"" + path + "\" has schema " + std::to_string(version) +
                       ", this memgpt knows up to " + std::to_string(newest_schema()) +
                       "; upgrade memgpt to open it");
  for (auto next = version; next < newest_schema(); ++next)
    db.execute(kMigrations[static_cast<std::size_t>(next)]);
  db.execute(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str());
  db.execute(("PRAGMA user_version = " + std::to_string(newest_schema())).c_str());
  transaction.commit();
}

}  // namespace memgpt
