// Shared by the binding files, and their precompiled header.
#pragma once

#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cxxabi.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "memory/json.h"
#include "memory/policy.h"

namespace memgpt {

namespace py = pybind11;

struct Outside;

void bind_memory(py::module_& module);
void bind_tokens(py::module_& module);
void bind_policy(py::module_& module);
void bind_llm(py::module_& module);
void bind_http_probe(py::module_& module);
void bind_stores(py::module_& module);
void bind_agent(py::module_& module);
void bind_decoder(py::module_& module);
void bind_archive(py::module_& module);
void bind_history(py::module_& module);
void bind_server(py::module_& module);

// A Python object that C++ threads may drop: the last reference goes with the GIL held.
[[nodiscard]] std::shared_ptr<py::object> hold(py::object object);

// Calls Python from a thread of the core's. At the end of the program Python ends its daemon
// threads by unwinding their stacks, which C++ does not survive: such a thread sleeps until the
// process is gone.
[[noreturn]] void sleep_for_ever();
template <typename Function>
auto with_python(Function&& function) {
  try {
    const py::gil_scoped_acquire gil;
    try {
      return function();
    } catch (const abi::__forced_unwind&) {
      sleep_for_ever();  // before the lock is given back, which is not held any more
    }
  } catch (const abi::__forced_unwind&) {
    sleep_for_ever();
  }
}

[[nodiscard]] py::object to_python(const json::value& value);
// `exact`: the same as JSON, for numbers that no json::value holds; empty: there are none.
[[nodiscard]] py::object to_python(const json::object& object, std::string_view exact);
// A datetime in UTC.
[[nodiscard]] py::object to_datetime(std::int64_t time_us);

// Ends a send() from another thread, at its next poll.
class Cancellation {
 public:
  void cancel() { cancelled_ = true; }
  [[nodiscard]] bool cancelled() const { return cancelled_; }

  // For the calls of this thread, and what they call, as long as the scope lives.
  class Scope {
   public:
    explicit Scope(const Cancellation& cancellation);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    const Cancellation* outer_;
  };

 private:
  std::atomic<bool> cancelled_{false};
};

// An error of the core that was an exception of Python's: translated back into it.
struct PythonOrigin {
  explicit PythonOrigin(std::shared_ptr<py::error_already_set> origin)
      : exception(std::move(origin)) {}
  std::shared_ptr<py::error_already_set> exception;
};
template <typename CoreError>
class FromPython final : public CoreError, public PythonOrigin {
 public:
  FromPython(const std::string& text, std::shared_ptr<py::error_already_set> origin)
      : CoreError(text), PythonOrigin(std::move(origin)) {}
};

// (begin, end) of each.
[[nodiscard]] std::vector<std::pair<std::int64_t, std::int64_t>> pairs_of(
    const std::vector<Range>& ranges);

// Python's signals and environment.
[[nodiscard]] Outside process_outside();

// What people look at: memgpt._views makes it, and is imported when something is shown.
[[nodiscard]] inline py::str shown(const char* function, const py::object& self) {
  return py::module_::import("memgpt._views").attr(function)(self);
}

}  // namespace memgpt
