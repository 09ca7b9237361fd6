// The journal as it was written: commit by commit, and what each of them held.
#include <algorithm>
#include <map>
#include <set>

#include "error.h"
#include "store/journal.h"
#include "store/rows.h"

namespace memgpt {

namespace {

// Fields one after the other, each with its length, so that no two contents have the same bytes.
class Fields {
 public:
  Fields& add(std::string_view text) {
    bytes_ += std::to_string(text.size());
    bytes_ += ':';
    bytes_ += text;
    return *this;
  }
  Fields& add(const std::string& text) { return add(std::string_view(text)); }
  Fields& add(const char* text) { return add(std::string_view(text)); }
  template <typename Number>
    requires std::is_integral_v<Number>
  Fields& add(Number number) {
    bytes_ += std::to_string(number);
    bytes_ += ';';
    return *this;
  }
  Fields& add(const std::vector<Range>& ranges) {
    for (const auto& range : ranges) add(range.begin).add(range.end);
    return add(";");
  }
  Fields& add(const std::vector<std::string>& texts) {
    for (const auto& text : texts) add(text);
    return add(";");
  }
  // " name=" and the first 64 bits of the SHA-256; nothing where there are no fields.
  void append_to(std::string& content, std::string_view name) const {
    if (bytes_.empty()) return;
    if (!content.empty()) content += ' ';
    content += name;
    content += '=';
    content += to_hex(sha256(bytes_)).substr(0, 16);
  }

 private:
  std::string bytes_;
};

void add_step(Fields& out, const StepRow& step) {
  out.add(step.kind).add(step.author).add(step.time_us).add(step.config).add(step.seed);
  out.add(step.model).add(step.tokenizer).add(step.compiler).add(step.digest);
  out.add(step.context_tokens).add(step.overhead_tokens).add(step.prompt_tokens);
  out.add(step.completion_tokens).add(step.correction).add(step.unbound_tools);
  out.add(step.decision).add(step.reply);
  // Since schema 4: what was written before keeps its digest.
  if (step.prefix_tokens >= 0 || !step.prefix_broken.empty())
    out.add(step.prefix_tokens).add(step.prefix_broken);
  if (step.passages >= 0) out.add(step.passages);  // since schema 5
  if (step.purged > 0) out.add(step.purged);       // since schema 6
}

void add_message(Fields& out, const Message& message) {
  out.add(message.id).add(message.position).add(to_string(message.role)).add(message.type);
  out.add(message.name).add(message.text).add(message.content).add(message.thinking);
  for (const auto& call : message.tool_calls) out.add(call.id).add(call.name).add(call.arguments);
  out.add(message.tool_call_id).add(message.failed).add(message.shown_bytes);
  out.add(message.time_us).add(message.session).add(message.author);
  out.add(static_cast<int>(message.trust)).add(message.tokens).add(message.source_id);
}

void add_block(Fields& out, const BlockVersion& version) {
  const Block& block = version.block;
  out.add(block.id).add(version.place).add(version.detached).add(block.label).add(block.value);
  out.add(block.limit).add(block.description).add(block.read_only).add(block.author);
  out.add(static_cast<int>(block.trust));
  if (version.shared > 0) out.add(version.shared);  // since schema 6
}

void add_passage(Fields& out, const Passage& passage) {
  out.add(passage.id).add(passage.text).add(passage.tags).add(passage.metadata);
  out.add(passage.time_us).add(passage.author).add(static_cast<int>(passage.trust));
}

// By what is the same in every file that holds the history.
void add_retired(Fields& out, const PassageRow& row) {
  out.add(row.passage.id).add(row.seq).add(row.retired_by);
}

void add_summary(Fields& out, const SummaryRow& summary) {
  out.add(summary.text).add(summary.covers).add(summary.covered);
  out.add(summary.replaces.has_value()).add(summary.author);
  out.add(static_cast<int>(summary.trust)).add(summary.tokens);
  if (!summary.failure.empty()) out.add(summary.failure);  // since schema 4
}

void add_tool_run(Fields& out, const ToolRunRow& run) {
  out.add(run.call_id).add(run.phase).add(run.tool).add(run.arguments).add(run.effects);
  out.add(run.idempotency_key).add(run.status).add(run.result).add(run.time_us);
}

// In the order in which the rows are read, whatever the order was in which they were written.
template <typename Row, typename Key, typename Add>
Fields sorted_fields(const std::vector<Row>& rows, const Key& key, const Add& add) {
  std::vector<const Row*> sorted;
  sorted.reserve(rows.size());
  for (const auto& row : rows) sorted.push_back(&row);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const Row* a, const Row* b) { return key(*a) < key(*b); });
  Fields fields;
  for (const Row* row : sorted) add(fields, *row);
  return fields;
}

}  // namespace

std::string content_of(const Commit& commit) {
  std::string content;
  Fields step;
  add_step(step, commit.step);
  step.append_to(content, "step");
  Fields config;
  if (commit.config) config.add(*commit.config);
  config.append_to(content, "config");
  Fields messages;
  if (!commit.messages.empty()) messages.add(commit.tokenizer);
  for (const auto& message : commit.messages) add_message(messages, message);
  messages.append_to(content, "messages");
  sorted_fields(
      commit.blocks, [](const BlockVersion& row) -> const std::string& { return row.block.id; },
      add_block)
      .append_to(content, "blocks");
  Fields passages;
  for (const auto& passage : commit.passages) add_passage(passages, passage);
  passages.append_to(content, "passages");
  sorted_fields(
      commit.retired, [](const PassageRow& row) { return row.id; }, add_retired)
      .append_to(content, "retired");
  Fields summary;
  if (commit.summary) add_summary(summary.add(commit.tokenizer), *commit.summary);
  summary.append_to(content, "summary");
  Fields window;
  if (commit.window)
    window.add(commit.window->ranges)
        .add(commit.summary || commit.window->summary)
        .add(commit.window->warned)
        .add(commit.window->outside);
  window.append_to(content, "window");
  sorted_fields(
      commit.tool_runs,
      [](const ToolRunRow& row) { return std::make_pair(row.call_id, row.phase); }, add_tool_run)
      .append_to(content, "tool_runs");
  sorted_fields(
      commit.pins, [](const PinRow& row) { return row.position; },
      [](Fields& out, const PinRow& row) { out.add(row.position).add(row.pinned); })
      .append_to(content, "pins");
  return content;
}

namespace {

std::map<std::string, std::string, std::less<>> parts_of(std::string_view content) {
  std::map<std::string, std::string, std::less<>> parts;
  while (!content.empty()) {
    const auto part = content.substr(0, content.find(' '));
    const auto equals = part.find('=');
    if (equals != std::string_view::npos)
      parts.emplace(part.substr(0, equals), part.substr(equals + 1));
    content.remove_prefix(std::min(content.size(), part.size() + 1));
  }
  return parts;
}

}  // namespace

std::string changed_parts(std::string_view recorded, std::string_view now) {
  if (recorded == now) return "";
  const auto before = parts_of(recorded);
  const auto after = parts_of(now);
  std::set<std::string, std::less<>> names;
  for (const auto& [name, digest] : before)
    if (const auto found = after.find(name); found == after.end() || found->second != digest)
      names.insert(name);
  for (const auto& [name, digest] : after)
    if (!before.contains(name)) names.insert(name);
  // A change of any row but the step's own is named before the step's.
  std::string list;
  for (const auto& name : names)
    if (name != "step") list += (list.empty() ? "" : ", ") + name;
  if (names.contains("step")) list += list.empty() ? "step" : ", step";
  return list.empty() ? "step" : list;
}

namespace {

// Reads the rows of a table that belong to commits of [first, last], which are in `commits`.
class CommitReader {
 public:
  CommitReader(Database& db, const std::string& agent_id, std::int64_t branch,
               std::vector<Commit>& commits)
      : db_(db),
        agent_id_(agent_id),
        branch_(branch),
        commits_(commits),
        first_(commits.front().step.seq),
        last_(commits.back().step.seq) {}

  void read_configs() {
    each(
        "SELECT c.seq, c.json, c.version, c.author FROM config c JOIN branch b ON b.id = c.branch "
        "AND b.agent_id = c.agent_id WHERE c.branch = ?1 AND c.seq BETWEEN ?2 AND ?3",
        [](Commit& commit, Statement& row) {
          if (commit.config) contradicts(commit, "config", "there are two configurations");
          commit.config = row.text(1);
          if (row.integer(2) != commit.step.config)
            contradicts(commit, "config",
                        "the configuration's version is " + row.text(2) + ", the commit says " +
                            std::to_string(commit.step.config));
          if (row.view(3) != commit.step.author)
            contradicts(commit, "config",
                        "the configuration's author is \"" + row.text(3) + "\", the commit's \"" +
                            commit.step.author + '"');
        });
  }

  // Positions grow with the commits: read on from where the last ones ended.
  void read_messages(std::int64_t& position) {
    static const std::string sql = std::string("SELECT ") + kMessageColumns +
                                   ", m.seq, m.tokenizer FROM message m WHERE m.branch = ?1 AND "
                                   "m.position >= ?2 ORDER BY m.position";
    constexpr int kSeq = kMessageColumnCount;
    auto& row = db_.prepare(sql);
    const Reset reset(row);
    row.bind(branch_, position);
    while (row.step() && row.integer(kSeq) <= last_) {
      Commit* const commit = find(row.integer(kSeq));
      if (commit == nullptr) continue;
      commit->messages.push_back(read_message(row));
      set_tokenizer(*commit, row.text(kSeq + 1), "messages", commit->messages.size() == 1);
      position = commit->messages.back().position + 1;
    }
  }

  void read_passages(std::int64_t& passage) {
    static const std::string sql = std::string("SELECT ") + kPassageColumns +
                                   ", p.seq, p.id FROM passage p WHERE p.branch = ?1 AND "
                                   "p.id > ?2 AND p.archive = (SELECT archive FROM agent "
                                   "WHERE id = ?3) ORDER BY p.id";
    constexpr int kSeq = 7;
    auto& row = db_.prepare(sql);
    const Reset reset(row);
    row.bind(branch_, passage, agent_id_);
    while (row.step() && row.integer(kSeq) <= last_) {
      if (Commit* const commit = find(row.integer(kSeq)))
        commit->passages.push_back(read_passage(row));
      passage = row.integer(kSeq + 1);
    }
  }

  // A target that is gone has no id: the commit is not as it was written then.
  void read_retired() {
    each(
        "SELECT r.seq, r.target, ifnull(p.seq, 0), ifnull(p.uid, ''), r.author FROM retirement r "
        "LEFT JOIN passage p ON p.id = r.target WHERE r.kind = 'passage' AND r.branch = ?1 AND "
        "r.seq BETWEEN ?2 AND ?3",
        [](Commit& commit, Statement& row) {
          PassageRow retired{row.integer(1), row.integer(2), {}, row.text(4)};
          retired.passage.id = row.text(3);
          commit.retired.push_back(std::move(retired));
        });
  }

  void read_blocks() {
    each(std::string("SELECT b.seq, ") + kBlockColumns +
             " FROM block b WHERE b.branch = ?1 AND b.seq BETWEEN ?2 AND ?3 "
             "ORDER BY b.seq, b.place",
         [](Commit& commit, Statement& row) { commit.blocks.push_back(read_block(row, 1)); });
  }

  void read_summaries() {
    each(std::string("SELECT s.seq, ") + kSummaryColumns +
             ", s.tokenizer FROM summary s WHERE s.branch = ?1 AND s.seq BETWEEN ?2 AND ?3",
         [](Commit& commit, Statement& row) {
           if (commit.summary) contradicts(commit, "summary", "there are two summaries");
           commit.summary = read_summary(row, 1);
           set_tokenizer(commit, row.text(10), "summary", commit.messages.empty());
         });
  }

  void read_windows() {
    each(std::string("SELECT w.seq, ") + kWindowColumns +
             " FROM window w WHERE w.branch = ?1 AND w.seq BETWEEN ?2 AND ?3",
         [](Commit& commit, Statement& row) { commit.window = read_window(row, 1); });
  }

  void read_tool_runs() {
    each(std::string("SELECT r.seq, ") + kToolRunColumns +
             " FROM tool_run r WHERE r.branch = ?1 AND r.seq BETWEEN ?2 AND ?3",
         [](Commit& commit, Statement& row) { commit.tool_runs.push_back(read_tool_run(row, 1)); });
  }

  void read_pins() {
    each("SELECT seq, position, pinned FROM pin WHERE branch = ?1 AND seq BETWEEN ?2 AND ?3",
         [](Commit& commit, Statement& row) {
           commit.pins.push_back({row.integer(1), row.integer(2) != 0});
         });
  }

 private:
  static void contradicts(Commit& commit, std::string what, std::string text) {
    if (!commit.contradiction) commit.contradiction = {std::move(what), std::move(text)};
  }

  // All rows of a commit that name a tokenizer name the same.
  static void set_tokenizer(Commit& commit, std::string_view name, const char* what, bool first) {
    if (!first && name != commit.tokenizer)
      contradicts(commit, what,
                  "a row names the tokenizer \"" + std::string(utf8_prefix(name, 60)) +
                      "\", another one of the same commit \"" + commit.tokenizer + '"');
    commit.tokenizer = name;
  }

  // Column 0 is the commit; ?1 is the branch, ?2 and ?3 are the commits.
  template <typename Read>
  void each(const std::string& sql, const Read& read) {
    Statement row(db_.get(), sql);
    row.bind(branch_, first_, last_);
    while (row.step())
      if (Commit* const commit = find(row.integer(0))) read(*commit, row);
  }

  [[nodiscard]] Commit* find(std::int64_t seq) {
    const auto found =
        std::lower_bound(commits_.begin(), commits_.end(), seq,
                         [](const Commit& commit, std::int64_t s) { return commit.step.seq < s; });
    return found != commits_.end() && found->step.seq == seq ? &*found : nullptr;
  }

  Database& db_;
  const std::string& agent_id_;
  std::int64_t branch_;
  std::vector<Commit>& commits_;
  std::int64_t first_;
  std::int64_t last_;
};

}  // namespace

std::vector<Commit> Journal::commits(const std::string& agent_id, Head head, CommitCursor& cursor,
                                     std::int64_t limit) {
  const auto reader = this->reader();
  const ReadTransaction transaction(reader.db);
  return read_commits(reader.db, agent_id, lineage(reader.db, head), cursor, limit);
}

std::vector<Commit> read_commits(Database& db, const std::string& agent_id, const Lineage& line,
                                 CommitCursor& cursor, std::int64_t limit) {
  std::vector<Commit> commits;
  // Those of one branch at a time.
  const auto branch = line.branch_of(cursor.seq + 1);
  {
    static const std::string sql =
        std::string("SELECT ") + kStepColumns +
        " FROM step WHERE branch = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4";
    auto& row = db.prepare(sql);
    const Reset reset(row);
    std::int64_t last = 0;
    for (const auto& segment : line.segments())
      if (segment.branch == branch) last = segment.last_seq;
    row.bind(branch, cursor.seq, last, limit);
    while (row.step()) {
      commits.emplace_back();
      commits.back().agent_id = agent_id;
      commits.back().branch = branch;
      commits.back().step = read_step(row);
    }
  }
  if (commits.empty()) return commits;
  CommitCursor next = cursor;
  CommitReader rows(db, agent_id, branch, commits);
  rows.read_configs();
  rows.read_messages(next.position);
  rows.read_passages(next.passage);
  rows.read_retired();
  rows.read_blocks();
  rows.read_summaries();
  rows.read_windows();
  rows.read_tool_runs();
  rows.read_pins();
  next.seq = commits.back().step.seq;
  cursor = next;
  return commits;
}

Commit read_commit(Database& db, Head place) {
  std::vector<Commit> commits(1);
  Commit& commit = commits.front();
  commit.branch = place.branch;
  {
    static const std::string sql =
        std::string("SELECT ") + kStepColumns + " FROM step WHERE branch = ?1 AND seq = ?2";
    auto& row = db.prepare(sql);
    const Reset reset(row);
    if (!row.bind(place.branch, place.seq).step())
      throw StoreError("commit " + std::to_string(place.seq) + " is gone from the file");
    commit.step = read_step(row);
  }
  {
    // Where its agent was purged: another one of the same archive.
    auto& row = db.prepare(
        "SELECT a.id FROM branch b JOIN agent a ON a.id = b.agent_id WHERE b.id = ?1 UNION ALL "
        "SELECT a.id FROM agent a WHERE a.archive = (SELECT archive FROM passage WHERE "
        "branch = ?1 LIMIT 1) LIMIT 1");
    const Reset reset(row);
    if (row.bind(place.branch).step()) commit.agent_id = row.text(0);
  }
  const auto before = Lineage(db, place.branch).up_to(place.seq - 1);
  auto& last = db.prepare(
      "SELECT id, seq FROM passage WHERE branch = ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1");
  auto position = end_position(db, before);
  auto passage =
      last_key(last, place.seq - 1, [&](std::int64_t key) { last.bind(place.branch, key); });
  const std::string agent_id = commit.agent_id;
  CommitReader rows(db, agent_id, place.branch, commits);
  rows.read_configs();
  rows.read_messages(position);
  rows.read_passages(passage);
  rows.read_retired();
  rows.read_blocks();
  rows.read_summaries();
  rows.read_windows();
  rows.read_tool_runs();
  rows.read_pins();
  return std::move(commits.front());
}

}  // namespace memgpt
