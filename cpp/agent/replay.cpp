#include "agent/replay.h"

#include <algorithm>

#include "agent/replay_diff.h"
#include "agent/replayer.h"
#include "agent/tool_call_decoder.h"
#include "error.h"
#include "memory/json.h"
#include "store/rows.h"

namespace memgpt {

namespace {

constexpr std::int64_t kBatch = 128;

std::string summary_name(std::optional<std::int64_t> id) {
  return id ? "summary " + std::to_string(*id) : "no summary";
}

}  // namespace

void Replayer::note_unchecked(const std::string& line) {
  auto& lines = report_.unchecked;
  if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
}

void Replayer::use_counter(const std::string& tokenizer) {
  past_.use_counter(tokenizer);
  if (!past_.can_count())
    note_unchecked("token counts of the tokenizer \"" + tokenizer + "\", which is not to be had");
}

std::optional<Divergence> Replayer::apply(const Commit& commit) {
  const StepRow& step = commit.step;
  const auto diverges = [&](const Found& found) {
    return Divergence{step.seq, step.kind, found.what, found.diff};
  };
  if (step.seq != report_.commits + 1)
    return Divergence{report_.commits + 1, "missing", "step",
                      "the history goes from commit " + std::to_string(report_.commits) + " to " +
                          std::to_string(step.seq) + "; what lies between is gone"};
  ++report_.commits;
  if (commit.contradiction)
    return diverges({commit.contradiction->what,
                     commit.contradiction->text + "\nthe file holds now:\n" + drawn(commit)});
  if (step.content.empty() && had_content_)
    return diverges({"step",
                     "the digests of what this commit wrote are gone, those of the commits "
                     "before it are there; the file holds now:\n" +
                         drawn(commit)});
  had_content_ = !step.content.empty();
  if (!had_content_)
    note_unchecked("whether the rows of commits are as they were written, before schema 3");
  const std::string changed =
      step.content.empty() ? "" : changed_parts(step.content, content_of(commit));
  auto found = replay_commit(commit);
  if (!changed.empty()) {
    const auto now = "the file holds now:\n" + drawn(commit);
    if (found)
      found->diff += "\nnot as they were written: " + changed + "; " + now;
    else
      found = Found{changed.substr(0, changed.find(',')), now};
  }
  if (!found) return std::nullopt;
  return diverges(*found);
}

Replayer::Finding Replayer::replay_commit(const Commit& commit) {
  const StepRow& step = commit.step;
  mark_purged(commit);
  if (commit.config) past_.configure(*commit.config);
  if (!commit.messages.empty()) use_counter(commit.tokenizer);
  if (step.kind == "compact")
    if (auto found = replay_decision(commit)) return found;
  // What was appended before the reply is in the context that the model saw.
  std::size_t next = 0;
  if (!step.digest.empty()) {
    while (next < commit.messages.size() && commit.messages[next].role != Role::assistant) ++next;
    if (auto found = replay_call(commit, next)) return found;
  }
  for (; next < commit.messages.size(); ++next)
    if (auto found = append(commit, commit.messages[next], step.kind != "import")) return found;
  return end_commit(commit);
}

Replayer::Finding Replayer::append(const Commit& commit, const Message& message, bool to_window) {
  LiveState& state = past_.state();
  if (message.position != state.next_position)
    return Found{"messages", "the log goes from position " +
                                 std::to_string(state.next_position - 1) + " to " +
                                 std::to_string(message.position)};
  ++state.next_position;
  if (!to_window) return std::nullopt;
  auto measured = std::make_shared<const WindowMessage>(measure(message, past_.counter()));
  const int counted = measured->message->tokens;
  if (past_.can_count() && commit.tokenizer == past_.tokenizer() && counted != message.tokens)
    return Found{"tokens", "message " + message.id + ": " + std::to_string(message.tokens) +
                               " tokens recorded, " + past_.tokenizer() + " counts " +
                               std::to_string(counted) +
                               " (a counter of one's own must count as it did then)"};
  state.window.push_back(std::move(measured));
  return std::nullopt;
}

// The recorded decision of the policy, applied to the window.
Replayer::Finding Replayer::replay_decision(const Commit& commit) {
  LiveState& state = past_.state();
  if (commit.step.decision.empty()) return std::nullopt;
  boost::system::error_code error;
  const auto decision = json::parse(commit.step.decision, error);
  const auto* object = error ? nullptr : decision.if_object();
  const auto* pairs = object == nullptr ? nullptr : object->if_contains("keep");
  if (pairs == nullptr || !pairs->is_array())
    return Found{"step", "the policy's decision is not readable: " + commit.step.decision};
  // Of a server that refused the prompt and told its figures.
  const auto told = int_or(*object, "correction", state.correction);
  state.correction =
      std::max(state.correction, static_cast<int>(std::min<std::int64_t>(told, kMostCorrection)));
  const auto keep = ranges_of(pairs->get_array());
  Window kept;
  Window evicted;
  for (const auto& item : state.window) {
    const auto position = item->message->position;
    const bool stays = std::any_of(keep.begin(), keep.end(), [&](const Range& range) {
      return position >= range.begin && position < range.end;
    });
    (stays ? kept : evicted).push_back(item);
  }
  if (evicted.empty()) return std::nullopt;
  const auto covers = positions_of(evicted);
  if (!commit.summary || commit.summary->covers != covers)
    return Found{"window", "the policy's decision evicts " + drawn(covers) +
                               ", the summary covers " +
                               (commit.summary ? drawn(commit.summary->covers) : "nothing")};
  const auto before = state.summary_id();
  if (commit.summary->replaces != before)
    return Found{"summary", "the summary replaces " + summary_name(commit.summary->replaces) +
                                ", before it there was " + summary_name(before)};
  state.window = std::move(kept);
  state.summary = commit.summary;
  state.outside = state.outside_line();
  past_.touch();
  return std::nullopt;
}

Replayer::Finding Replayer::replay_call(const Commit& commit, std::size_t before_reply) {
  LiveState& state = past_.state();
  const StepRow& step = commit.step;
  use_counter(step.tokenizer);
  if (!called_ || step.model != called_->model || step.tokenizer != called_->tokenizer)
    state.correction = kNoCorrection;
  if (auto found = replay_decision(commit)) return found;
  for (std::size_t i = 0; i < before_reply; ++i)
    if (auto found = append(commit, commit.messages[i], true)) return found;

  past_.use_tools(step.unbound_tools);
  const AgentConfig& config = past_.config();
  Context context = past_.context(
      budget_for_window(config.context_window, std::max(step.correction, kNoCorrection),
                        model_parameters(config.settings).max_output_tokens));
  ++report_.steps;
  if (auto found = compare_context(step, context)) return found;
  if (auto found = compare_prefix(step, context)) return found;
  called_ = LastCall::of(step);
  called_->context = std::move(context);
  called_exactly_ = exact_;
  called_purges_ = purges_in_context();
  return compare_reply(commit, before_reply);
}

Replayer::Finding Replayer::compare_reply(const Commit& commit, std::size_t before_reply) {
  const StepRow& step = commit.step;
  auto reply = reply_from_json(step.reply);
  if (!reply) return Found{"reply", "the recorded reply is not readable: " + step.reply};
  if (before_reply == commit.messages.size())
    return Found{"reply", "the reply has no message in the log"};
  const LiveState& state = past_.state();
  const auto clean = clean_reply(*std::move(reply), state.window, state.next_position);
  auto diff = reply_diff(clean, commit.messages[before_reply]);
  if (diff.empty()) return std::nullopt;
  // Ids of calls are made so that no message of the window has them.
  auto purges = purges_in_context();
  if (step.purged > 0) purges.insert(step.purged);
  if (note_purged("replies that held, or followed, what ", purges)) return std::nullopt;
  return Found{"reply", std::move(diff)};
}

Replayer::Finding Replayer::compare_context(const StepRow& step, const Context& context) {
  LiveState& state = past_.state();
  const auto purges = purges_in_context();
  exact_ = step.compiler == kCompilerVersion || purges.empty();
  if (step.compiler != kCompilerVersion) {
    note_unchecked("contexts of compiler version " + std::to_string(step.compiler) + ", this is " +
                   std::to_string(kCompilerVersion));
  } else if (const auto digest = to_hex(digests_.digest(context)); digest != step.digest) {
    exact_ = false;
    const bool known = called_ && called_exactly_;
    if (!note_purged("contexts that held what ", purges))
      return Found{"context", "recorded digest " + step.digest + "\nthe journal gives " + digest +
                                  '\n' +
                                  context_diff(known ? called_->context : std::nullopt,
                                               known ? called_->seq : 0, context)};
  }
  const bool same_counts =
      step.context_tokens == context.text_tokens && step.overhead_tokens == context.overhead_tokens;
  if (past_.can_count() && exact_ && step.compiler == kCompilerVersion && !same_counts)
    return Found{"tokens", "recorded " + std::to_string(step.context_tokens) + " + " +
                               std::to_string(step.overhead_tokens) +
                               " tokens (text + overhead), " + past_.tokenizer() + " counts " +
                               std::to_string(context.text_tokens) + " + " +
                               std::to_string(context.overhead_tokens)};
  if (step.correction > 0 && step.correction != state.correction)
    return Found{"correction", "recorded " + std::to_string(step.correction) +
                                   " thousandths, the reports before it give " +
                                   std::to_string(state.correction)};
  state.correction = correction_after(step);
  return std::nullopt;
}

// Since schema 4.
Replayer::Finding Replayer::compare_prefix(const StepRow& step, const Context& context) {
  if (step.prefix_tokens < 0 || step.compiler != kCompilerVersion) return std::nullopt;
  const bool compared =
      called_ && called_->model == step.model && called_->tokenizer == step.tokenizer;
  if (compared && !(exact_ && called_exactly_)) {
    auto purges = purges_in_context();
    purges.insert(called_purges_.begin(), called_purges_.end());
    static_cast<void>(note_purged(
        "what requests began with as those before them did, where one held what ", purges));
    return std::nullopt;
  }
  const auto shared = prefix_after(called_ ? &*called_ : nullptr, step.model, step.tokenizer,
                                   context, &past_.counter());
  if (called_ && shared.tokens < 0) return std::nullopt;  // begun after that call
  if (step.prefix_broken == shared.broken &&
      (step.prefix_tokens == shared.tokens || !past_.can_count()))
    return std::nullopt;
  const auto text = [](int tokens, const std::string& broken) {
    return tokens < 0 ? "no call before it"
                      : std::to_string(tokens) + " tokens of the call before it, broken by " +
                            (broken.empty() ? "nothing" : broken);
  };
  return Found{"prefix", "recorded " + text(step.prefix_tokens, step.prefix_broken) +
                             ", the history gives " + text(shared.tokens, shared.broken)};
}

// Everything else that the commit wrote, and the window as it left it.
Replayer::Finding Replayer::end_commit(const Commit& commit) {
  LiveState& state = past_.state();
  past_.apply_blocks(commit);
  mark_purged_blocks(commit);
  state.passages += std::ssize(commit.passages) - std::ssize(commit.retired);
  if (commit.step.passages >= 0 && commit.step.passages != state.passages)
    return Found{"passages", std::to_string(commit.step.passages) + " passages recorded, the " +
                                 "history gives " + std::to_string(state.passages)};
  for (const auto& pin : commit.pins) state.set_pin(pin);
  if (commit.step.kind == "summary" && commit.summary) {
    // Made anew from the messages, without an eviction.
    if (commit.summary->replaces != state.summary_id())
      return Found{"summary", "the summary replaces " + summary_name(commit.summary->replaces) +
                                  ", before it there was " + summary_name(state.summary_id())};
    state.summary = commit.summary;
    past_.touch();
  }
  if (commit.step.kind == "reset") {
    state.window.clear();
    state.summary.reset();
    past_.touch();
  }
  if (!commit.window) return std::nullopt;
  const auto ranges = state.window_ranges();
  if (ranges != commit.window->ranges)
    return Found{"window", "recorded window " + drawn(commit.window->ranges) +
                               ", the history gives " + drawn(ranges)};
  if (commit.window->summary != state.summary_id())
    return Found{"window", "the window names " + summary_name(commit.window->summary) +
                               ", the history has " + summary_name(state.summary_id())};
  if (commit.window->outside != state.outside) past_.touch();
  state.outside = commit.window->outside;
  state.warned = commit.window->warned;
  return std::nullopt;
}

void Replayer::begin_after(AgentState loaded, const std::string& tokenizer, PurgedRows purged) {
  purged_ = std::move(purged);
  report_.commits = loaded.agent.head.seq;
  const auto last = loaded.last_call;
  past_.begin(std::move(loaded), tokenizer);
  use_counter(tokenizer);
  if (!last) return;
  called_ = LastCall::of(*last);
  past_.state().correction = correction_after(*last);
}

namespace {

// As many commits as can be read; then what kept the next one from it.
std::string read_some(Journal& journal, const std::string& agent_id, Head head,
                      CommitCursor& cursor, std::vector<Commit>& commits) {
  try {
    commits = journal.commits(agent_id, head, cursor, kBatch);
  } catch (const Error&) {
    try {
      commits = journal.commits(agent_id, head, cursor, 1);
    } catch (const Error& error) {
      return error.what();
    }
  }
  return "";
}

}  // namespace

ReplayReport replay(Journal& journal, const std::string& agent_id, Head head,
                    const ReplayOptions& options) {
  Replayer replayer(options);
  CommitCursor cursor;
  std::optional<Divergence> divergence;
  if (head.seq < 1)
    divergence = Divergence{1, "missing", "step", "the agent's head is before its first commit"};
  while (!divergence && cursor.seq < head.seq) {
    if (options.poll) options.poll();
    std::vector<Commit> commits;
    const auto problem = read_some(journal, agent_id, head, cursor, commits);
    if (!problem.empty()) {
      divergence = Divergence{cursor.seq + 1, "unknown", "unreadable", problem};
    } else if (commits.empty()) {
      divergence = Divergence{
          cursor.seq + 1, "missing", "step",
          "this commit is gone, and the agent's head is at commit " + std::to_string(head.seq)};
    }
    for (const auto& commit : commits) {
      try {
        divergence = replayer.apply(commit);
      } catch (const Error& error) {
        divergence = Divergence{commit.step.seq, commit.step.kind, "unreadable", error.what()};
      }
      if (divergence) break;
    }
  }
  // In this order: others may commit meanwhile.
  const auto agent = journal.agent_row(agent_id);
  const auto last = journal.last_seq(agent.line.branch);
  const auto now = journal.agent_row(agent_id);
  // Commits that were left for a newer branch stay in the file: load() may go back to before them.
  const auto branches = journal.branches(agent_id);
  const bool left = std::any_of(branches.begin(), branches.end(), [&](const BranchRow& branch) {
    return branch.agent_id == agent_id && branch.id > agent.line.branch;
  });
  if (!divergence && agent.head == head && now.line == agent.line && last > agent.line.seq && !left)
    divergence = Divergence{agent.line.seq + 1, "unknown", "step",
                            "the agent's line ends at commit " + std::to_string(agent.line.seq) +
                                ", and the file has commits up to " + std::to_string(last)};
  ReplayReport report = replayer.take_report();
  report.first_divergence = std::move(divergence);
  return report;
}

}  // namespace memgpt
