// Homes, agents, tools written in Python.
#include "agent/agent.h"

#include "agent/home.h"
#include "bindings/bindings.h"
#include "error.h"

namespace memgpt {

namespace {

using Release = py::call_guard<py::gil_scoped_release>;

// The callable takes a dict and returns (failed, text); memgpt.tools makes both.
class PythonTool final : public Tool {
 public:
  PythonTool(ToolSchema schema, bool outside, bool memory, std::string fingerprint,
             py::object callable)
      : schema_(std::move(schema)),
        outside_(outside),
        memory_(memory),
        fingerprint_(std::move(fingerprint)),
        callable_(hold(std::move(callable))) {}

  [[nodiscard]] const ToolSchema& schema() const override { return schema_; }
  [[nodiscard]] Effects effects() const override {
    return outside_ ? Effects::outside : Effects::none;
  }
  [[nodiscard]] ToolOrigin origin() const override {
    return memory_ ? ToolOrigin::memory : ToolOrigin::user;
  }
  [[nodiscard]] std::string fingerprint() const override { return fingerprint_; }
  [[nodiscard]] py::object callable() const { return *callable_; }
  [[nodiscard]] std::shared_ptr<PythonTool> with_callable(py::object callable) const {
    return std::make_shared<PythonTool>(schema_, outside_, memory_, fingerprint_,
                                        std::move(callable));
  }
  [[nodiscard]] ToolResult run(ToolScope&, const json::object& arguments) override {
    const py::gil_scoped_acquire gil;
    auto [failed, text] =
        (*callable_)(to_python(json::value(arguments))).cast<std::pair<bool, std::string>>();
    return {failed, std::move(text)};
  }

 private:
  ToolSchema schema_;
  bool outside_;
  bool memory_;
  std::string fingerprint_;
  std::shared_ptr<py::object> callable_;
};

std::shared_ptr<Home> open_home(const std::string& path, const std::string& durability) {
  if (durability != "full" && durability != "process")
    throw ConfigError("durability must be \"full\" or \"process\", not \"" + durability + "\"");
  auto environment = system_environment();
  environment.outside = process_outside();
  return Home::open(path, durability == "full" ? Durability::full : Durability::process,
                    std::move(environment));
}

std::optional<double> prefix_share(int tokens, int of) {
  if (tokens < 0 || of <= 0) return std::nullopt;
  return static_cast<double>(tokens) / of;
}

void bind_results(py::module_& module) {
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
      .def_readonly("snippet", &RecallHit::snippet)
      .def("_repr_html_", [](const py::object& self) { return shown("hit_html", self); })
      .def("__repr__", [](const RecallHit& hit) {
        return shown("visible", py::str("<RecallHit " + hit.snippet + ">"));
      });
  py::class_<ArchivalHit>(module, "ArchivalHit", "A passage that archival search found.")
      .def_readonly("passage", &ArchivalHit::passage)
      .def_readonly("score", &ArchivalHit::score, "Cosine similarity.")
      .def_property_readonly(
          "snippet",
          [](const ArchivalHit& hit) { return std::string(utf8_prefix(hit.passage.text, 200)); })
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
      .def_readonly("decision", &StepRow::decision)
      .def_readonly("reply", &StepRow::reply)
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
          "config, blocks, passages, summary, tool_runs or unreadable.")
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
      .def("__repr__", [](const Moved& moved) {
        const auto count = std::abs(moved.messages);
        std::string text = "<Moved from commit " + std::to_string(moved.from.seq) + " to " +
                           std::to_string(moved.to.seq) + ": " + std::to_string(count) +
                           (count == 1 ? " message " : " messages ") +
                           (moved.messages < 0 ? "back" : "undone");
        std::string tools;
        for (const auto& run : moved.outside) tools += (tools.empty() ? "" : ", ") + run.tool;
        if (!tools.empty()) text += "; what was done outside stays done: " + tools;
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
  py::class_<BranchRow>(module, "CoreBranch")
      .def_readonly("id", &BranchRow::id)
      .def_readonly("agent_id", &BranchRow::agent_id)
      .def_readonly("parent", &BranchRow::parent)
      .def_readonly("last_seq", &BranchRow::last_seq)
      .def_readonly("created_us", &BranchRow::created_us)
      .def_readonly("changed_us", &BranchRow::changed_us);
}

Unit unit_of(const std::string& unit) {
  if (unit == "turn") return Unit::turn;
  if (unit == "step") return Unit::step;
  throw InvalidInput("unit must be \"turn\" or \"step\", not \"" + unit + '"');
}

void bind_options(py::module_& module) {
  py::class_<Tool, std::shared_ptr<Tool>>(module, "CoreTool")
      .def_property_readonly("name", [](const Tool& tool) { return tool.schema().name; });
  py::class_<PythonTool, Tool, std::shared_ptr<PythonTool>>(module, "PythonTool")
      .def(py::init([](std::string name, std::string description, std::string parameters,
                       bool outside, bool memory, std::string fingerprint, py::object callable) {
             return std::make_shared<PythonTool>(
                 ToolSchema{std::move(name), std::move(description), std::move(parameters)},
                 outside, memory, std::move(fingerprint), std::move(callable));
           }),
           py::arg("name"), py::arg("description"), py::arg("parameters"), py::arg("outside"),
           py::arg("memory"), py::arg("fingerprint"), py::arg("callable"))
      .def_property_readonly("callable", &PythonTool::callable)
      .def("with_callable", &PythonTool::with_callable, py::arg("callable"),
           "The same tool, with something else to call.");
  py::class_<AgentOptions>(module, "AgentOptions")
      .def(py::init<>())
      .def_readwrite("system_prompt", &AgentOptions::system_prompt)
      .def_readwrite("context_window", &AgentOptions::context_window)
      .def_readwrite("max_steps", &AgentOptions::max_steps)
      .def_readwrite("provider", &AgentOptions::provider)
      .def_readwrite("summarizer", &AgentOptions::summarizer)
      .def_property(
          "embedder", [](const AgentOptions& options) { return options.embedder; },
          [](AgentOptions& options, std::optional<std::shared_ptr<Embedder>> embedder) {
            options.embedder = std::move(embedder).value_or(nullptr);
          })
      .def_property(
          "policy", [](const AgentOptions&) { return py::none(); },
          [](AgentOptions& options, std::shared_ptr<MemoryPolicy> policy) {
            options.policy = std::move(policy);
          })
      .def_readwrite("memory_class", &AgentOptions::memory_class)
      .def_readwrite("blocks", &AgentOptions::blocks)
      .def_readwrite("tools", &AgentOptions::tools)
      .def_readwrite("base_tools", &AgentOptions::base_tools);
  py::class_<Binding>(module, "Binding")
      .def(py::init<>())
      .def_readwrite("provider", &Binding::provider)
      .def_readwrite("summarizer", &Binding::summarizer)
      .def_property(
          "embedder", [](const Binding& binding) { return binding.embedder; },
          [](Binding& binding, std::optional<std::shared_ptr<Embedder>> embedder) {
            binding.embedder = std::move(embedder).value_or(nullptr);
          })
      .def_property(
          "policy", [](const Binding&) { return py::none(); },
          [](Binding& binding, std::shared_ptr<MemoryPolicy> policy) {
            binding.policy = std::move(policy);
          })
      .def_readwrite("memory_class", &Binding::memory_class)
      .def_readwrite("tools", &Binding::tools)
      .def_readwrite("context_window", &Binding::context_window);
}

RecallPage search_recall_from_python(Agent& agent, std::string text, std::optional<TimeUs> start,
                                     std::optional<TimeUs> end,
                                     const std::vector<std::string>& roles, int limit, int offset) {
  RecallQuery query;
  query.text = std::move(text);
  query.start = start;
  query.end = end;
  query.limit = limit;
  query.offset = offset;
  query.roles.clear();
  for (const auto& role : roles) query.roles.push_back(role_from_string(role));
  return agent.search_recall(query);
}

void bind_transcript(py::module_& module) {
  py::class_<TranscriptItem>(module, "TranscriptItem")
      .def(py::init([](std::string text, std::string speaker, const std::string& role,
                       std::optional<TimeUs> time_us, std::optional<std::string> session,
                       std::string id) {
             return TranscriptItem{std::move(text), std::move(speaker), role_from_string(role),
                                   time_us,         std::move(session), std::move(id)};
           }),
           py::arg("text"), py::arg("speaker"), py::arg("role"), py::arg("time_us"),
           py::arg("session"), py::arg("id"))
      .def_readonly("text", &TranscriptItem::text)
      .def_readonly("speaker", &TranscriptItem::speaker)
      .def_readonly("time_us", &TranscriptItem::time_us);
}

void bind_agent_class(py::module_& module) {
  py::class_<Cancellation>(module, "Cancellation")
      .def(py::init<>())
      .def("cancel", &Cancellation::cancel)
      .def_property_readonly("cancelled", &Cancellation::cancelled);
  py::class_<Agent, std::shared_ptr<Agent>>(module, "CoreAgent")
      .def_property_readonly("id", &Agent::id)
      // Copies of a file hold agents of the same id.
      .def_property_readonly("key",
                             [](const Agent& agent) {
                               return agent.home()->path() + '\n' + agent.id() +
                                      (agent.past() ? '@' + std::to_string(agent.past()->seq) : "");
                             })
      .def_property_readonly("name", &Agent::name)
      .def(
          "send",
          [](Agent& agent, std::string text, const std::string& role, std::string type,
             std::string name, std::optional<TimeUs> time_us, const Cancellation& cancellation) {
            const Cancellation::Scope scope(cancellation);
            return agent.send({std::move(text), role_from_string(role), std::move(type),
                               std::move(name), time_us});
          },
          py::arg("text"), py::arg("role"), py::arg("type"), py::arg("name"), py::arg("time_us"),
          py::arg("cancellation"), Release())
      .def(
          "context", [](Agent& agent) { return std::make_shared<Context>(agent.context()); },
          Release())
      .def(
          "past_context",
          [](Agent& agent, std::int64_t seq) {
            return std::make_shared<Context>(agent.past_context(seq));
          },
          py::arg("seq"), Release())
      .def(
          "blocks", [](Agent& agent) { return agent.state().block_values(); }, Release())
      .def(
          "window",
          [](Agent& agent) {
            std::vector<std::shared_ptr<const Message>> messages;
            for (const auto& item : agent.state().window) messages.push_back(item->message);
            return messages;
          },
          Release())
      .def(
          "summary",
          [](Agent& agent) {
            const auto state = agent.state();
            return state.summary ? state.summary->text : std::string();
          },
          Release())
      .def(
          "counts",
          [](Agent& agent) {
            const auto state = agent.state();
            return std::make_pair(state.next_position, state.passages);
          },
          Release())
      .def(
          "config", [](Agent& agent) { return to_json(agent.config()); }, Release())
      .def("unbound", &Agent::unbound, Release())
      .def("bound_tools", &Agent::bound_tools, Release())
      .def("set_block", &Agent::set_block, py::arg("label"), py::arg("value"), py::arg("author"),
           Release())
      .def("create_block", &Agent::create_block, py::arg("block"), Release())
      .def("detach_block", &Agent::detach_block, py::arg("label"), Release())
      .def(
          "search_recall",
          [](Agent& agent, std::string text, std::optional<TimeUs> start, std::optional<TimeUs> end,
             const std::vector<std::string>& roles, int limit, int offset) {
            return search_recall_from_python(agent, std::move(text), start, end, roles, limit,
                                             offset)
                .hits;
          },
          py::arg("text"), py::arg("start"), py::arg("end"), py::arg("roles"), py::arg("limit"),
          py::arg("offset"), Release())
      .def("import_transcript", &Agent::import_transcript, py::arg("items"), Release())
      .def("insert_passage", &Agent::insert_passage, py::arg("text"), py::arg("tags"),
           py::arg("metadata"), Release())
      .def(
          "search_archival",
          [](Agent& agent, const std::string& text, int limit, int offset,
             std::vector<std::string> tags, std::optional<TimeUs> start,
             std::optional<TimeUs> end) {
            ArchivalQuery query;
            query.limit = limit;
            query.offset = offset;
            query.tags = std::move(tags);
            query.start = start;
            query.end = end;
            return agent.search_archival(text, std::move(query)).hits;
          },
          py::arg("text"), py::arg("limit"), py::arg("offset"), py::arg("tags"), py::arg("start"),
          py::arg("end"), Release())
      .def(
          "policy",
          [](Agent& agent) { return std::const_pointer_cast<MemoryPolicy>(agent.policy()); },
          Release())
      .def("summaries", &Agent::summaries, Release())
      .def("resummarize", &Agent::resummarize, Release())
      .def("pin", &Agent::pin, py::arg("position"), py::arg("pinned"), Release())
      .def(
          "pins", [](Agent& agent) { return agent.state().pins; }, Release())
      .def("would_evict", &Agent::would_evict, py::arg("tokens"), Release())
      .def("message_cost", &Agent::message_cost, py::arg("text"), Release())
      .def("fits", &Agent::fits, py::arg("text"), Release())
      .def("eviction_line", &Agent::eviction_line, Release())
      .def("steps", &Agent::steps, Release())
      .def(
          "undo",
          [](Agent& agent, std::int64_t count, const std::string& unit) {
            return agent.undo(count, unit_of(unit));
          },
          py::arg("count"), py::arg("unit"), Release())
      .def(
          "redo",
          [](Agent& agent, std::int64_t count, const std::string& unit) {
            return agent.redo(count, unit_of(unit));
          },
          py::arg("count"), py::arg("unit"), Release())
      .def("undo_messages", &Agent::undo_messages, py::arg("count"), Release())
      .def("save_tag", &Agent::save_tag, py::arg("name"), Release())
      .def("load_tag", &Agent::load_tag, py::arg("name"), Release())
      .def("find_tag", &Agent::find_tag, py::arg("name"), Release())
      .def("tags", &Agent::tags, Release())
      .def("branches", &Agent::branches, Release())
      .def(
          "head_at",
          [](const Agent&, std::int64_t branch, std::int64_t seq) { return Head{branch, seq}; },
          py::arg("branch"), py::arg("seq"))
      .def(
          "head", [](Agent& agent) { return agent.state().agent.head; }, Release())
      .def(
          "line", [](Agent& agent) { return agent.state().agent.line; }, Release())
      .def(
          "block_history",
          [](Agent& agent, const std::string& label) {
            std::vector<Block> blocks;
            for (auto& version : agent.block_history(label))
              blocks.push_back(std::move(version.block));
            return blocks;
          },
          py::arg("label"), Release())
      .def("at", &Agent::at, py::arg("seq"), Release())
      .def_property_readonly("past",
                             [](const Agent& agent) {
                               return agent.past() ? std::optional(agent.past()->seq)
                                                   : std::nullopt;
                             })
      .def("fork", &Agent::fork, py::arg("name"), py::arg("seq"), py::arg("tools"), Release())
      .def("replay", &Agent::replay, Release())
      .def(
          "recompile",
          [](Agent& agent, std::optional<std::shared_ptr<MemoryPolicy>> policy,
             int context_window) {
            return agent.recompile(std::move(policy).value_or(nullptr), context_window);
          },
          py::arg("policy"), py::arg("context_window"), Release())
      .def(
          "recompiled_context",
          [](Agent& agent, std::optional<std::shared_ptr<MemoryPolicy>> policy, int context_window,
             std::int64_t seq) {
            return std::make_shared<Context>(
                agent.recompiled_context(std::move(policy).value_or(nullptr), context_window, seq));
          },
          py::arg("policy"), py::arg("context_window"), py::arg("seq"), Release())
      .def("messages", &Agent::messages, py::arg("from_position"), py::arg("limit"), Release())
      .def("add_tool", &Agent::add_tool, py::arg("tool"), Release())
      .def("remove_tool", &Agent::remove_tool, py::arg("name"), Release())
      .def("bind", &Agent::bind, py::arg("binding"), Release());
}

}  // namespace

void bind_agent(py::module_& module) {
  bind_results(module);
  bind_replay(module);
  bind_recompile(module);
  bind_branches(module);
  bind_options(module);
  bind_transcript(module);
  bind_agent_class(module);
  py::class_<AgentRow>(module, "AgentRow")
      .def_readonly("id", &AgentRow::id)
      .def_readonly("name", &AgentRow::name)
      .def_readonly("created_us", &AgentRow::created_us);
  py::class_<Home, std::shared_ptr<Home>>(module, "CoreHome")
      .def(py::init(&open_home), py::arg("path"), py::arg("durability"))
      .def_property_readonly("path", &Home::path)
      .def("create_agent", &Home::create_agent, py::arg("name"), py::arg("options"), Release())
      .def("agent", &Home::agent, py::arg("name"), Release())
      .def("agent_by_id", &Home::agent_by_id, py::arg("id"), Release())
      .def("agents", &Home::agents, Release())
      .def("delete_agent", &Home::delete_agent, py::arg("name"), Release())
      .def("check", &Home::check, py::arg("replay"), Release())
      .def("rebuild", &Home::rebuild, Release())
      .def("close", &Home::close, Release());
}

}  // namespace memgpt
