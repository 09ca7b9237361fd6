#include "store/recall.h"

#include <algorithm>
#include <unordered_set>

#include "memory/text.h"
#include "memory/words.h"
#include "store/rows.h"

namespace memgpt {

namespace {

// FTS5 takes time by the number of terms: a query of 100 KB asks for its first words only.
constexpr std::size_t kMaxTerms = 64;

void add_term(std::string& expression, std::string_view term) {
  if (!expression.empty()) expression += " OR ";
  expression += '"';
  expression += term;
  expression += '"';
}

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += ' ';
    out += part;
  }
  return out;
}

struct Candidate {
  std::int64_t id;
  double score;
};

// The texts that match, by the score: an index that is made for the one search. Stands in until
// there is one in memory.
std::vector<Candidate> ranked_rows(Database& db, const std::string& expression) {
  Database texts(":memory:");
  texts.execute(
      "CREATE VIRTUAL TABLE message_fts USING fts5(text, speaker, content='', "
      "tokenize='porter unicode61 remove_diacritics 2')");
  {
    Transaction transaction(texts);
    Statement row(db.get(), "SELECT id, text, name FROM message WHERE text <> ''");
    Statement insert(texts.get(),
                     "INSERT INTO message_fts(rowid, text, speaker) VALUES(?1, ?2, ?3)");
    while (row.step()) insert.bind(row.integer(0), row.view(1), row.view(2)).run();
    transaction.commit();
  }
  std::vector<Candidate> rows;
  Statement found(texts.get(),
                  "SELECT rowid, -bm25(message_fts, 1.0, 0.5) FROM message_fts WHERE message_fts "
                  "MATCH ?1");
  found.bind(expression);
  while (found.step()) rows.push_back({found.integer(0), found.real(1)});
  return rows;
}

std::string roles_filter(const std::vector<Role>& roles) {
  std::string sql = " AND m.role IN (";
  for (std::size_t i = 0; i < roles.size(); ++i)
    sql += (i > 0 ? ", '" : "'") + std::string(to_string(roles[i])) + '\'';
  return sql + ")";
}

}  // namespace

std::string match_expression(std::string_view text) {
  std::vector<std::string> phrases;
  std::string loose;
  // Text between pairs of quotation marks is a phrase; a mark without its pair is ignored.
  for (std::size_t at = 0; at < text.size();) {
    const auto open = text.find('"', at);
    const auto close = open == std::string_view::npos ? open : text.find('"', open + 1);
    if (close == std::string_view::npos) {
      loose += text.substr(at);
      break;
    }
    loose += text.substr(at, open - at);
    loose += ' ';
    const auto phrase = join(words(text.substr(open + 1, close - open - 1)));
    if (!phrase.empty()) phrases.push_back(phrase);
    at = close + 1;
  }
  std::string expression;
  std::size_t terms = 0;
  for (const auto& phrase : phrases)
    if (terms++ < kMaxTerms) add_term(expression, phrase);
  const auto all = words(loose);
  std::unordered_set<std::string_view> seen;
  for (const bool take_stop_words : {false, true}) {
    if (take_stop_words && !expression.empty()) break;
    for (const auto& word : all) {
      if (terms >= kMaxTerms) break;
      if (is_stop_word(word) != take_stop_words || !seen.insert(word).second) continue;
      add_term(expression, word);
      ++terms;
    }
  }
  return expression;
}

std::string make_snippet(std::string_view text, std::string_view query) {
  constexpr std::size_t kBefore = 60;
  constexpr std::size_t kLength = 200;
  if (text.size() <= kLength) return std::string(text);
  std::string lower(utf8_prefix(text, 100'000));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(c < 128 ? std::tolower(c) : c); });
  std::size_t first = std::string::npos;
  for (const auto& word : words(utf8_prefix(query, 2000)))
    if (!is_stop_word(word)) first = std::min(first, lower.find(word));
  if (first == std::string::npos) first = 0;
  const auto begin = utf8_prefix(text, first > kBefore ? first - kBefore : 0).size();
  std::string snippet = begin > 0 ? "..." : "";
  snippet += utf8_prefix(text.substr(begin), kLength);
  if (begin + kLength < text.size()) snippet += "...";
  return snippet;
}

RecallPage search_recall(Journal& journal, Head head, const RecallQuery& query) {
  RecallPage page;
  if (query.roles.empty() || query.limit <= 0) return page;
  const std::string expression = match_expression(query.text);
  if (expression.empty() && !is_blank(query.text)) return page;
  const bool ranked = !expression.empty();

  std::string sql = ranked ? "SELECT m.id FROM message m WHERE m.id = ?1 AND seen(?2, m.branch, "
                             "m.seq)"
                           : "SELECT m.id FROM message m WHERE m.branch = ?1 AND m.seq <= ?2 "
                             "AND m.text <> ''";
  sql += " AND m.time_us >= ?3 AND m.time_us < ?4 AND m.position < ?5" + roles_filter(query.roles);
  // Echoes of searches stand with the tool results that they repeat.
  if (std::find(query.roles.begin(), query.roles.end(), Role::tool) == query.roles.end())
    sql += std::string(" AND m.type <> '") + kSearchEcho + "'";
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();

  const auto reader = journal.reader();
  const auto line = journal.lineage(reader.db, head);
  Statement rows(reader.db.get(), sql);
  std::vector<Candidate> candidates;
  const auto gather = [&](const auto& first, const auto& second, double score) {
    rows.bind(first, second, query.start.value_or(kLowest), query.end.value_or(kHighest),
              query.before_position.value_or(kHighest));
    while (rows.step()) candidates.push_back({rows.integer(0), score});
  };
  if (ranked)
    for (const auto& row : ranked_rows(reader.db, expression)) gather(row.id, &line, row.score);
  else
    for (const auto& segment : line.segments()) gather(segment.branch, segment.last_seq, 0);
  page.total = static_cast<std::int64_t>(candidates.size());
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.id > b.id;
  });

  const std::string by_id =
      std::string("SELECT ") + kMessageColumns + " FROM message m WHERE m.id = ?1";
  Statement fetch(reader.db.get(), by_id);
  const auto first = static_cast<std::size_t>(std::max(0, query.offset));
  for (std::size_t i = first; i < candidates.size(); ++i) {
    if (i - first >= static_cast<std::size_t>(query.limit)) break;
    if (!fetch.bind(candidates[i].id).step()) continue;
    RecallHit hit{read_message(fetch), candidates[i].score, ""};
    hit.snippet = make_snippet(hit.message.text, query.text);
    page.hits.push_back(std::move(hit));
  }
  return page;
}

}  // namespace memgpt
