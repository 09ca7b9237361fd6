// Homes, agents, tools written in Python.
#include "agent/agent.h"

#include "agent/home.h"
#include "agent/send_task.h"
#include "bindings/bindings.h"
#include "bindings/passages.h"
#include "error.h"

namespace memgpt {

namespace {

using Release = py::call_guard<py::gil_scoped_release>;

// The callable takes a dict and the idempotency key, and returns (failed, text); memgpt.tools makes
// both.
class PythonTool final : public Tool {
 public:
  PythonTool(ToolSchema schema, bool outside, bool idempotent, bool memory, std::string fingerprint,
             py::object callable)
      : schema_(std::move(schema)),
        outside_(outside),
        idempotent_(idempotent),
        memory_(memory),
        for_one_agent_(memory || py::hasattr(callable, "for_one_agent")),
        fingerprint_(std::move(fingerprint)),
        callable_(hold(std::move(callable))) {}

  [[nodiscard]] const ToolSchema& schema() const override { return schema_; }
  [[nodiscard]] Effects effects() const override {
    return outside_ ? Effects::outside : Effects::none;
  }
  [[nodiscard]] bool idempotent() const override { return idempotent_; }
  [[nodiscard]] ToolOrigin origin() const override {
    return memory_ ? ToolOrigin::memory : ToolOrigin::user;
  }
  [[nodiscard]] bool for_one_agent() const override { return for_one_agent_; }
  // As the kernel's own memory tools.
  [[nodiscard]] std::string_view argument_meant(std::string_view written) const override {
    return memory_ && written == "label" && arguments().find("name") != nullptr ? "name" : "";
  }
  [[nodiscard]] std::string fingerprint() const override { return fingerprint_; }
  [[nodiscard]] py::object callable() const { return *callable_; }
  [[nodiscard]] std::shared_ptr<PythonTool> with_callable(py::object callable) const {
    return std::make_shared<PythonTool>(schema_, outside_, idempotent_, memory_, fingerprint_,
                                        std::move(callable));
  }
  [[nodiscard]] ToolResult run(ToolScope& scope, const json::object& arguments) override {
    return with_python([&] {
      auto [failed, text] =
          (*callable_)(to_python(arguments, scope.exact_arguments()), scope.idempotency_key())
              .cast<std::pair<bool, std::string>>();
      return ToolResult{failed, std::move(text)};
    });
  }

 private:
  ToolSchema schema_;
  bool outside_;
  bool idempotent_;
  bool memory_;
  bool for_one_agent_;
  std::string fingerprint_;
  std::shared_ptr<py::object> callable_;
};

std::shared_ptr<Home> open_home(const std::string& path, const std::string& durability,
                                double turn_timeout_s, std::size_t exact_search,
                                std::size_t index_memory) {
  if (durability != "full" && durability != "process")
    throw ConfigError("durability must be \"full\" or \"process\", not \"" + durability + "\"");
  auto environment = system_environment();
  environment.outside = process_outside();
  return Home::open(path,
                    {durability == "full" ? Durability::full : Durability::process, turn_timeout_s,
                     exact_search, index_memory},
                    std::move(environment));
}

// Each event as (kind, step, text, tool, call id, message). The callable outlives the call that it
// is for.
OnTurnEvent events_to(const py::object& callable) {
  static constexpr std::string_view kKinds[] = {"step",      "reasoning", "text",   "content",
                                                "tool_call", "discard",   "message"};
  return [&callable](const TurnEvent& event) {
    with_python([&] {
      const auto text = [](std::string_view view) { return py::str(view.data(), view.size()); };
      callable(text(kKinds[static_cast<std::size_t>(event.kind)]), event.step, text(event.text),
               text(event.tool), text(event.call_id), event.message);
    });
  };
}

// A send() of Python's that leaves its thread while a model's server is waited for.
class CoreTurn final {
 public:
  CoreTurn(std::shared_ptr<Agent> agent, Input input, std::optional<py::object> on_event)
      : agent_(std::move(agent)),
        on_event_(on_event ? hold(std::move(*on_event)) : nullptr),
        task_(*agent_, {std::move(input)}, on_event_ ? events_to(*on_event_) : OnTurnEvent()) {}
  // What to wait for: a descriptor that can be read from, or -1, and the seconds that this may
  // take; none = done.
  [[nodiscard]] std::optional<std::pair<int, double>> advance(const Cancellation& cancellation) {
    const Cancellation::Scope scope(cancellation);
    const auto* const waits = task_.advance(true);
    if (waits == nullptr) return std::nullopt;
    return std::make_pair(waits->descriptor(), waits->timeout_s());
  }
  [[nodiscard]] Response response() { return task_.response(); }

 private:
  std::shared_ptr<Agent> agent_;
  std::shared_ptr<py::object> on_event_;
  Agent::SendTask task_;
};

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
                       bool outside, bool idempotent, bool memory, std::string fingerprint,
                       py::object callable) {
             return std::make_shared<PythonTool>(
                 ToolSchema{std::move(name), std::move(description), std::move(parameters)},
                 outside, idempotent, memory, std::move(fingerprint), std::move(callable));
           }),
           py::arg("name"), py::arg("description"), py::arg("parameters"), py::arg("outside"),
           py::arg("idempotent"), py::arg("memory"), py::arg("fingerprint"), py::arg("callable"))
      .def_property_readonly("callable", &PythonTool::callable)
      .def("with_callable", &PythonTool::with_callable, py::arg("callable"),
           "The same tool, with something else to call.");
  py::class_<AgentOptions>(module, "AgentOptions")
      .def(py::init<>())
      .def_readwrite("system_prompt", &AgentOptions::system_prompt)
      .def_readwrite("context_window", &AgentOptions::context_window)
      .def_readwrite("max_steps", &AgentOptions::max_steps)
      .def_readwrite("timezone", &AgentOptions::timezone)
      .def_readwrite("reasoning", &AgentOptions::reasoning)
      .def_readwrite("provider", &AgentOptions::provider)
      .def_readwrite("summarizer", &AgentOptions::summarizer)
      .def_property(
          "embedder", [](const AgentOptions& options) { return options.embedder; },
          [](AgentOptions& options, std::optional<std::shared_ptr<Embedder>> embedder) {
            options.embedder = std::move(embedder).value_or(nullptr);
          })
      .def_readwrite("archival_store", &AgentOptions::archival_store)
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
      .def_readwrite("archival_store", &Binding::archival_store)
      .def_readwrite("own_index", &Binding::own_index)
      .def_property(
          "policy", [](const Binding&) { return py::none(); },
          [](Binding& binding, std::shared_ptr<MemoryPolicy> policy) {
            binding.policy = std::move(policy);
          })
      .def_readwrite("memory_class", &Binding::memory_class)
      .def_readwrite("tools", &Binding::tools)
      .def_readwrite("context_window", &Binding::context_window)
      .def_readwrite("timezone", &Binding::timezone)
      .def_readwrite("reasoning", &Binding::reasoning);
}

RecallPage search_recall_from_python(Agent& agent, std::string text, std::optional<TimeUs> start,
                                     std::optional<TimeUs> end,
                                     const std::vector<std::string>& roles, int limit, int offset,
                                     int neighbours, const RankingOptions& ranking) {
  RecallQuery query;
  query.neighbours = neighbours;
  query.ranking = ranking;
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
  py::class_<CoreTurn>(module, "CoreTurn")
      .def("advance", &CoreTurn::advance, py::arg("cancellation"), Release())
      .def("response", &CoreTurn::response);
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
             std::string name, std::optional<TimeUs> time_us, const Cancellation& cancellation,
             const std::optional<py::object>& on_event) {
            const Cancellation::Scope scope(cancellation);
            return agent.send({std::move(text), role_from_string(role), std::move(type),
                               std::move(name), time_us},
                              on_event ? events_to(*on_event) : OnTurnEvent());
          },
          py::arg("text"), py::arg("role"), py::arg("type"), py::arg("name"), py::arg("time_us"),
          py::arg("cancellation"), py::arg("on_event"), Release())
      .def(
          "begin_send",
          [](const std::shared_ptr<Agent>& agent, std::string text, const std::string& role,
             std::string type, std::string name, std::optional<TimeUs> time_us,
             std::optional<py::object> on_event) {
            return std::make_unique<CoreTurn>(agent,
                                              Input{std::move(text), role_from_string(role),
                                                    std::move(type), std::move(name), time_us},
                                              std::move(on_event));
          },
          py::arg("text"), py::arg("role"), py::arg("type"), py::arg("name"), py::arg("time_us"),
          py::arg("on_event"))
      .def("splits_calls", &Agent::splits_calls, Release(),
           "Whether a turn can leave its thread while its model's server is waited for.")
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
          "shared",
          [](Agent& agent) {
            std::map<std::string, std::string> shared;
            for (const auto& version : agent.state().blocks)
              if (version.shared > 0) shared[version.block.label] = version.block.id;
            return shared;
          },
          Release(), "Ids of the blocks that are shared, by label.")
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
           py::arg("expected") = py::none(), Release())
      .def("create_block", &Agent::create_block, py::arg("block"), Release())
      .def("attach_block", &Agent::attach_block, py::arg("block_id"), Release())
      .def("detach_block", &Agent::detach_block, py::arg("label"), Release())
      .def(
          "search_recall",
          [](Agent& agent, std::string text, std::optional<TimeUs> start, std::optional<TimeUs> end,
             const std::vector<std::string>& roles, int limit, int offset, int neighbours,
             const RankingOptions& ranking) {
            auto page = search_recall_from_python(agent, std::move(text), start, end, roles, limit,
                                                  offset, neighbours, ranking);
            return std::make_pair(std::move(page.hits), page.total);
          },
          py::arg("text"), py::arg("start"), py::arg("end"), py::arg("roles"), py::arg("limit"),
          py::arg("offset"), py::arg("neighbours"), py::arg("ranking"), Release())
      .def(
          "date_span",
          [](Agent& agent, const std::string& text) {
            const auto span = agent.date_span(text);
            return std::make_tuple(span.begin, span.end, span.moment);
          },
          py::arg("text"), Release(),
          "What a text names: begin and end in microseconds of UTC, and whether it names a time of "
          "day.")
      .def("import_transcript", &Agent::import_transcript, py::arg("items"), Release())
      .def(
          "insert_passage",
          [](Agent& agent, PassageParts item, const std::string& archive) {
            return agent.insert_passage(new_passage(std::move(item)), archive);
          },
          py::arg("item"), py::arg("archive"), Release())
      .def("attach_archive", &Agent::attach_archive, py::arg("archive_id"), py::arg("read_only"),
           Release())
      .def("detach_archive", &Agent::detach_archive, py::arg("archive_id"), Release())
      .def(
          "attached_archives",
          [](Agent& agent) {
            std::vector<std::pair<std::shared_ptr<Archive>, bool>> archives;
            for (const auto& attached : agent.attached_archives())
              archives.emplace_back(std::make_shared<Archive>(agent.home(), attached.archive.id),
                                    attached.read_only);
            return archives;
          },
          Release(), "With each, whether it is to be read only.")
      .def(
          "insert_passages",
          [](Agent& agent, std::vector<PassageParts> items, const std::string& archive,
             const Progress& progress) {
            return agent.insert_passages(new_passages(std::move(items)), archive, progress);
          },
          py::arg("items"), py::arg("archive"), py::arg("progress"), Release())
      .def(
          "to_reembed",
          [](Agent& agent, const std::shared_ptr<Embedder>& embedder) {
            return agent.to_reembed(*embedder);
          },
          py::arg("embedder"), Release())
      .def(
          "reembed_some",
          [](Agent& agent, const std::shared_ptr<Embedder>& embedder, std::int64_t after) {
            const auto done = agent.reembed_some(*embedder, after);
            return std::make_pair(done.made, done.last);
          },
          py::arg("embedder"), py::arg("after"), Release())
      .def("finish_reembedding", &Agent::finish_reembedding, py::arg("embedder"), Release())
      .def(
          "update_passage",
          [](Agent& agent, const std::string& id, std::optional<std::string> text,
             std::optional<std::vector<std::string>> tags, std::optional<std::string> metadata) {
            return agent.update_passage(id,
                                        {std::move(text), std::move(tags), std::move(metadata)});
          },
          py::arg("id"), py::arg("text"), py::arg("tags"), py::arg("metadata"), Release())
      .def("delete_passage", &Agent::delete_passage, py::arg("id"), Release())
      .def("passage", &Agent::passage, py::arg("id"), Release())
      .def("catch_up_store", &Agent::catch_up_store, Release())
      .def(
          "search_archival",
          [](Agent& agent, const std::string& text, const ArchivalQuery& query) {
            auto page = agent.search_archival(text, query);
            return std::make_pair(std::move(page.hits), page.total);
          },
          py::arg("text"), py::arg("query"), Release())
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
      .def("delete_tag", &Agent::delete_tag, py::arg("name"), Release())
      .def("branches", &Agent::branches, Release())
      .def(
          "head_at",
          [](const Agent&, std::int64_t branch, std::int64_t seq) { return Head{branch, seq}; },
          py::arg("branch"), py::arg("seq"))
      .def(
          "head", [](Agent& agent) { return agent.state().agent.head; }, Release())
      .def(
          "line", [](Agent& agent) { return agent.state().agent.line; }, Release())
      .def("block_history", &Agent::block_history, py::arg("label"), Release())
      .def("place", &Agent::place, py::arg("seq"), Release())
      .def("load", &Agent::load, py::arg("place"), Release())
      .def("at", &Agent::at, py::arg("place"), Release())
      .def_property_readonly("past",
                             [](const Agent& agent) {
                               return agent.past() ? std::optional(agent.past()->seq)
                                                   : std::nullopt;
                             })
      .def("fork", &Agent::fork, py::arg("name"), py::arg("place"), py::arg("tools"), Release())
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
      .def("export_to", &Agent::export_to, py::arg("path"), py::arg("overwrite"),
           py::arg("sources"), Release())
      .def("tool_sources", &Agent::tool_sources, Release())
      .def("import_history", &Agent::import_history, py::arg("items"), Release())
      .def("keep_sources", &Agent::keep_sources, py::arg("sources"), Release())
      .def("describe", &Agent::describe, py::arg("description"), py::arg("tags"),
           py::arg("metadata"), py::arg("settings"), Release())
      .def("add_tool", &Agent::add_tool, py::arg("tool"), Release())
      .def("remove_tool", &Agent::remove_tool, py::arg("name"), Release())
      .def("bind", &Agent::bind, py::arg("binding"), Release());
}

}  // namespace

void bind_agent(py::module_& module) {
  bind_options(module);
  bind_transcript(module);
  bind_archive(module);
  bind_agent_class(module);
  py::class_<AgentRow>(module, "AgentRow")
      .def_readonly("id", &AgentRow::id)
      .def_readonly("name", &AgentRow::name)
      .def_readonly("created_us", &AgentRow::created_us);
  py::class_<Home, std::shared_ptr<Home>>(module, "CoreHome")
      .def(py::init(&open_home), py::arg("path"), py::arg("durability"), py::arg("turn_timeout_s"),
           py::arg("exact_search"), py::arg("index_memory"))
      .def("stop_background", &Home::stop_background, Release())
      .def("wait_for_background", &Home::wait_for_background, Release())
      .def_property_readonly("path", &Home::path)
      .def("create_agent", &Home::create_agent, py::arg("name"), py::arg("options"), Release())
      .def("agent", &Home::agent, py::arg("name"), Release())
      .def("agent_by_id", &Home::agent_by_id, py::arg("id"), Release())
      .def("agents", &Home::agents, Release())
      .def("delete_agent", &Home::delete_agent, py::arg("name"), Release())
      .def("import_agent", &Home::import_agent, py::arg("path"), py::arg("name"), Release())
      .def(
          "create_archive",
          [](Home& home, const std::string& name, const std::string& description,
             std::optional<std::shared_ptr<Embedder>> embedder) {
            return home.create_archive(name, description, std::move(embedder).value_or(nullptr));
          },
          py::arg("name"), py::arg("description"), py::arg("embedder"), Release())
      .def("archive", &Home::archive, py::arg("name"), Release())
      .def("archives", &Home::archives, Release())
      .def("delete_archive", &Home::delete_archive, py::arg("name"), Release())
      .def(
          "create_block", [](Home& home, const Block& block) { return home.create_block(block); },
          py::arg("block"), Release())
      .def("shared_blocks", &Home::shared_blocks, Release())
      .def("shared_history", &Home::shared_history, py::arg("block_id"), Release())
      .def("set_shared_block", &Home::set_shared_block, py::arg("block_id"), py::arg("value"),
           py::arg("expected") = py::none(), Release())
      .def("check", &Home::check, py::arg("replay"), Release())
      .def("rebuild", &Home::rebuild, Release())
      .def("purge", &Home::purge, py::arg("text"), py::arg("deleted"), py::arg("undone"), Release())
      .def("purges", &Home::purges, Release())
      .def("close", &Home::close, Release());
}

}  // namespace memgpt
