// The extension memgpt._core: its table of contents, and how errors cross.
#include <chrono>
#include <cstdlib>
#include <thread>

#include "bindings/bindings.h"
#include "error.h"
#include "llm/http_pool.h"
#include "llm/provider.h"
#include "store/schema.h"

namespace memgpt {

std::shared_ptr<py::object> hold(py::object object) {
  return {new py::object(std::move(object)), [](py::object* held) {
            const py::gil_scoped_acquire gil;
            delete held;  // NOLINT(cppcoreguidelines-owning-memory): a shared_ptr's deleter
          }};
}

void sleep_for_ever() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

py::object to_python(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return py::none();
    case json::kind::bool_: return py::bool_(value.get_bool());
    case json::kind::int64: return py::int_(value.get_int64());
    case json::kind::uint64: return py::int_(value.get_uint64());
    case json::kind::double_: return py::float_(value.get_double());
    case json::kind::string: {
      const auto& text = value.get_string();
      return py::str(text.data(), text.size());
    }
    case json::kind::array: {
      py::list list;
      for (const auto& item : value.get_array()) list.append(to_python(item));
      return list;
    }
    case json::kind::object: {
      py::dict dict;
      for (const auto& [key, item] : value.get_object())
        dict[py::str(key.data(), key.size())] = to_python(item);
      return dict;
    }
  }
  return py::none();
}

namespace {

// What `exact` has more of is left out: the injected arguments.
py::object with_numbers(const json::value& value, const py::handle& exact) {
  if (const auto* items = value.if_array()) {
    py::list list;
    for (std::size_t i = 0; i < items->size(); ++i)
      list.append(with_numbers((*items)[i], exact[py::int_(i)]));
    return list;
  }
  if (const auto* object = value.if_object()) {
    py::dict dict;
    for (const auto& [key, item] : *object) {
      const py::str name(key.data(), key.size());
      dict[name] = with_numbers(item, exact[name]);
    }
    return dict;
  }
  return value.is_double() ? py::reinterpret_borrow<py::object>(exact) : to_python(value);
}

}  // namespace

py::object to_python(const json::object& object, std::string_view exact) {
  if (exact.empty()) return to_python(json::value(object));
  const auto loads = py::module_::import("json").attr("loads");
  return with_numbers(object, loads(py::str(exact.data(), exact.size())));
}

namespace {

// Set when the interpreter begins to end. A thread that wants the GIL after that is ended by Python
// in a way that C++ frames do not survive: it is parked before.
std::atomic<bool>& exiting() {
  static std::atomic<bool> flag{false};
  return flag;
}

// What this thread's send() was given.
const Cancellation*& current_cancellation() {
  thread_local const Cancellation* current = nullptr;
  return current;
}

// Ctrl-C: Python's signal handlers run here, and what they raise ends the turn. So does a
// cancelled send_async().
void check_signals() {
  if (exiting()) sleep_for_ever();
  const py::gil_scoped_acquire gil;
  if (const auto* current = current_cancellation(); current != nullptr && current->cancelled()) {
    py::set_error(py::module_::import("asyncio").attr("CancelledError"), "");
    throw py::error_already_set();
  }
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

void begin_exit() {
  exiting() = true;
  // What is in the middle of a step comes to its end or to the next poll.
  const py::gil_scoped_release release;
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

// memgpt.errors has a class for every class of error.h, under the same name.
// NOLINTNEXTLINE(performance-unnecessary-value-param): pybind11 wants this signature
void translate(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const Error& error) {
    if (const auto* python = dynamic_cast<const PythonOrigin*>(&error)) {
      python->exception->restore();
      return;
    }
    const auto type = py::module_::import("memgpt.errors").attr(error.name());
    // What a damaged file says of itself need not be UTF-8.
    const std::string_view what = error.what();
    const auto text = py::reinterpret_steal<py::object>(
        PyUnicode_DecodeUTF8(what.data(), static_cast<Py_ssize_t>(what.size()), "replace"));
    PyErr_SetObject(type.ptr(), text.ptr());
  }
}

}  // namespace

Cancellation::Scope::Scope(const Cancellation& cancellation) : outer_(current_cancellation()) {
  // A send() of a tool of another send(): what ends the outer one ends both.
  if (outer_ == nullptr) current_cancellation() = &cancellation;
}

Cancellation::Scope::~Scope() { current_cancellation() = outer_; }

namespace {

// One for the process. Never destroyed: at exit OpenSSL may have cleaned up before, and the system
// closes what is open.
const std::shared_ptr<HttpPools>& process_pools() {
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory)
  static const auto& pools = *new std::shared_ptr<HttpPools>(std::make_shared<HttpPools>());
  return pools;
}

}  // namespace

Outside process_outside() {
  Outside outside;
  outside.pools = process_pools();
  outside.poll = check_signals;
  // With the GIL: os.environ writes the same table.
  outside.variable = [](const char* name) -> std::string {
    return with_python([&] {
      const char* value = std::getenv(name);
      return std::string(value == nullptr ? "" : value);
    });
  };
  outside.setting = [](const char* name) {
    return with_python([&] {
      return py::module_::import("memgpt._configuration").attr("setting")(name).cast<std::string>();
    });
  };
  outside.utc_offset_s = [](const std::string& zone, std::int64_t utc_us) {
    const py::gil_scoped_acquire gil;
    try {
      return py::module_::import("memgpt._zones").attr("utc_offset_s")(zone, utc_us).cast<int>();
    } catch (py::error_already_set& error) {
      if (!error.matches(py::module_::import("memgpt.errors").attr("ConfigError"))) throw;
      throw ConfigError(py::str(error.value()).cast<std::string>());
    }
  };
  outside.warn = [](const std::string& text) {
    const py::gil_scoped_acquire gil;
    py::module_::import("memgpt._text").attr("warn")(text);
  };
  return outside;
}

}  // namespace memgpt

PYBIND11_MODULE(_core, module) {
  module.doc() = "The C++ kernel of memgpt. Use the package memgpt instead.";
  pybind11::register_exception_translator(&memgpt::translate);
  module.def("_begin_exit", &memgpt::begin_exit);
  memgpt::bind_memory(module);
  memgpt::bind_tokens(module);
  memgpt::bind_policy(module);
  memgpt::bind_llm(module);
  memgpt::bind_http_probe(module);
  memgpt::bind_stores(module);
  memgpt::bind_decoder(module);
  memgpt::bind_history(module);
  module.attr("application_id") = memgpt::kApplicationId;
  module.attr("newest_schema") = memgpt::newest_schema();
  memgpt::bind_agent(module);
  memgpt::bind_server(module);
}
