// Token counters: the core's, and those written in Python as the kernel sees them.
#include <limits>
#include <mutex>

#include "bindings/bindings.h"
#include "error.h"
#include "memory/token_counter.h"

namespace memgpt {

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
