// Messages, blocks, contexts.
#include "bindings/bindings.h"
#include "memory/block.h"
#include "memory/context.h"

namespace memgpt {

// Objects of memgpt._explain, by these names in signatures.
struct Explanation : py::object {
  explicit Explanation(py::object object) : py::object(std::move(object)) {}
};
struct ContextDiff : py::object {
  explicit ContextDiff(py::object object) : py::object(std::move(object)) {}
};

}  // namespace memgpt

template <>
struct pybind11::detail::handle_type_name<memgpt::Explanation> {
  static constexpr auto name = const_name("memgpt._explain.Explanation");
};
template <>
struct pybind11::detail::handle_type_name<memgpt::ContextDiff> {
  static constexpr auto name = const_name("memgpt._explain.ContextDiff");
};

namespace memgpt {

namespace {

py::object explained(const char* function) {
  return py::module_::import("memgpt._explain").attr(function);
}

py::object to_datetime(TimeUs time_us) {
  const auto datetime = py::module_::import("datetime");
  const auto epoch = datetime.attr("datetime")(
      1970, 1, 1, py::arg("tzinfo") = datetime.attr("timezone").attr("utc"));
  return epoch + datetime.attr("timedelta")(py::arg("microseconds") = time_us);
}

void bind_message(py::module_& module) {
  py::class_<ToolCall>(module, "ToolCall", "A call of a tool, as the model wrote it.")
      .def(py::init([](std::string name, std::string arguments, std::string id) {
             return ToolCall{std::move(id), std::move(name), std::move(arguments)};
           }),
           py::arg("name"), py::arg("arguments") = "{}", py::arg("id") = "")
      .def_readonly("id", &ToolCall::id)
      .def_readonly("name", &ToolCall::name)
      .def_readonly("arguments", &ToolCall::arguments, "JSON text.")
      .def("__repr__", [](const ToolCall& call) {
        return "ToolCall(" + call.name + "(" + call.arguments + "))";
      });
  py::class_<Message, std::shared_ptr<Message>>(module, "Message",
                                                "One entry of an agent's log; immutable.")
      .def_readonly("id", &Message::id)
      .def_readonly("position", &Message::position, "Place in the agent's log, from 0.")
      .def_property_readonly(
          "role", [](const Message& message) { return std::string(to_string(message.role)); })
      .def_readonly("type", &Message::type)
      .def_readonly("name", &Message::name, "The speaker, or the tool of a tool return.")
      .def_readonly("text", &Message::text, "What was said, or the tool's result.")
      .def_readonly("content", &Message::content, "What the model wrote outside of tool calls.")
      .def_readonly("thinking", &Message::thinking)
      .def_readonly("tool_calls", &Message::tool_calls)
      .def_readonly("tool_call_id", &Message::tool_call_id)
      .def_readonly("failed", &Message::failed, "A tool return: the call failed.")
      .def_property_readonly("time",
                             [](const Message& message) { return to_datetime(message.time_us); })
      .def_readonly("session", &Message::session, "Number of the session, from 1.")
      .def_readonly("source_id", &Message::source_id,
                    "Of an imported message: the id that its transcript gave it.")
      .def_readonly("author", &Message::author)
      .def_property_readonly("trust",
                             [](const Message& message) { return static_cast<int>(message.trust); })
      .def_readonly("tokens", &Message::tokens)
      .def("_repr_html_", [](const py::object& self) { return shown("message_html", self); })
      .def("__repr__", [](const py::object& self) { return shown("message_text", self); });
}

void bind_context(py::module_& module) {
  py::class_<Budget>(module, "Budget", "The window in tokens, and what is kept for the reply.")
      .def_readonly("context_window", &Budget::context_window)
      .def_readonly("reply_reserve", &Budget::reply_reserve)
      .def_property_readonly(
          "limit", &Budget::limit,
          "What the context may take, in tokens as they are counted here: the window less "
          "the reply reserve, divided by the correction. Where only messages are "
          "left that are never evicted, a correction is not insisted on; the "
          "window is.")
      .def_readonly("correction", &Budget::correction,
                    "In thousandths: how many of the provider's tokens one of ours has been; "
                    "1000 = nothing to correct.")
      .def("__repr__", [](const Budget& budget) {
        const auto corrected =
            budget.correction == kNoCorrection
                ? py::str("")
                : py::str(", corrected by {:.3f} as the provider counts")
                      .format(static_cast<double>(budget.correction) / kNoCorrection);
        return py::str("<Budget {:,} of {:,} tokens, {:,} kept for the reply{}>")
            .format(budget.limit(), budget.context_window, budget.reply_reserve, corrected);
      });
  py::class_<Span, std::shared_ptr<Span>>(module, "Span",
                                          "A piece of the context and where it came from.")
      .def_property_readonly("kind",
                             [](const Span& span) { return std::string(to_string(span.kind)); })
      .def_readonly("origin", &Span::origin)
      .def_readonly("text", &Span::text)
      .def_readonly("tokens", &Span::tokens)
      .def_readonly("cut", &Span::cut)
      .def_readonly("author", &Span::author,
                    "Whose words these are: \"user\", \"agent\", \"kernel\", \"tool:...\"; of a "
                    "summary the model, or \"digest\".")
      .def_property_readonly(
          "version",
          [](const Span& span) {
            return span.version > 0 ? std::optional(span.version) : std::nullopt;
          },
          "Of a memory block: the commit that wrote it; else None.")
      .def_property_readonly(
          "time",
          [](const Span& span) {
            return span.time_us != 0 ? to_datetime(span.time_us) : py::none();
          },
          "When it was written; None where that is not known.")
      .def("__repr__", [](const Span& span) {
        return "<Span " + std::string(to_string(span.kind)) + " " + span.origin + ", " +
               std::to_string(span.tokens) + " tokens>";
      });
  py::class_<Context, std::shared_ptr<Context>>(
      module, "Context", "What the model sees at its next call: print it to look at it.")
      .def_property_readonly("spans", &Context::spans)
      .def_readonly("budget", &Context::budget)
      .def_property_readonly(
          "tokens", &Context::tokens,
          "Tokens of the text, counted (see .exact), plus the wire format's estimate.")
      .def_readonly("text_tokens", &Context::text_tokens)
      .def_readonly("overhead_tokens", &Context::overhead_tokens)
      .def_readonly("tokenizer", &Context::tokenizer)
      .def_readonly("exact", &Context::exact)
      .def_readonly("previous_spans", &Context::previous_spans,
                    "How many of the leading spans the request before it had, byte for byte; -1 "
                    "where that is not known. For the next context that is the last request; for "
                    "one of step=..., the request before that step.")
      .def(
          "to_request",
          [](const Context& context, const std::string& model) {
            return to_python(json::parse(context.to_request_json(model)));
          },
          py::arg("model") = "", "The request as a dict, in OpenAI's chat-completions form.")
      .def(
          "explain", [](const py::object& self) { return Explanation(explained("explain")(self)); },
          "A table of what the context is made of: print it, or use .rows, .to_json() and "
          ".to_pandas().")
      .def(
          "diff",
          [](const py::object& self, const py::object& other) {
            return ContextDiff(explained("diff")(self, other));
          },
          py::arg("other"),
          "What is otherwise in the other context, or its explanation: rows added, removed, "
          "changed.")
      .def("digest", [](const Context& context) { return to_hex(context.digest()); })
      .def("__str__",
           [](const Context& context) { return shown("visible", py::str(context.draw())); })
      .def("_repr_html_", [](const py::object& self) { return shown("context_html", self); })
      .def("__repr__", [](const Context& context) {
        return "<Context " + std::to_string(context.tokens()) + " of " +
               std::to_string(context.budget.limit()) + " tokens, " +
               std::to_string(context.span_count()) + " spans>";
      });
}

}  // namespace

void bind_memory(py::module_& module) {
  bind_message(module);
  bind_context(module);
  py::class_<Block>(module, "Block", "A version of a memory block.")
      .def(py::init([](std::string label, std::string value, int limit, std::string description,
                       bool read_only) {
             Block block;
             block.label = std::move(label);
             block.value = std::move(value);
             block.limit = limit;
             block.description = std::move(description);
             block.read_only = read_only;
             return block;
           }),
           py::arg("label"), py::arg("value"), py::arg("limit") = kDefaultBlockLimit,
           py::arg("description") = "", py::arg("read_only") = false)
      .def_readonly("id", &Block::id)
      .def_readonly("label", &Block::label)
      .def_readonly("value", &Block::value)
      .def_readonly("limit", &Block::limit)
      .def_readonly("description", &Block::description)
      .def_readonly("read_only", &Block::read_only)
      .def_readonly("author", &Block::author)
      .def_readonly("version", &Block::version, "The commit that wrote it.")
      .def_readonly("time_us", &Block::time_us);
  module.def("check_limit", &check_limit, py::arg("label"), py::arg("value"), py::arg("limit"));
  module.def("append_text", &append_text, py::arg("value"), py::arg("content"));
  module.def("replace_text", &replace_text, py::arg("value"), py::arg("old_content"),
             py::arg("new_content"));
  module.def("insert_text", &insert_text, py::arg("value"), py::arg("content"), py::arg("line"));
}

}  // namespace memgpt
