// Stores of vectors written in Python, as the kernel sees them.
#include "bindings/bindings.h"
#include "error.h"
#include "store/archival_store.h"
#include "store/vector_kernels.h"

namespace memgpt {

namespace {

// What memgpt.store raises, and only that, is an error of the core: Ctrl-C passes.
[[noreturn]] void rethrow_store_error(py::error_already_set error) {
  const auto errors = py::module_::import("memgpt.errors");
  if (!error.matches(errors.attr("ArchivalStoreError"))) throw std::move(error);
  const bool timeout = error.matches(errors.attr("ArchivalStoreTimeout"));
  const auto text =
      py::module_::import("memgpt._text").attr("message_of")(error.value()).cast<std::string>();
  auto origin = std::shared_ptr<py::error_already_set>(
      new py::error_already_set(std::move(error)), [](py::error_already_set* held) {
        const py::gil_scoped_acquire gil;
        delete held;  // NOLINT(cppcoreguidelines-owning-memory): a shared_ptr's deleter
      });
  if (timeout) throw FromPython<ArchivalStoreTimeout>(text, std::move(origin));
  throw FromPython<ArchivalStoreError>(text, std::move(origin));
}

py::bytes bytes_of(const std::vector<float>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float)};
}

// The methods of a memgpt.store.Guarded, which checks what the program's own store answers.
class PythonArchivalStore final : public ArchivalStore {
 public:
  PythonArchivalStore(std::string name, py::object store)
      : name_(std::move(name)), store_(hold(std::move(store))) {}

  [[nodiscard]] std::string name() const override { return name_; }
  void insert(const VectorSet& set, const VectorRows& rows) override {
    const py::gil_scoped_acquire gil;
    static_cast<void>(
        ask("insert", set.key(), rows.ids, rows.branches, rows.seqs, bytes_of(rows.vectors)));
  }
  void remove(const VectorSet& set, const std::vector<std::int64_t>& ids) override {
    const py::gil_scoped_acquire gil;
    static_cast<void>(ask("delete", set.key(), ids));
  }
  [[nodiscard]] std::vector<std::int64_t> search(const VectorSet& set,
                                                 const std::vector<float>& vector,
                                                 std::size_t limit, const Sight& sight) override {
    const py::gil_scoped_acquire gil;
    return ask("search", set.key(), bytes_of(vector), limit, sight.line, sight.hidden)
        .cast<std::vector<std::int64_t>>();
  }

 private:
  template <typename... Arguments>
  py::object ask(const char* method, const Arguments&... arguments) {
    try {
      return store_->attr(method)(arguments...);
    } catch (py::error_already_set& error) {
      rethrow_store_error(std::move(error));
    }
  }

  std::string name_;
  std::shared_ptr<py::object> store_;
};

// What the kernels of each kind that this processor runs make of the same rows.
std::vector<std::pair<std::string, std::vector<std::int32_t>>> kernel_sums(
    const std::vector<std::int8_t>& rows, const std::vector<std::int16_t>& query) {
  std::vector<std::pair<std::string, std::vector<std::int32_t>>> found;
  const auto count = rows.size() / query.size();
  for (const auto& kernels : all_kernels()) {
    std::vector<std::int32_t> sums(count);
    kernels.scan(rows.data(), query.data(), query.size(), count, sums.data());
    for (std::size_t i = 0; i < count; ++i)
      sums.push_back(kernels.dot(rows.data() + i * query.size(), query.data(), query.size()));
    found.emplace_back(kernels.name, std::move(sums));
  }
  return found;
}

}  // namespace

void bind_stores(py::module_& module) {
  py::class_<ArchivalStore, std::shared_ptr<ArchivalStore>>(module, "CoreArchivalStore")
      .def_property_readonly("name", &ArchivalStore::name);
  py::class_<PythonArchivalStore, ArchivalStore, std::shared_ptr<PythonArchivalStore>>(
      module, "PythonArchivalStore")
      .def(py::init<std::string, py::object>(), py::arg("name"), py::arg("store"));
  module.def("_kernel_sums", &kernel_sums, py::arg("rows"), py::arg("query"));
}

}  // namespace memgpt
