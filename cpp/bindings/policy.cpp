// Memory policies: those of the kernel, and those written in Python.
#include "memory/policy.h"

#include <array>
#include <chrono>

#include "bindings/bindings.h"
#include "error.h"
#include "memory/importance.h"
#include "memory/text.h"

namespace memgpt {

namespace {

// What a memoryview looks at: an array of a window that lives as long as the view does.
template <typename Integer>
struct Array {
  std::shared_ptr<const PolicyWindow> window;
  const std::vector<Integer>* values;
};

template <typename Integer>
void bind_array(py::module_& module, const char* name) {
  py::class_<Array<Integer>>(module, name, py::buffer_protocol())
      .def_buffer([](const Array<Integer>& array) {
        const auto size = static_cast<py::ssize_t>(array.values->size());
        // Read-only: nothing is written through it.
        return py::buffer_info(const_cast<Integer*>(array.values->data()),
                               sizeof(Integer),  // NOLINT
                               py::format_descriptor<Integer>::format(), 1, {size},
                               {static_cast<py::ssize_t>(sizeof(Integer))}, true);
      });
}

template <typename Integer>
auto view_of(std::vector<Integer> PolicyWindow::* member) {
  return [member](const std::shared_ptr<PolicyWindow>& window) {
    return py::memoryview(py::cast(Array<Integer>{window, &(window.get()->*member)}));
  };
}

[[noreturn]] void refuse(const std::string& policy, const PolicyWindow& window,
                         const std::string& what) {
  throw PolicyError("the memory policy " + policy + " cannot be followed in step " +
                    std::to_string(window.step) + ": fit() returned " + what +
                    "; return a memgpt.Fit or a list of (begin, end) pairs of integers");
}

// A tuple of two ints is what nearly all are: read without the general way, which costs 30 ns a
// number.
std::optional<Range> to_range(const py::handle& item) {
  PyObject* const pair = item.ptr();
  if (PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2 &&
      PyLong_CheckExact(PyTuple_GET_ITEM(pair, 0)) &&
      PyLong_CheckExact(PyTuple_GET_ITEM(pair, 1))) {
    std::array<int, 2> overflow{};
    const Range range{PyLong_AsLongLongAndOverflow(PyTuple_GET_ITEM(pair, 0), &overflow[0]),
                      PyLong_AsLongLongAndOverflow(PyTuple_GET_ITEM(pair, 1), &overflow[1])};
    if (overflow[0] == 0 && overflow[1] == 0) return range;
  }
  try {
    const auto numbers = item.cast<std::pair<std::int64_t, std::int64_t>>();
    return Range{numbers.first, numbers.second};
  } catch (const py::cast_error&) {
    return std::nullopt;
  }
}

// What fit() returned, as the kernel takes it.
Fit to_fit(const std::string& policy, const PolicyWindow& window, const py::object& result) {
  if (py::isinstance<Fit>(result)) return result.cast<Fit>();
  const auto type = py::str(py::type::of(result).attr("__name__")).cast<std::string>();
  if (!py::isinstance<py::sequence>(result) || py::isinstance<py::str>(result))
    refuse(policy, window, "a " + type);
  Fit fit;
  for (const auto& item : result) {
    const auto range = to_range(item);
    if (!range)
      refuse(policy, window,
             "a " + type + " with " +
                 std::string(utf8_prefix(static_cast<std::string>(py::repr(item)), 80)));
    fit.keep.push_back(*range);
  }
  return fit;
}

// What it raises comes out of send() as it is, with a note that names the policy and the step.
class PythonPolicy final : public MemoryPolicy {
 public:
  PythonPolicy(std::string name, std::string parameters, py::object fit,
               std::optional<py::object> evicts_above)
      : name_(std::move(name)),
        parameters_(std::move(parameters)),
        fit_(hold(std::move(fit))),
        evicts_above_(evicts_above ? hold(std::move(*evicts_above)) : nullptr) {}

  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] std::string parameters() const override { return parameters_; }
  [[nodiscard]] py::object callable() const { return *fit_; }
  [[nodiscard]] int evicts_above(int limit_tokens) const override {
    if (!evicts_above_) return limit_tokens;
    const py::gil_scoped_acquire gil;
    py::object line;
    try {
      line = (*evicts_above_)(limit_tokens);
    } catch (py::error_already_set& error) {
      add_note(error, "in evicts_above() of the memory policy " + name_);
      throw;
    }
    if (py::isinstance<py::int_>(line)) {
      int overflow = 0;
      const auto tokens = PyLong_AsLongAndOverflow(line.ptr(), &overflow);
      if (overflow == 0 && tokens > 0 && tokens <= limit_tokens) return static_cast<int>(tokens);
    }
    throw PolicyError("the memory policy " + name_ +
                      " cannot be followed: evicts_above() must return an integer from 1 to the "
                      "limit, " +
                      std::to_string(limit_tokens));
  }
  [[nodiscard]] Fit fit(const std::shared_ptr<const PolicyWindow>& window) const override {
    const py::gil_scoped_acquire gil;
    py::object result;
    try {
      result = (*fit_)(std::const_pointer_cast<PolicyWindow>(window));
    } catch (py::error_already_set& error) {
      add_note(error, "in the memory policy " + name_ + ", step " + std::to_string(window->step));
      throw;
    }
    return to_fit(name_, *window, result);
  }

 private:
  static void add_note(py::error_already_set& error, const std::string& where) {
    if (py::hasattr(error.value(), "add_note"))
      error.value().attr("add_note")(where + "; agent.policy = ... gives the agent another");
  }

  std::string name_;
  std::string parameters_;
  std::shared_ptr<py::object> fit_;
  std::shared_ptr<py::object> evicts_above_;
};

std::shared_ptr<PolicyWindow> make_window(std::vector<std::int32_t> tokens,
                                          std::optional<std::vector<std::int32_t>> roles,
                                          std::optional<std::vector<std::int64_t>> ages,
                                          std::optional<std::vector<std::int32_t>> pins,
                                          std::optional<std::vector<std::int32_t>> scores,
                                          std::optional<std::vector<std::int32_t>> groups,
                                          std::optional<std::vector<std::int64_t>> positions,
                                          int fixed_tokens, int limit_tokens, bool warned,
                                          bool forced, int newest_user, int newest_input) {
  auto window = std::make_shared<PolicyWindow>();
  const auto size = tokens.size();
  window->tokens = std::move(tokens);
  window->roles = std::move(roles).value_or(std::vector<std::int32_t>(size, 0));
  window->ages = std::move(ages).value_or(std::vector<std::int64_t>(size, 0));
  window->pins = std::move(pins).value_or(std::vector<std::int32_t>(size, 0));
  window->scores = std::move(scores).value_or(std::vector<std::int32_t>(size, 0));
  std::vector<std::int32_t> each(size);
  std::vector<std::int64_t> places(size);
  for (std::size_t i = 0; i < size; ++i) each[i] = static_cast<std::int32_t>(places[i] = i);
  window->groups = std::move(groups).value_or(std::move(each));
  window->positions = std::move(positions).value_or(std::move(places));
  window->fixed_tokens = fixed_tokens;
  window->limit_tokens = limit_tokens;
  window->warned = warned;
  window->forced = forced;
  window->newest_user = newest_user;
  window->newest_input = newest_input;
  window->check();
  return window;
}

void bind_window(py::module_& module) {
  bind_array<std::int32_t>(module, "Int32Array");
  bind_array<std::int64_t>(module, "Int64Array");
  py::class_<PolicyWindow, std::shared_ptr<PolicyWindow>>(
      module, "PolicyWindow",
      "The messages of a window as integers, oldest first: what a memory policy sees.\n\n"
      "Arrays are read-only memoryviews, one entry a message, without copies.")
      .def(py::init(&make_window), py::arg("tokens"), py::kw_only(), py::arg("roles") = py::none(),
           py::arg("ages") = py::none(), py::arg("pins") = py::none(),
           py::arg("scores") = py::none(), py::arg("groups") = py::none(),
           py::arg("positions") = py::none(), py::arg("fixed_tokens") = 0, py::arg("limit_tokens"),
           py::arg("warned") = false, py::arg("forced") = false, py::arg("newest_user") = -1,
           py::arg("newest_input") = -1)
      .def_property_readonly("tokens", view_of(&PolicyWindow::tokens),
                             "int32: what the message takes, wire format included.")
      .def_property_readonly("roles", view_of(&PolicyWindow::roles),
                             "int32: 0 user, 1 assistant, 2 tool, 3 system.")
      .def_property_readonly("ages", view_of(&PolicyWindow::ages),
                             "int64: microseconds before the newest message.")
      .def_property_readonly("pins", view_of(&PolicyWindow::pins), "int32: 1 = pinned.")
      .def_property_readonly("scores", view_of(&PolicyWindow::scores),
                             "int32: see memgpt.importance().")
      .def_property_readonly("groups", view_of(&PolicyWindow::groups),
                             "int32: equal for a call and its returns, which stay or go together.")
      .def_property_readonly("positions", view_of(&PolicyWindow::positions),
                             "int64: places in the agent's log.")
      .def_readonly("newest_user", &PolicyWindow::newest_user,
                    "Index of the newest user message, which is always kept; -1 = none.")
      .def_readonly("newest_input", &PolicyWindow::newest_input,
                    "Index of the input of this turn, which is always kept; -1 = none.")
      .def_readonly("fixed_tokens", &PolicyWindow::fixed_tokens,
                    "Taken by system prompt, tools, memory blocks and summary.")
      .def_readonly("limit_tokens", &PolicyWindow::limit_tokens,
                    "What all may take: the window less the reply reserve.")
      .def_readonly("warned", &PolicyWindow::warned,
                    "The agent was warned since the last eviction.")
      .def_readonly("forced", &PolicyWindow::forced,
                    "The provider said that the window is full: something has to go.")
      .def_readonly("step", &PolicyWindow::step, "Number of the commit that is decided about.")
      .def_property_readonly("total", &PolicyWindow::total, "fixed_tokens and all messages.")
      .def("__len__", &PolicyWindow::size)
      .def("__repr__", [](const PolicyWindow& window) {
        return "<PolicyWindow " + std::to_string(window.size()) + " messages, " +
               std::to_string(window.total()) + " of " + std::to_string(window.limit_tokens) +
               " tokens>";
      });
}

void bind_fit(py::module_& module) {
  py::class_<Fit>(module, "Fit",
                  "What a memory policy decides.\n\n"
                  "Args:\n    keep: (begin, end) ranges of indices, in order; end is not kept.\n"
                  "    warn: tell the agent that the window is nearly full.\n"
                  "    summarize: False: what goes is in recall memory, and in no summary.\n"
                  "    summary_prompt: what the summariser is asked for; None = the stock prompt.")
      .def(py::init([](const std::vector<std::pair<std::int64_t, std::int64_t>>& keep, bool warn,
                       bool summarize, std::optional<std::string> summary_prompt) {
             Fit fit{{}, warn, summarize, std::move(summary_prompt).value_or("")};
             for (const auto& [begin, end] : keep) fit.keep.push_back({begin, end});
             return fit;
           }),
           py::arg("keep"), py::arg("warn") = false, py::arg("summarize") = true,
           py::arg("summary_prompt") = py::none())
      .def_property_readonly("keep", [](const Fit& fit) { return pairs_of(fit.keep); })
      .def_readonly("warn", &Fit::warn)
      .def_readonly("summarize", &Fit::summarize)
      .def_readonly("summary_prompt", &Fit::summary_prompt)
      .def("__repr__", [](const py::object& self) {
        return py::str("Fit(keep={!r}, warn={!r}, summarize={!r})")
            .format(self.attr("keep"), self.attr("warn"), self.attr("summarize"));
      });
}

// Nanoseconds a call, as the loop calls it: without the GIL held.
double time_fit(const MemoryPolicy& policy, const std::shared_ptr<PolicyWindow>& window,
                int rounds) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (int i = 0; i < rounds; ++i) static_cast<void>(policy.fit(window));
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / rounds;
}

}  // namespace

std::vector<std::pair<std::int64_t, std::int64_t>> pairs_of(const std::vector<Range>& ranges) {
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  pairs.reserve(ranges.size());
  for (const auto& range : ranges) pairs.emplace_back(range.begin, range.end);
  return pairs;
}

void bind_policy(py::module_& module) {
  bind_window(module);
  bind_fit(module);
  py::class_<MemoryPolicy, std::shared_ptr<MemoryPolicy>>(module, "CorePolicy")
      .def_property_readonly("name", &MemoryPolicy::name)
      .def_property_readonly("parameters", &MemoryPolicy::parameters)
      .def("evicts_above", &MemoryPolicy::evicts_above, py::arg("limit_tokens"))
      .def(
          "fit",
          [](const MemoryPolicy& policy, const std::shared_ptr<PolicyWindow>& window) {
            return policy.fit(window);
          },
          py::arg("window"));
  py::class_<PythonPolicy, MemoryPolicy, std::shared_ptr<PythonPolicy>>(module, "PythonPolicy")
      .def(py::init<std::string, std::string, py::object, std::optional<py::object>>(),
           py::arg("name"), py::arg("parameters"), py::arg("fit"), py::arg("evicts_above"))
      .def_property_readonly("callable", &PythonPolicy::callable);
  module.def(
      "builtin_policy",
      [](const std::string& name, const std::string& parameters) {
        return std::const_pointer_cast<MemoryPolicy>(builtin_policy(name, parameters));
      },
      py::arg("name"), py::arg("parameters"));
  module.def(
      "check_fit",
      [](const PolicyWindow& window, const Fit& fit, const std::string& policy) {
        check_fit(window, fit, policy);
      },
      py::arg("window"), py::arg("fit"), py::arg("policy"));
  module.def(
      "importance", [](const std::string& text) { return importance(text); }, py::arg("text"));
  module.def("time_fit", &time_fit, py::arg("policy"), py::arg("window"), py::arg("rounds"),
             py::call_guard<py::gil_scoped_release>());
}

}  // namespace memgpt
