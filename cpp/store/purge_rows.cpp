// A text, put out in every row that has it.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "error.h"
#include "memory/window.h"
#include "store/purge.h"
#include "store/purge_text.h"
#include "store/rows.h"

namespace memgpt {

namespace {

// Gathers the changes first: commits are compared with what they recorded before they are written.
class TextPurger {
 public:
  TextPurger(Database& db, const PurgeRequest& request)
      : db_(db), request_(request), eraser_(request.text) {}

  Purged run(std::int64_t id) {
    gather_messages();
    gather_blocks();
    gather_passages();
    gather_summaries();
    gather_tool_runs();
    gather_steps();
    gather_configs();
    gather_sources();
    purged_.commits = std::ssize(touched_);
    for (const Head place : places()) remember(place);
    for (const auto& write : writes_) write();
    for (const auto& [place, commit] : sound_) mark({place.first, place.second}, id);
    purged_.names = names();
    return purged_;
  }

 private:
  using Place = std::pair<std::int64_t, std::int64_t>;

  [[nodiscard]] std::vector<Head> places() const {
    std::vector<Head> places;
    places.reserve(touched_.size());
    for (const auto& [branch, seq] : touched_) places.push_back({branch, seq});
    return places;
  }

  void change(std::int64_t branch, std::int64_t seq, std::function<void()> write) {
    touched_.emplace(branch, seq);
    writes_.push_back(std::move(write));
  }

  // True where one of the columns may have to be changed.
  bool may_hold(const Statement& row, int first, int last) const {
    for (int column = first; column <= last; ++column)
      if (eraser_.may_be_in(row.view(column))) return true;
    return false;
  }

  template <typename... Texts>
  bool erase_any(Texts&... texts) const {
    bool changed = false;
    ((changed = eraser_.erase(texts) || changed), ...);
    return changed;
  }

  std::shared_ptr<const TokenCounter> counter(const std::string& name) {
    auto [found, is_new] = counters_.try_emplace(name);
    if (is_new) found->second = request_.counter(name);
    return found->second;
  }

  void gather_messages() {
    Statement row(db_.get(), std::string("SELECT ") + kMessageColumns +
                                 ", m.id, m.branch, m.seq, m.tokenizer FROM message m");
    constexpr int kId = kMessageColumnCount;
    while (row.step()) {
      if (!may_hold(row, 4, 9) && !may_hold(row, 17, 17)) continue;
      Message message = read_message(row);
      std::string calls = row.text(8);
      if (!erase(message, calls)) continue;
      ++purged_.messages;
      const Place place{row.integer(kId + 1), row.integer(kId + 2)};
      const auto tokenizer = row.text(kId + 3);
      if (const auto counts = counter(tokenizer))
        message.tokens = measure(message, *counts).message->tokens;
      else
        uncounted_.insert(place);
      change(place.first, place.second,
             [this, id = row.integer(kId), message = std::move(message), calls = std::move(calls)] {
               db_.prepare(
                      "UPDATE message SET name = ?2, text = ?3, content = ?4, thinking = ?5, "
                      "tool_calls = ?6, tool_call_id = ?7, shown_bytes = ?8, author = ?9, "
                      "tokens = ?10, source_id = ?11 WHERE id = ?1")
                   .bind(id, message.name, message.text, message.content, message.thinking, calls,
                         message.tool_call_id, message.shown_bytes, message.author, message.tokens,
                         message.source_id)
                   .run();
             });
    }
  }

  bool erase(Message& message, std::string& calls) const {
    const std::string before = message.text;
    bool changed = erase_any(message.text, message.name, message.content, message.thinking,
                             message.tool_call_id, message.source_id);
    // The author of a return is its tool.
    constexpr std::string_view kTool = "tool:";
    if (message.author.starts_with(kTool)) {
      std::string tool = message.author.substr(kTool.size());
      if (eraser_.erase(tool)) message.author = std::string(kTool) + tool;
    }
    if (eraser_.erase_strings(calls)) {
      changed = true;
      std::size_t next = 0;
      for (const auto& item : array_column(calls)) {
        const auto& call = item.as_object();
        message.tool_calls.at(next++) = {string_or(call, "id"), string_or(call, "name"),
                                         string_or(call, "arguments")};
      }
    }
    message.shown_bytes = eraser_.shown_after(before, message.text, message.shown_bytes);
    return changed;
  }

  void gather_blocks() {
    Statement row(db_.get(), "SELECT id, branch, seq, value, description FROM block");
    while (row.step()) {
      if (!may_hold(row, 3, 4)) continue;
      auto value = row.text(3);
      auto description = row.text(4);
      if (!erase_any(value, description)) continue;
      ++purged_.blocks;
      change(row.integer(1), row.integer(2),
             [this, id = row.text(0), branch = row.integer(1), seq = row.integer(2),
              value = std::move(value), description = std::move(description)] {
               db_.prepare(
                      "UPDATE block SET value = ?4, description = ?5 WHERE branch = ?2 AND "
                      "id = ?1 AND seq = ?3")
                   .bind(id, branch, seq, value, description)
                   .run();
             });
    }
    // Their commits, if they have any, repeat them in `block`.
    Statement shared(db_.get(), "SELECT id, version, value, description FROM shared_block");
    while (shared.step()) {
      if (!may_hold(shared, 2, 3)) continue;
      auto value = shared.text(2);
      auto description = shared.text(3);
      if (!erase_any(value, description)) continue;
      ++purged_.blocks;
      writes_.emplace_back([this, id = shared.text(0), version = shared.integer(1),
                            value = std::move(value), description = std::move(description)] {
        db_.prepare(
               "UPDATE shared_block SET value = ?3, description = ?4 WHERE id = ?1 AND "
               "version = ?2")
            .bind(id, version, value, description)
            .run();
      });
    }
  }

  void gather_passages() {
    Statement row(db_.get(), "SELECT id, branch, seq, text, tags, metadata FROM passage");
    const auto embedders = embedders_of(db_);
    while (row.step()) {
      if (!may_hold(row, 3, 5)) continue;
      auto text = row.text(3);
      auto tags = row.text(4);
      auto metadata = row.text(5);
      const bool text_changed = eraser_.erase(text);
      const bool tags_changed = eraser_.erase_strings(tags);
      if (!erase_any(metadata) && !text_changed && !tags_changed) continue;
      ++purged_.passages;
      const auto id = row.integer(0);
      if (text_changed)
        for (const auto& embedder : embedders) renew_vector(embedder, id, text);
      change(row.integer(1), row.integer(2),
             [this, id, text = std::move(text), tags = std::move(tags),
              metadata = std::move(metadata)] {
               db_.prepare("UPDATE passage SET text = ?2, tags = ?3, metadata = ?4 WHERE id = ?1")
                   .bind(id, text, tags, metadata)
                   .run();
             });
    }
  }

  void renew_vector(const std::string& embedder, std::int64_t passage, const std::string& text) {
    if (!has_vector(db_, embedder, passage)) return;
    writes_.emplace_back([this, passage, embedder] { tell_stores_of(db_, passage, embedder); });
    const auto made = std::find_if(
        request_.vectors.begin(), request_.vectors.end(), [&](const NewVector& vector) {
          return vector.passage == passage && vector.embedder == embedder && vector.text == text;
        });
    if (made == request_.vectors.end() || made->vector.empty()) {
      ++purged_.vectors_lost;
      writes_.emplace_back([this, passage, embedder] {
        db_.prepare("DELETE FROM embedding WHERE embedder = ?1 AND passage = ?2")
            .bind(embedder, passage)
            .run();
      });
      return;
    }
    writes_.emplace_back([this, &vector = *made] {
      db_.prepare(
             "UPDATE embedding SET dimension = ?3, vector = ?4 WHERE embedder = ?1 AND passage = "
             "?2")
          .bind(vector.embedder, vector.passage, static_cast<std::int64_t>(vector.vector.size()),
                std::span<const float>(vector.vector))
          .run();
    });
  }

  void gather_summaries() {
    Statement row(db_.get(),
                  "SELECT id, branch, seq, text, failure, tokens, tokenizer FROM summary");
    while (row.step()) {
      if (!may_hold(row, 3, 4)) continue;
      auto text = row.text(3);
      auto failure = row.text(4);
      auto tokens = row.integer(5);
      const bool text_changed = eraser_.erase(text);
      if (!erase_any(failure) && !text_changed) continue;
      ++purged_.summaries;
      const Place place{row.integer(1), row.integer(2)};
      if (const auto counts = counter(row.text(6)); counts && text_changed)
        tokens = static_cast<std::int64_t>(counts->count(text));
      else if (!counts)
        uncounted_.insert(place);
      change(place.first, place.second,
             [this, id = row.integer(0), tokens, text = std::move(text),
              failure = std::move(failure)] {
               db_.prepare("UPDATE summary SET text = ?2, failure = ?3, tokens = ?4 WHERE id = ?1")
                   .bind(id, text, failure, tokens)
                   .run();
             });
    }
  }

  void gather_tool_runs() {
    Statement row(db_.get(),
                  "SELECT branch, seq, phase, call_id, tool, arguments, result FROM tool_run");
    while (row.step()) {
      if (!may_hold(row, 3, 6)) continue;
      const auto before = row.text(3);
      auto call = before;
      auto tool = row.text(4);
      auto arguments = row.text(5);
      auto result = row.text(6);
      const bool arguments_changed = eraser_.erase_arguments(arguments);
      // Without its key a call that was broken off is not repeated: it would not be the same call.
      if (!erase_any(call, tool, result) && !arguments_changed) continue;
      ++purged_.tool_runs;
      change(row.integer(0), row.integer(1),
             [this, branch = row.integer(0), seq = row.integer(1), phase = row.text(2), before,
              arguments_changed, call = std::move(call), tool = std::move(tool),
              arguments = std::move(arguments), result = std::move(result)] {
               db_.prepare(
                      "UPDATE tool_run SET call_id = ?5, tool = ?6, arguments = ?7, result = ?8, "
                      "idempotency_key = iif(?9, '', idempotency_key) WHERE branch = ?1 AND seq = "
                      "?2 AND call_id = ?3 AND phase = ?4")
                   .bind(branch, seq, before, phase, call, tool, arguments, result,
                         arguments_changed)
                   .run();
             });
    }
  }

  void gather_steps() {
    Statement row(db_.get(), "SELECT branch, seq, decision, reply FROM step");
    while (row.step()) {
      if (!may_hold(row, 2, 3)) continue;
      auto decision = row.text(2);
      auto reply = row.text(3);
      const bool decided = eraser_.erase_strings(decision);
      const bool replied = eraser_.erase_strings(reply);
      if (!decided && !replied) continue;
      ++purged_.replies;
      change(row.integer(0), row.integer(1),
             [this, branch = row.integer(0), seq = row.integer(1), decided, replied,
              decision = std::move(decision), reply = std::move(reply)] {
               if (decided)
                 db_.prepare("UPDATE step SET decision = ?3 WHERE branch = ?1 AND seq = ?2")
                     .bind(branch, seq, decision)
                     .run();
               if (replied)
                 db_.prepare("UPDATE step SET reply = ?3 WHERE branch = ?1 AND seq = ?2")
                     .bind(branch, seq, reply)
                     .run();
             });
    }
  }

  void gather_configs() {
    Statement row(db_.get(), "SELECT agent_id, version, branch, seq, json FROM config");
    while (row.step()) {
      auto config = row.text(4);
      if (!eraser_.erase_config(config)) continue;
      ++purged_.configurations;
      change(row.integer(2), row.integer(3),
             [this, agent = row.text(0), version = row.integer(1), config = std::move(config)] {
               db_.prepare("UPDATE config SET json = ?3 WHERE agent_id = ?1 AND version = ?2")
                   .bind(agent, version, config)
                   .run();
             });
    }
  }

  // No commit wrote them.
  void gather_sources() {
    Statement row(db_.get(), "SELECT agent_id, name, source FROM tool_source");
    while (row.step()) {
      auto source = row.text(2);
      if (!eraser_.erase(source)) continue;
      ++purged_.configurations;
      writes_.emplace_back([this, id = row.text(0), name = row.text(1), source] {
        db_.prepare("UPDATE tool_source SET source = ?3 WHERE agent_id = ?1 AND name = ?2")
            .bind(id, name, source)
            .run();
      });
    }
  }

  // What the commit records of its rows fits them: else it shall not fit them afterwards.
  void remember(Head place) {
    bool sound = false;
    try {
      const auto commit = read_commit(db_, place);
      sound = !commit.step.content.empty() && commit.step.content == content_of(commit);
    } catch (const StoreError&) {
      sound = false;
    }
    sound_.emplace(Place{place.branch, place.seq}, sound);
  }

  void mark(Head place, std::int64_t id) {
    db_.prepare("UPDATE step SET purged = ?3 WHERE branch = ?1 AND seq = ?2")
        .bind(place.branch, place.seq, id)
        .run();
    const bool sound = sound_.at({place.branch, place.seq});
    const bool uncounted = uncounted_.contains({place.branch, place.seq});
    if (!sound && !uncounted) return;
    auto commit = read_commit(db_, place);
    if (uncounted) {
      count_by_stand_in(commit, place);
      commit = read_commit(db_, place);
    }
    if (!sound) return;
    db_.prepare("UPDATE step SET content = ?3 WHERE branch = ?1 AND seq = ?2")
        .bind(place.branch, place.seq, content_of(commit))
        .run();
  }

  // A counter that a program brought is not to be had here. Under another name the rows of the
  // commit, which name one counter, are counted anew by whoever has the right one.
  void count_by_stand_in(const Commit& commit, Head place) {
    const auto counts = counter(request_.stand_in);
    for (const auto& message : commit.messages)
      db_.prepare(
             "UPDATE message SET tokens = ?3, tokenizer = ?4 WHERE branch = ?1 AND position = ?2")
          .bind(place.branch, message.position, measure(message, *counts).message->tokens,
                request_.stand_in)
          .run();
    if (commit.summary)
      db_.prepare("UPDATE summary SET tokens = ?2, tokenizer = ?3 WHERE id = ?1")
          .bind(commit.summary->id, static_cast<std::int64_t>(counts->count(commit.summary->text)),
                request_.stand_in)
          .run();
  }

  // What things are called stays.
  std::int64_t names() {
    std::int64_t found = 0;
    Statement row(db_.get(),
                  "SELECT name FROM agent UNION SELECT name FROM tag UNION SELECT label FROM block "
                  "UNION SELECT label FROM shared_block UNION SELECT model FROM step "
                  "UNION SELECT json FROM config");
    while (row.step()) found += eraser_.is_in(row.view(0)) ? 1 : 0;
    return found;
  }

  Database& db_;
  const PurgeRequest& request_;
  Eraser eraser_;
  Purged purged_;
  std::set<Place> touched_;
  std::set<Place> uncounted_;
  std::map<Place, bool> sound_;
  std::vector<std::function<void()>> writes_;
  std::unordered_map<std::string, std::shared_ptr<const TokenCounter>> counters_;
};

}  // namespace

Purged purge_text(Database& db, const PurgeRequest& request, std::int64_t id) {
  return TextPurger(db, request).run(id);
}

}  // namespace memgpt
