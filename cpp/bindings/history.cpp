// An agent's history: commits, replay, recompilation, lines.
#include "agent/agent.h"
#include "agent/reply_record.h"
#include "bindings/bindings.h"

namespace memgpt {

namespace {

std::optional<double> prefix_share(int tokens, int of) {
  if (tokens < 0 || of <= 0) return std::nullopt;
  return static_cast<double>(tokens) / of;
}

void bind_steps(py::module_& module) {
  py::class_<StepRow>(module, "Step", "One commit of an agent's history.")
      .def_readonly("seq", &StepRow::seq)
      .def_readonly("kind", &StepRow::kind)
      .def_readonly("author", &StepRow::author)
      .def_readonly("time_us", &StepRow::time_us)
      .def_readonly("config", &StepRow::config)
      .def_readonly("model", &StepRow::model)
      .def_readonly("tokenizer", &StepRow::tokenizer)
      .def_readonly("digest", &StepRow::digest)
      .def_readonly("context_tokens", &StepRow::context_tokens)
      .def_readonly("overhead_tokens", &StepRow::overhead_tokens)
      .def_readonly("prompt_tokens", &StepRow::prompt_tokens)
      .def_readonly("completion_tokens", &StepRow::completion_tokens)
      .def_readonly("correction", &StepRow::correction,
                    "Of our counts, in thousandths, by what the provider had reported before.")
      .def_readonly(
          "prefix_tokens", &StepRow::prefix_tokens,
          "Text tokens of what the request begins with that the agent's last request began "
          "with, byte for byte: what a provider may have in its cache. -1: not recorded, "
          "as at the first call.")
      .def_property_readonly(
          "prefix_share",
          [](const StepRow& step) { return prefix_share(step.prefix_tokens, step.context_tokens); },
          "prefix_tokens of context_tokens, 0 to 1; None where it is not recorded.")
      .def_readonly("prefix_broken", &StepRow::prefix_broken,
                    "The origin of the last request's first span that this one does not have in "
                    "its place; \"model\" or \"tokenizer\" where another one is asked; empty where "
                    "all of the last request is there.")
      .def_readonly("unbound_tools", &StepRow::unbound_tools)
      .def_readonly("passages", &StepRow::passages,
                    "That the agent sees after it, in archival memory. -1: not recorded.")
      .def_readonly("decision", &StepRow::decision)
      .def_readonly("reply", &StepRow::reply,
                    "The model's answer as it came, as JSON. Where the decoder changed it, also "
                    "what it made of it (decoded) and how (repairs).")
      .def_property_readonly(
          "repairs", [](const StepRow& step) { return repairs_from_json(step.reply); },
          R"(What the decoder did to the model's answer: a list of Repair (.kind and .text), empty
where it was as it should be. Values are never guessed. The kinds:

- surrounding_text: text around the JSON was left out
- code_fence: ``` around the JSON was left out
- quotes: single or curly quotation marks in place of double ones
- unquoted_key: a name without quotation marks
- python_literal: True, False or None
- raw_control: a raw newline or tab in a string
- escape: \' or \x41, which JSON does not have
- comment: a comment was left out
- trailing_comma: a comma before a closing brace or bracket
- missing_comma: a comma between two values was put in
- missing_close: a closing brace or bracket was put in
- nested_string: JSON was written as a string
- tool_name: a tool's name in another form
- argument_name: an argument's name in another form
- argument_type: a number in quotation marks, or a text without
- wrapped_arguments: the arguments stood in one more object
- misplaced_argument: an argument stood beside the arguments
- extra_call: of several calls, or of one that was written twice, the first was run
- call_in_text: the call was written in the text
- plain_text: an answer without a call became send_message
- thoughts: private reasoning was moved to where it belongs
- unsendable: a call's name or id that servers refuse in a history was replaced
- special_token: marks of the model's chat template were left out)")
      .def_readonly(
          "purged", &StepRow::purged,
          "The last purge that changed what it wrote, a number of home.purges(); 0: none.")
      .def("__repr__", [](const StepRow& step) {
        return "<Step " + std::to_string(step.seq) + " " + step.kind + ">";
      });
}

void bind_replay(py::module_& module) {
  py::class_<Divergence>(module, "Divergence", "Where the journal does not give what it recorded.")
      .def_readonly("seq", &Divergence::seq, "Number of the commit.")
      .def_readonly("kind", &Divergence::kind, "Of the commit: step, input, edit, ...")
      .def_readonly(
          "what", &Divergence::what,
          "What differs: context, tokens, correction, prefix, window, reply, messages, step, "
          "config, blocks, passages, retired (passages that were deleted or updated), summary, "
          "tool_runs or unreadable.")
      .def_readonly("diff", &Divergence::diff, "What was recorded and what there is, as text.")
      .def("__repr__",
           [](const Divergence& divergence) {
             return "<Divergence " + divergence.what + " in commit " +
                    std::to_string(divergence.seq) + " (" + divergence.kind + ")>";
           })
      .def("__str__", [](const py::object& self) { return shown("divergence_text", self); });
  py::class_<ReplayReport>(module, "Replay", "What agent.replay() found.")
      .def_readonly("commits", &ReplayReport::commits,
                    "Commits that were read, up to the divergence if there is one.")
      .def_readonly("steps", &ReplayReport::steps,
                    "Model calls whose context was made again and compared.")
      .def_readonly("first_divergence", &ReplayReport::first_divergence, "None if there is none.")
      .def_readonly("unchecked", &ReplayReport::unchecked,
                    "What could not be compared, and why; one line each.")
      .def("__repr__", [](const py::object& self) { return shown("replay_text", self); })
      .def("_repr_html_", [](const py::object& self) { return shown("replay_html", self); });
}

void bind_recompile(py::module_& module) {
  py::class_<StepFigures>(module, "StepFigures",
                          "Figures of a context as it was sent, or as it would have been.")
      .def_readonly("tokens", &StepFigures::tokens, "Of the whole context.")
      .def_readonly("text_tokens", &StepFigures::text_tokens, "Without the wire format's estimate.")
      .def_readonly("limit", &StepFigures::limit, "What it might take.")
      .def_readonly("evicted", &StepFigures::evicted,
                    "Messages that left the window before this call.")
      .def_readonly("warned", &StepFigures::warned, "The agent was warned of memory pressure.")
      .def_readonly("prefix_tokens", &StepFigures::prefix_tokens, "As in Step.")
      .def_property_readonly(
          "prefix_share",
          [](const StepFigures& figures) {
            return prefix_share(figures.prefix_tokens, figures.text_tokens);
          },
          "As in Step.")
      .def_readonly("prefix_broken", &StepFigures::prefix_broken, "As in Step.")
      .def("__repr__", [](const StepFigures& figures) {
        return "<StepFigures " + std::to_string(figures.tokens) + " of " +
               std::to_string(figures.limit) + " tokens, " + std::to_string(figures.evicted) +
               " messages evicted>";
      });
  py::class_<RecompiledStep>(module, "RecompiledStep",
                             "A model call, as it was and as it would have been.")
      .def_readonly("seq", &RecompiledStep::seq, "Number of the commit.")
      .def_readonly("recorded", &RecompiledStep::recorded)
      .def_readonly("recompiled", &RecompiledStep::recompiled)
      .def_readonly("kept", &RecompiledStep::kept, "Spans that both contexts show alike.")
      .def_readonly("lost", &RecompiledStep::lost,
                    "Spans that only the recorded context shows, or shows so.")
      .def_readonly("added", &RecompiledStep::added,
                    "Spans that only the recompiled context shows, or shows so.")
      .def_property_readonly(
          "lost_messages", [](const RecompiledStep& step) { return pairs_of(step.lost_messages); },
          "(begin, end) positions of the messages that only the recorded context shows.")
      .def_readonly("digest", &RecompiledStep::digest,
                    "A mechanical digest stands in the recompiled context.")
      .def("__repr__", [](const RecompiledStep& step) {
        return "<RecompiledStep " + std::to_string(step.seq) + ": " +
               std::to_string(step.recompiled.tokens) + " tokens, recorded " +
               std::to_string(step.recorded.tokens) + "; " + std::to_string(step.kept) +
               " spans kept, " + std::to_string(step.lost) + " lost, " +
               std::to_string(step.added) + " added>";
      });
  py::class_<Recompilation>(module, "CoreRecompilation")
      .def_readonly("steps", &Recompilation::steps)
      .def_readonly("stopped_at", &Recompilation::stopped_at)
      .def_readonly("stopped", &Recompilation::stopped)
      .def_readonly("unchecked", &Recompilation::unchecked);
}

void bind_branches(py::module_& module) {
  py::class_<Head>(module, "Head",
                   "A place in a line of history: a commit and the branch it is on.")
      .def_readonly("branch", &Head::branch)
      .def_readonly("seq", &Head::seq, "Number of the commit.")
      .def("__eq__",
           [](const Head& a, const py::object& b) {
             return py::isinstance<Head>(b) && a == b.cast<Head>();
           })
      .def("__hash__",
           [](const Head& head) { return py::hash(py::make_tuple(head.branch, head.seq)); })
      .def("__repr__", [](const Head& head) {
        return "<Head " + std::to_string(head.seq) + " on branch " + std::to_string(head.branch) +
               ">";
      });
  py::class_<ToolRunRow>(module, "ToolRun", "A call of a tool with outside effects.")
      .def_readonly("tool", &ToolRunRow::tool)
      .def_readonly("arguments", &ToolRunRow::arguments, "JSON text.")
      .def_readonly("call_id", &ToolRunRow::call_id)
      .def_readonly("time_us", &ToolRunRow::time_us)
      .def("__repr__", [](const ToolRunRow& run) {
        return shown("visible", py::str("<ToolRun " + run.tool + " " + run.arguments + ">"));
      });
  py::class_<Moved>(module, "Moved", "A head that was moved along its history, or to a tag.")
      .def_readonly("from_head", &Moved::from)
      .def_readonly("to_head", &Moved::to)
      .def_readonly("messages", &Moved::messages,
                    "Messages that are no longer seen; negative: that are seen again.")
      .def_readonly("outside", &Moved::outside,
                    "Calls that were undone and whose effects outside of the agent were not.")
      .def_readonly("shared", &Moved::shared,
                    "Labels of shared blocks that the agent had edited: they stay as they are.")
      .def_readonly("archives", &Moved::archives,
                    "Names of shared archives that the agent had written into: they stay as they "
                    "are.")
      .def("__repr__", [](const Moved& moved) {
        const auto count = std::abs(moved.messages);
        std::string text = "<Moved from commit " + std::to_string(moved.from.seq) + " to " +
                           std::to_string(moved.to.seq) + ": " + std::to_string(count) +
                           (count == 1 ? " message " : " messages ") +
                           (moved.messages < 0 ? "back" : "undone");
        std::string tools;
        for (const auto& run : moved.outside) tools += (tools.empty() ? "" : ", ") + run.tool;
        if (!tools.empty()) text += "; what was done outside stays done: " + tools;
        std::string shared;
        for (const auto& label : moved.shared) shared += (shared.empty() ? "" : ", ") + label;
        if (!shared.empty()) text += "; shared blocks stay as they are: " + shared;
        std::string archives;
        for (const auto& name : moved.archives) archives += (archives.empty() ? "" : ", ") + name;
        if (!archives.empty()) text += "; shared archives keep what was filed: " + archives;
        return shown("visible", py::str(text + ">"));
      });
  py::class_<TagRow>(module, "Tag", "A name for a place in an agent's history.")
      .def_readonly("name", &TagRow::name)
      .def_readonly("head", &TagRow::head)
      .def_readonly("time_us", &TagRow::time_us)
      .def("__repr__", [](const TagRow& tag) {
        return shown("visible", py::str("<Tag " + tag.name + " at commit " +
                                        std::to_string(tag.head.seq) + ">"));
      });
  py::class_<BlockRecord>(module, "CoreBlockRecord")
      .def_readonly("block", &BlockRecord::block)
      .def_readonly("agent", &BlockRecord::agent);
  py::class_<BranchRow>(module, "CoreBranch")
      .def_readonly("id", &BranchRow::id)
      .def_readonly("agent_id", &BranchRow::agent_id)
      .def_readonly("parent", &BranchRow::parent)
      .def_readonly("last_seq", &BranchRow::last_seq)
      .def_readonly("created_us", &BranchRow::created_us)
      .def_readonly("changed_us", &BranchRow::changed_us);
}

void bind_purges(py::module_& module) {
  py::class_<PurgeRow>(module, "CorePurge")
      .def_readonly("id", &PurgeRow::id)
      .def_readonly("time_us", &PurgeRow::time_us)
      .def_readonly("what", &PurgeRow::what)
      .def_readonly("compacted", &PurgeRow::compacted);
  py::class_<Purged>(module, "Purged",
                     "What home.purge() destroyed: how many rows it changed or took away.")
      .def_readonly("id", &Purged::id, "Of the purge; 0 where there was nothing to destroy.")
      .def_readonly("messages", &Purged::messages)
      .def_readonly("blocks", &Purged::blocks, "Versions of memory blocks.")
      .def_readonly("passages", &Purged::passages)
      .def_readonly("summaries", &Purged::summaries)
      .def_readonly("replies", &Purged::replies,
                    "Of models, as they came, with the decisions of policies.")
      .def_readonly("tool_runs", &Purged::tool_runs)
      .def_readonly("configurations", &Purged::configurations)
      .def_readonly("commits", &Purged::commits)
      .def_readonly("agents", &Purged::agents, "That had been deleted before.")
      .def_readonly("archives", &Purged::archives, "Shared ones, that had been deleted before.")
      .def_readonly("vectors_lost", &Purged::vectors_lost,
                    "Passages that were changed and whose embedder is not bound, or failed: they "
                    "are listed, and no search by a text finds them.")
      .def_readonly("names", &Purged::names,
                    "Names (of agents, tags, memory blocks, tools, models) and settings that have "
                    "the text in them. They stay.")
      .def_readonly("text", &Purged::what, "What was destroyed, in words; empty where nothing was.")
      .def("__repr__", [](const Purged& purged) {
        return shown("visible",
                     py::str("<Purged " + (purged.id == 0 ? "nothing" : purged.what) + ">"));
      });
}

using Calls = std::vector<std::tuple<std::string, std::string, std::string>>;

// calls: id, name, arguments as JSON text.
HistoryItem history_item(const std::string& role, std::string type, std::string name,
                         std::string text, std::string content, std::string thinking,
                         const Calls& calls, std::string tool_call_id, bool failed, std::string id,
                         std::optional<TimeUs> time_us, bool shown) {
  HistoryItem item;
  Message& message = item.message;
  message.role = role_from_string(role);
  message.type = std::move(type);
  message.name = std::move(name);
  message.text = std::move(text);
  message.content = std::move(content);
  message.thinking = std::move(thinking);
  for (const auto& [call_id, call_name, arguments] : calls)
    message.tool_calls.push_back({call_id, call_name, arguments});
  message.tool_call_id = std::move(tool_call_id);
  message.failed = failed;
  message.source_id = std::move(id);
  item.time_us = time_us;
  item.shown = shown;
  return item;
}

void bind_items(py::module_& module) {
  py::class_<HistoryItem>(module, "HistoryItem")
      .def(py::init(&history_item), py::kw_only(), py::arg("role"), py::arg("type"),
           py::arg("name") = "", py::arg("text") = "", py::arg("content") = "",
           py::arg("thinking") = "", py::arg("calls") = Calls{}, py::arg("tool_call_id") = "",
           py::arg("failed") = false, py::arg("id") = "", py::arg("time_us") = py::none(),
           py::arg("shown") = false);
}

std::map<std::string, double> dict_of(const std::vector<std::pair<std::string, double>>& parts) {
  return {parts.begin(), parts.end()};
}

// Bytes as characters.
std::vector<std::pair<std::size_t, std::size_t>> marks_of(const Snippet& snippet) {
  std::vector<std::pair<std::size_t, std::size_t>> marks;
  std::size_t characters = 0;
  std::size_t at = 0;
  const auto character_at = [&](std::size_t byte) {
    for (; at < byte; ++at)
      if ((static_cast<unsigned char>(snippet.text[at]) & 0xC0) != 0x80) ++characters;
    return characters;
  };
  for (const auto& [begin, end] : snippet.marks) {
    const auto first = character_at(begin);
    marks.emplace_back(first, character_at(end));
  }
  return marks;
}

void bind_results(py::module_& module) {
  py::class_<RankingOptions>(module, "RankingOptions")
      .def(py::init<>())
      .def_readwrite("k1", &RankingOptions::k1)
      .def_readwrite("b", &RankingOptions::b)
      .def_readwrite("stop", &RankingOptions::stop)
      .def_readwrite("stem", &RankingOptions::stem)
      .def_readwrite("irregular", &RankingOptions::irregular)
      .def_readwrite("speaker_text", &RankingOptions::speaker_text)
      .def_readwrite("related", &RankingOptions::related)
      .def_readwrite("classes", &RankingOptions::classes)
      .def_readwrite("frame", &RankingOptions::frame)
      .def_readwrite("spelling", &RankingOptions::spelling)
      .def_readwrite("window", &RankingOptions::window)
      .def_readwrite("power", &RankingOptions::power)
      .def_readwrite("reply", &RankingOptions::reply)
      .def_readwrite("session", &RankingOptions::session)
      .def_readwrite("own_side", &RankingOptions::own_side)
      .def_readwrite("assistant", &RankingOptions::assistant)
      .def_readwrite("question", &RankingOptions::question)
      .def_readwrite("speaker", &RankingOptions::speaker)
      .def_readwrite("when", &RankingOptions::when)
      .def_readwrite("name_cue", &RankingOptions::name_cue)
      .def_readwrite("date", &RankingOptions::date)
      .def_readwrite("phrase", &RankingOptions::phrase)
      .def_readwrite("session_prior", &RankingOptions::session_prior)
      .def_readwrite("spread_max_df", &RankingOptions::spread_max_df)
      .def_readwrite("dense", &RankingOptions::dense);
  py::class_<Response>(module, "CoreResponse")
      .def_readonly("spoken", &Response::spoken)
      .def_readonly("messages", &Response::messages)
      .def_readonly("steps", &Response::steps)
      .def_readonly("prompt_tokens", &Response::prompt_tokens)
      .def_readonly("completion_tokens", &Response::completion_tokens)
      .def_readonly("evicted", &Response::evicted)
      .def_readonly("stop_reason", &Response::stop_reason);
  py::class_<Passage>(module, "Passage", "One entry of archival memory.")
      .def_readonly("id", &Passage::id)
      .def_readonly("text", &Passage::text)
      .def_readonly("tags", &Passage::tags)
      .def_property_readonly("metadata",
                             [](const Passage& passage) {
                               return py::module_::import("json").attr("loads")(passage.metadata);
                             })
      .def_property_readonly("time",
                             [](const Passage& passage) { return to_datetime(passage.time_us); })
      .def_readonly("time_us", &Passage::time_us)
      .def_readonly("author", &Passage::author)
      .def("_repr_html_", [](const py::object& self) { return shown("passage_html", self); })
      .def("__repr__", [](const Passage& passage) {
        return shown("visible",
                     py::str("<Passage " + std::string(utf8_prefix(passage.text, 60)) + ">"));
      });
  py::class_<RecallHit>(module, "RecallHit", "A message that recall search found.")
      .def_readonly("message", &RecallHit::message)
      .def_readonly("score", &RecallHit::score)
      .def_property_readonly(
          "snippet", [](const RecallHit& hit) { return hit.snippet.text; },
          "About 200 bytes of the text, where it has most of the query's words.")
      .def_property_readonly(
          "marks", [](const RecallHit& hit) { return marks_of(hit.snippet); },
          "Where the query's words are in the snippet: (begin, end), in characters.")
      .def_property_readonly(
          "terms", [](const RecallHit& hit) { return dict_of(hit.terms); },
          "What each word of the query adds; the score is their sum times the factors.")
      .def_property_readonly(
          "factors", [](const RecallHit& hit) { return dict_of(hit.factors); },
          "What the sum is multiplied by, see memgpt.Ranking.")
      .def_readonly("before", &RecallHit::before, "Neighbours, if they were asked for.")
      .def_readonly("after", &RecallHit::after)
      .def("_repr_html_", [](const py::object& self) { return shown("hit_html", self); })
      .def("__repr__", [](const RecallHit& hit) {
        return shown("visible", py::str("<RecallHit " + hit.snippet.text + ">"));
      });
  py::class_<ArchivalHit>(module, "ArchivalHit", "A passage that archival search found.")
      .def_readonly("passage", &ArchivalHit::passage)
      .def_property_readonly(
          "archive",
          [](const ArchivalHit& hit) {
            return hit.archive.empty() ? std::nullopt : std::optional(hit.archive);
          },
          "The name of the shared archive that holds it; None: the agent's own. passage.author "
          "tells who filed it there: an agent's name, or \"user\".")
      .def_readonly("score", &ArchivalHit::score,
                    "Words and vectors, each as a share of the best hit's, in a weighted mean; "
                    "without vectors the words' own score; where no word is in any passage, the "
                    "similarity.")
      .def_readonly("similarity", &ArchivalHit::similarity,
                    "Cosine of the embeddings; 0 where there are none.")
      .def_property_readonly(
          "snippet", [](const ArchivalHit& hit) { return hit.snippet.text; },
          "About 200 bytes of the text, where it has most of the query's words.")
      .def_property_readonly(
          "marks", [](const ArchivalHit& hit) { return marks_of(hit.snippet); },
          "Where the query's words are in the snippet: (begin, end), in characters.")
      .def_property_readonly(
          "terms", [](const ArchivalHit& hit) { return dict_of(hit.terms); },
          "What each word of the query adds; their sum times the factors is the words' score.")
      .def_property_readonly(
          "factors", [](const ArchivalHit& hit) { return dict_of(hit.factors); },
          "What the sum is multiplied by, see memgpt.Ranking.")
      .def("_repr_html_", [](const py::object& self) { return shown("hit_html", self); })
      .def("__repr__", [](const ArchivalHit& hit) {
        return shown("visible", py::str("<ArchivalHit " +
                                        std::string(utf8_prefix(hit.passage.text, 60)) + ">"));
      });
  py::class_<SummaryRow>(module, "Summary", "What stands for messages that left the window.")
      .def_readonly("text", &SummaryRow::text, "Empty where the policy wants none.")
      .def_property_readonly(
          "covers", [](const SummaryRow& summary) { return pairs_of(summary.covers); },
          "Ranges (begin, end) of positions that it is the first to cover; it also stands for what "
          "the summary before it covered.")
      .def_readonly("covered", &SummaryRow::covered, "Messages that it stands for, all told.")
      .def_readonly("author", &SummaryRow::author,
                    "The model; \"digest\", made without one; or \"none\".")
      .def_readonly("tokens", &SummaryRow::tokens)
      .def_readonly("failure", &SummaryRow::failure,
                    "Why a digest took the place of the model's; empty where nothing failed.")
      .def("__repr__", [](const SummaryRow& summary) {
        return shown("visible",
                     py::str("<Summary of " + std::to_string(summary.covered) + " messages by " +
                             summary.author +
                             (summary.failure.empty() ? "" : ": " + summary.failure) + ">"));
      });
}

}  // namespace

void bind_history(py::module_& module) {
  bind_results(module);
  bind_items(module);
  bind_purges(module);
  bind_steps(module);
  bind_replay(module);
  bind_recompile(module);
  bind_branches(module);
}

}  // namespace memgpt
