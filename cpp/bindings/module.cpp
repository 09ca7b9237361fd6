// The extension memgpt._core: its table of contents, and how errors cross.
#include "bindings/bindings.h"
#include "error.h"

namespace memgpt {

std::shared_ptr<py::object> hold(py::object object) {
  return {new py::object(std::move(object)), [](py::object* held) {
            const py::gil_scoped_acquire gil;
            delete held;  // NOLINT(cppcoreguidelines-owning-memory): a shared_ptr's deleter
          }};
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

// memgpt.errors has a class for every class of error.h, under the same name.
// NOLINTNEXTLINE(performance-unnecessary-value-param): pybind11 wants this signature
void translate(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const Error& error) {
    const auto type = py::module_::import("memgpt.errors").attr(error.name());
    py::set_error(type, error.what());
  }
}

}  // namespace

}  // namespace memgpt

PYBIND11_MODULE(_core, module) {
  module.doc() = "The C++ kernel of memgpt. Use the package memgpt instead.";
  pybind11::register_exception_translator(&memgpt::translate);
  memgpt::bind_memory(module);
  memgpt::bind_llm(module);
  memgpt::bind_agent(module);
}
