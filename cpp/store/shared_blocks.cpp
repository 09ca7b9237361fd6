#include "store/shared_blocks.h"

#include <algorithm>

namespace memgpt {

namespace {

constexpr const char* kColumns =
    "s.id, s.version, s.label, s.value, s.char_limit, s.description, s.read_only, s.author, "
    "s.trust, s.time_us, ifnull((SELECT name FROM agent a WHERE a.id = s.agent_id), '')";

BlockRecord read_shared(const Statement& row) {
  BlockRecord shared;
  Block& block = shared.block;
  block.id = row.text(0);
  block.version = row.integer(1);
  block.label = row.text(2);
  block.value = row.text(3);
  block.limit = static_cast<int>(row.integer(4));
  block.description = row.text(5);
  block.read_only = row.integer(6) != 0;
  block.author = row.text(7);
  block.trust = static_cast<Trust>(row.integer(8));
  block.time_us = row.integer(9);
  shared.agent = row.text(10);
  return shared;
}

// Nothing where there is no version after `known`.
std::optional<BlockRecord> newest(Database& db, const std::string& id, std::int64_t known) {
  static const std::string sql = std::string("SELECT ") + kColumns +
                                 " FROM shared_block s WHERE s.id = ?1 AND s.version > ?2 "
                                 "ORDER BY s.version DESC LIMIT 1";
  auto& row = db.prepare(sql);
  const Reset reset(row);
  if (!row.bind(id, known).step()) return std::nullopt;
  return read_shared(row);
}

[[noreturn]] void no_such_block(const std::string& id) {
  throw BlockNotFound("there is no shared block \"" + std::string(utf8_prefix(id, 60)) +
                      "\"; home.blocks() lists them");
}

}  // namespace

void follow_shared(Database& db, BlockVersion& version, Head head) {
  auto now = newest(db, version.block.id, version.shared);
  if (!now) return;
  version.shared = now->block.version;
  version.block = std::move(now->block);
  version.block.version = head.seq + 1;  // the commit that will record it
  version.unrecorded = true;
}

void write_shared_version(Database& db, const Block& block, std::int64_t version,
                          const std::string& agent_id, Head head, TimeUs now_us) {
  const auto now = newest(db, block.id, 0);
  const auto last = now ? now->block.version : 0;
  if (last != version - 1)
    throw SharedConflict(
        "the shared memory block \"" + block.label + "\" was changed by " +
        (now && !now->agent.empty() ? "agent \"" + now->agent + '"' : "somebody else") +
        " meanwhile, and your edit of it was not made. Read what it holds now, and edit that");
  db.prepare(
        "INSERT INTO shared_block(id, version, label, value, char_limit, description, read_only, "
        "author, trust, agent_id, branch, seq, time_us) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)")
      .bind(block.id, version, block.label, block.value, block.limit, block.description,
            block.read_only, block.author, static_cast<int>(block.trust), agent_id, head.branch,
            head.seq, now_us)
      .run();
}

void Journal::add_shared_version(const Block& block, TimeUs now_us) {
  queue_.write([&] { write_shared_version(writer_db_, block, block.version, "", {}, now_us); });
}

std::vector<BlockRecord> Journal::shared_blocks() {
  const auto reader = this->reader();
  static const std::string sql = std::string("SELECT ") + kColumns +
                                 " FROM shared_block s WHERE s.version = (SELECT max(version) "
                                 "FROM shared_block n WHERE n.id = s.id) ORDER BY s.label, s.id";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  std::vector<BlockRecord> blocks;
  while (row.step()) blocks.push_back(read_shared(row));
  return blocks;
}

BlockRecord Journal::shared_block(const std::string& block_id) {
  const auto reader = this->reader();
  if (auto now = newest(reader.db, block_id, 0)) return *std::move(now);
  no_such_block(block_id);
}

std::vector<BlockRecord> Journal::shared_versions(const std::string& block_id) {
  const auto reader = this->reader();
  static const std::string sql =
      std::string("SELECT ") + kColumns + " FROM shared_block s WHERE s.id = ?1 ORDER BY s.version";
  auto& row = reader.db.prepare(sql);
  const Reset reset(row);
  row.bind(block_id);
  std::vector<BlockRecord> versions;
  while (row.step()) versions.push_back(read_shared(row));
  if (versions.empty()) no_such_block(block_id);
  return versions;
}

std::vector<std::string> Journal::shared_edits(Head head, std::int64_t after) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  auto& row = reader.db.prepare(
      "SELECT DISTINCT b.label FROM block b JOIN shared_block s ON s.id = b.id AND s.version = "
      "b.shared AND s.branch = b.branch AND s.seq = b.seq "
      "WHERE b.branch = ?1 AND b.seq > ?2 AND b.seq <= ?3 AND b.shared > 0 ORDER BY b.label");
  const Reset reset(row);
  std::vector<std::string> labels;
  for (const auto& segment : lineage(reader.db, head)) {
    row.bind(segment.branch, after, segment.last_seq);
    while (row.step()) {
      auto label = row.text(0);
      if (std::find(labels.begin(), labels.end(), label) == labels.end())
        labels.push_back(std::move(label));
    }
  }
  return labels;
}

bool Journal::follow_shared(std::vector<BlockVersion>& blocks, Head head) {
  const auto reader = this->reader();
  bool changed = false;
  for (auto& version : blocks) {
    if (version.shared == 0) continue;
    const auto before = version.shared;
    memgpt::follow_shared(reader.db, version, head);
    changed = changed || version.shared != before;
  }
  return changed;
}

}  // namespace memgpt
