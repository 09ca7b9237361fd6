// Messages, blocks, contexts; token counters: the core's, and those written in Python as the kernel
// sees them.
#include <limits>
#include <mutex>

#include "bindings/bindings.h"
#include "error.h"
#include "memory/block.h"
#include "memory/calendar.h"
#include "memory/context.h"
#include "memory/dates.h"
#include "memory/token_counter.h"

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

py::object to_datetime(TimeUs time_us) {
  static const TimeUs kFirst = calendar::start_of(calendar::kFirstDay);
  static const TimeUs kBehindLast = calendar::start_of(calendar::kBehindLast);
  if (time_us < kFirst || time_us >= kBehindLast)
    throw StoreError("a time in this file is no time (" + std::to_string(time_us) +
                     " microseconds since 1970): the file is damaged; restore it from a copy");
  const auto datetime = py::module_::import("datetime");
  const auto epoch = datetime.attr("datetime")(
      1970, 1, 1, py::arg("tzinfo") = datetime.attr("timezone").attr("utc"));
  return epoch + datetime.attr("timedelta")(py::arg("microseconds") = time_us);
}

namespace {

py::object explained(const char* function) {
  return py::module_::import("memgpt._explain").attr(function);
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
            return to_python(json::parse(context.to_request_json({.model = model})));
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
  module.def(
      "_parse_date",
      [](const std::string& text, TimeUs now_local) {
        const auto span = parse_date(text, now_local);
        return std::make_tuple(span.begin, span.end, span.begin_is_utc, span.end_is_utc,
                               span.moment);
      },
      py::arg("text"), py::arg("now_local"), "See cpp/memory/dates.h.");
  module.def(
      "_parse_date_in",
      [](const std::string& text, TimeUs now_utc, const UtcOffset& offset_s) {
        const auto span = parse_date_in(text, now_utc, offset_s);
        return std::make_tuple(span.begin, span.end, span.moment);
      },
      py::arg("text"), py::arg("now_utc"), py::arg("offset_s"), "See cpp/memory/dates.h.");
  module.def(
      "_dates_in_query",
      [](const std::string& text, std::optional<TimeUs> now_local) {
        auto dates = dates_in_query(text, now_local);
        return std::make_pair(std::move(dates.spans), dates.months);
      },
      py::arg("text"), py::arg("now_local"), "See cpp/memory/dates.h.");
  module.def("check_limit", &check_limit, py::arg("label"), py::arg("value"), py::arg("limit"));
  module.def("append_text", &append_text, py::arg("value"), py::arg("content"));
  module.def("replace_text", &replace_text, py::arg("value"), py::arg("old_content"),
             py::arg("new_content"));
  module.def("insert_text", &insert_text, py::arg("value"), py::arg("content"), py::arg("line"));
}

namespace {

// The UTF-8 of a str, or bytes as they are, without a copy: valid while the object lives.
std::string_view utf8_of(const py::handle& text) {
  if (PyBytes_Check(text.ptr()))
    return {PyBytes_AS_STRING(text.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(text.ptr()))};
  if (!PyUnicode_Check(text.ptr()))
    throw InvalidInput(std::string("text must be a str or bytes, not ") +
                       Py_TYPE(text.ptr())->tp_name);
  py::ssize_t size = 0;
  const char* const bytes = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (bytes != nullptr) return {bytes, static_cast<std::size_t>(size)};
  const bool surrogate = PyErr_ExceptionMatches(PyExc_UnicodeEncodeError) != 0;
  if (!surrogate) throw py::error_already_set();
  PyErr_Clear();
  throw InvalidInput(
      "text holds a lone surrogate, which UTF-8 cannot store; clean it with text.encode(\"utf-8\", "
      "\"replace\").decode()");
}

// Half characters become U+FFFD.
py::str to_str(std::string_view bytes) {
  PyObject* const text =
      PyUnicode_DecodeUTF8(bytes.data(), static_cast<py::ssize_t>(bytes.size()), "replace");
  if (text == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

py::list to_list(const std::vector<std::uint32_t>& tokens) {
  py::list list(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    PyObject* const id = PyLong_FromLong(static_cast<long>(tokens[i]));
    if (id == nullptr) throw py::error_already_set();
    PyList_SET_ITEM(list.ptr(), static_cast<py::ssize_t>(i), id);
  }
  return list;
}

// Texts that stay as they are while the GIL is not held, whatever becomes of their list.
struct Texts {
  std::vector<py::object> owners;
  std::vector<std::string_view> views;

  explicit Texts(const py::object& texts) {
    const bool one = PyUnicode_Check(texts.ptr()) || PyBytes_Check(texts.ptr());
    if (one || !py::isinstance<py::iterable>(texts))
      throw InvalidInput(std::string("this takes a list of texts, not ") +
                         (one ? "one text" : Py_TYPE(texts.ptr())->tp_name));
    for (const auto& text : texts) {
      owners.push_back(py::reinterpret_borrow<py::object>(text));
      views.push_back(utf8_of(text));
    }
  }
};

// Calls a Python object's count(text); what it raises comes out of send() as it is.
class PythonCounter final : public TokenCounter {
 public:
  PythonCounter(std::string name, bool exact, py::object count)
      : name_(std::move(name)), exact_(exact), count_(hold(std::move(count))) {}

  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] bool exact() const override { return exact_; }
  [[nodiscard]] std::size_t count(std::string_view text) const override {
    const py::gil_scoped_acquire gil;
    return (*count_)(to_str(text)).cast<std::size_t>();
  }

 private:
  std::string name_;
  bool exact_;
  std::shared_ptr<py::object> count_;
};

// Several threads may append.
class SharedCount {
 public:
  explicit SharedCount(const BpeTokenCounter& counter) : count_(counter) {}

  std::size_t append(const py::object& text) {
    const std::string_view view = utf8_of(text);
    const py::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    return count_.append(view);
  }
  [[nodiscard]] std::size_t tokens() {
    const py::gil_scoped_release release;
    const std::scoped_lock lock(mutex_);
    return count_.tokens();
  }

 private:
  std::mutex mutex_;
  IncrementalCount count_;
};

std::size_t count(const BpeTokenCounter& counter, const py::object& text) {
  const std::string_view view = utf8_of(text);
  const py::gil_scoped_release release;
  return counter.count(view);
}

std::vector<std::size_t> count_many(const BpeTokenCounter& counter, const py::object& texts) {
  const Texts held(texts);
  const py::gil_scoped_release release;
  std::vector<std::size_t> counts;
  counts.reserve(held.views.size());
  for (const auto& text : held.views) counts.push_back(counter.count(text));
  return counts;
}

std::vector<int> count_parts(const BpeTokenCounter& counter, const py::object& parts) {
  const Texts held(parts);
  const py::gil_scoped_release release;
  std::string text;
  std::vector<std::size_t> ends;
  ends.reserve(held.views.size());
  for (const auto& part : held.views) ends.push_back(text.append(part).size());
  return counter.count_parts(text, ends);
}

py::list encode(const BpeTokenCounter& counter, const py::object& text, bool special) {
  const std::string_view view = utf8_of(text);
  std::vector<std::uint32_t> tokens;
  {
    const py::gil_scoped_release release;
    tokens = counter.encode(view, special);
  }
  return to_list(tokens);
}

std::uint32_t to_id(const py::handle& token) {
  const bool whole = !PyBool_Check(token.ptr()) && PyIndex_Check(token.ptr());  // numpy's too
  if (!whole)
    throw InvalidInput(std::string("a token id must be an int, not ") +
                       Py_TYPE(token.ptr())->tp_name);
  const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(token.ptr()));
  if (!number) throw py::error_already_set();
  int overflow = 0;
  const long long id = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (overflow != 0) throw InvalidInput("a token id is beyond those of any encoding");
  if (id < 0 || id > std::numeric_limits<std::uint32_t>::max())
    throw InvalidInput("no encoding has a token " + std::to_string(id));
  return static_cast<std::uint32_t>(id);
}

py::str decode(const BpeTokenCounter& counter, const py::object& tokens) {
  const bool text = PyUnicode_Check(tokens.ptr()) || PyBytes_Check(tokens.ptr());
  if (text || !py::isinstance<py::iterable>(tokens))
    throw InvalidInput(std::string("tokens must be a list of ids, not ") +
                       Py_TYPE(tokens.ptr())->tp_name);
  std::vector<std::uint32_t> ids;
  for (const auto& token : tokens) ids.push_back(to_id(token));
  return to_str(counter.decode(ids));
}

// Pickled by its name, and with it the TokenCounter that holds it.
py::tuple reduce(const py::object& counter) {
  return py::make_tuple(py::type::of(counter), py::make_tuple(counter.attr("name")));
}

}  // namespace

void bind_tokens(py::module_& module) {
  py::class_<TokenCounter, std::shared_ptr<TokenCounter>>(module, "CoreCounter")
      .def_property_readonly("name", &TokenCounter::name)
      .def_property_readonly("exact", &TokenCounter::exact);
  py::class_<BpeTokenCounter, TokenCounter, std::shared_ptr<BpeTokenCounter>>(module, "BpeCounter")
      .def(py::init<std::string_view>(), py::arg("encoding"),
           py::call_guard<py::gil_scoped_release>())
      .def("count", &count, py::arg("text"))
      .def("count_many", &count_many, py::arg("texts"))
      .def("count_parts", &count_parts, py::arg("parts"))
      .def("encode", &encode, py::arg("text"), py::arg("special") = false)
      .def("decode", &decode, py::arg("tokens"))
      .def("__reduce__", &reduce)
      .def("splits_between", &BpeTokenCounter::splits_between, py::arg("left"), py::arg("right"));
  py::class_<SharedCount>(module, "IncrementalCount")
      .def(py::init<const BpeTokenCounter&>(), py::arg("counter"))
      .def("append", &SharedCount::append, py::arg("text"))
      .def_property_readonly("tokens", &SharedCount::tokens);
  py::class_<PythonCounter, TokenCounter, std::shared_ptr<PythonCounter>>(module, "PythonCounter")
      .def(py::init<std::string, bool, py::object>(), py::arg("name"), py::arg("exact"),
           py::arg("count"));
}

}  // namespace memgpt
