// Providers and embedders written in Python, as the kernel sees them.
#include "bindings/bindings.h"
#include "error.h"
#include "llm/chat_completion.h"
#include "llm/embedder.h"
#include "llm/endpoint_embedder.h"
#include "llm/offline_embedder.h"
#include "llm/provider.h"
#include "llm/services.h"

namespace memgpt {

namespace {

// A reply as it crosses between here and memgpt.llm: content, thinking, calls as (id, name,
// arguments), tokens of prompt and completion (-1 = not said), why the model stopped.
using ReplyParts = std::tuple<std::string, std::string,
                              std::vector<std::tuple<std::string, std::string, std::string>>, int,
                              int, std::string>;

ReplyParts reply_parts(Reply reply) {
  ReplyParts parts;
  auto& [content, thinking, calls, prompt_tokens, completion_tokens, finish_reason] = parts;
  content = std::move(reply.content);
  thinking = std::move(reply.thinking);
  prompt_tokens = reply.usage.prompt_tokens;
  completion_tokens = reply.usage.completion_tokens;
  finish_reason = std::move(reply.finish_reason);
  for (auto& call : reply.tool_calls)
    calls.emplace_back(std::move(call.id), std::move(call.name), std::move(call.arguments));
  return parts;
}

// Calls a Python object's methods; its exceptions come out of send() as they are.
// An exception of Python's as an error of the core: the core may go on after it (another try, a
// digest in place of a summary), and if it does not, Python gets its own exception back. What is no
// Exception, such as KeyboardInterrupt, passes through.
[[noreturn]] void rethrow_for_core(py::error_already_set error) {
  if (!error.matches(PyExc_Exception)) throw std::move(error);
  const bool overflow = error.matches(py::module_::import("memgpt.errors").attr("ContextOverflow"));
  const auto error_text = py::module_::import("memgpt._text").attr("error_text");
  const auto text = error_text(error.value()).cast<std::string>();
  auto origin = std::shared_ptr<py::error_already_set>(
      new py::error_already_set(std::move(error)), [](py::error_already_set* held) {
        const py::gil_scoped_acquire gil;
        delete held;  // NOLINT(cppcoreguidelines-owning-memory): a shared_ptr's deleter
      });
  if (overflow) throw FromPython<ContextOverflow>(text, std::move(origin));
  throw FromPython<ProviderError>(text, std::move(origin));
}

// Where a provider written in Python puts the pieces of its reply: a function of kind, text, index,
// id and name. It may be kept; what comes after the call is dropped.
class DeltaSink {
 public:
  explicit DeltaSink(const OnDelta& on_delta)
      : on_delta_(std::make_shared<const OnDelta*>(on_delta ? &on_delta : nullptr)) {}
  ~DeltaSink() { *on_delta_ = nullptr; }
  DeltaSink(const DeltaSink&) = delete;
  DeltaSink& operator=(const DeltaSink&) = delete;
  [[nodiscard]] py::object callable() const {
    if (*on_delta_ == nullptr) return py::none();
    return py::cpp_function([to = on_delta_](const std::string& kind, const std::string& text,
                                             int index, const std::string& id,
                                             const std::string& name) {
      if (*to == nullptr) return;
      (**to)({kind == "tool_call"  ? Delta::Kind::tool_call
              : kind == "thinking" ? Delta::Kind::thinking
                                   : Delta::Kind::content,
              text, index, id, name});
    });
  }

 private:
  std::shared_ptr<const OnDelta*> on_delta_;
};

class PythonProvider final : public LLMProvider {
 public:
  PythonProvider(std::string model, int context_window,
                 std::optional<std::shared_ptr<TokenCounter>> counter, py::object complete,
                 py::object summarize, bool summarizes_by_completion)
      : model_(std::move(model)),
        context_window_(context_window),
        counter_(std::move(counter).value_or(nullptr)),
        complete_(hold(std::move(complete))),
        summarize_(summarize.is_none() ? nullptr : hold(std::move(summarize))),
        summarizes_by_completion_(summarizes_by_completion) {}

  [[nodiscard]] bool summarizes_by_completion() const override { return summarizes_by_completion_; }

  [[nodiscard]] std::string model() const override { return model_; }
  [[nodiscard]] int context_window() const override { return context_window_; }
  [[nodiscard]] std::string tokenizer() const override { return counter_ ? counter_->name() : ""; }
  [[nodiscard]] std::shared_ptr<const TokenCounter> counter() const override { return counter_; }

  [[nodiscard]] Reply complete(const std::shared_ptr<const Context>& context,
                               const CallOptions& options) override {
    const DeltaSink sink(options.on_delta);
    auto parts = with_python([&] {
      try {
        return (*complete_)(context, sink.callable()).cast<ReplyParts>();
      } catch (py::error_already_set& error) {
        rethrow_for_core(std::move(error));
      }
    });
    Reply reply{std::move(std::get<0>(parts)),
                std::move(std::get<1>(parts)),
                {},
                {std::get<3>(parts), std::get<4>(parts)},
                std::move(std::get<5>(parts))};
    for (auto& [id, name, arguments] : std::get<2>(parts))
      reply.tool_calls.push_back({std::move(id), std::move(name), std::move(arguments)});
    return reply;
  }

  [[nodiscard]] Summary summarize(std::string_view text, int limit_tokens) override {
    if (!summarize_) return {};
    const py::gil_scoped_acquire gil;
    auto [summary, failure] = (*summarize_)(py::str(text.data(), text.size()), limit_tokens)
                                  .cast<std::pair<std::optional<std::string>, std::string>>();
    return {std::move(summary), std::move(failure)};
  }

 private:
  std::string model_;
  int context_window_;
  std::shared_ptr<const TokenCounter> counter_;
  std::shared_ptr<py::object> complete_;
  std::shared_ptr<py::object> summarize_;
  bool summarizes_by_completion_;
};

// A reply's pieces as (kind, text, index, id, name). The callable outlives the call.
OnDelta deltas_to(const py::object& callable) {
  return [&callable](const Delta& delta) {
    const py::gil_scoped_acquire gil;
    const auto text = [](std::string_view view) { return py::str(view.data(), view.size()); };
    callable(delta.kind == Delta::Kind::tool_call  ? "tool_call"
             : delta.kind == Delta::Kind::thinking ? "thinking"
                                                   : "content",
             text(delta.text), delta.index, text(delta.id), text(delta.name));
  };
}

class PythonEmbedder final : public Embedder {
 public:
  PythonEmbedder(std::string name, int dimension, double weight, py::object embed)
      : name_(std::move(name)),
        dimension_(dimension),
        weight_(weight),
        embed_(hold(std::move(embed))) {}

  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] int dimension() const override { return dimension_; }
  [[nodiscard]] double weight() const override { return weight_; }
  [[nodiscard]] std::vector<float> embed(const std::vector<std::string>& texts) override {
    const py::gil_scoped_acquire gil;
    try {
      const auto rows = (*embed_)(texts).cast<py::buffer>().request();
      if (!rows.item_type_is_equivalent_to<float>())
        throw ConfigError("embedder \"" + name_ + "\" must return float32");
      // memgpt._vectors has seen to it that there are no gaps.
      const auto* const first = static_cast<const float*>(rows.ptr);
      return {first, first + rows.size};
    } catch (py::error_already_set& error) {
      rethrow_for_core(std::move(error));
    }
  }

 private:
  std::string name_;
  int dimension_;
  double weight_;
  std::shared_ptr<py::object> embed_;
};

}  // namespace

void bind_llm(py::module_& module) {
  py::class_<LLMProvider, std::shared_ptr<LLMProvider>>(module, "Provider")
      .def_property_readonly("model", &LLMProvider::model)
      .def("context_window", &LLMProvider::context_window, py::call_guard<py::gil_scoped_release>(),
           "Asks the model's server where it can say.")
      .def_property_readonly("tokenizer", &LLMProvider::tokenizer)
      .def_property_readonly("missing_key", &LLMProvider::missing_key)
      .def(
          "complete",
          [](LLMProvider& provider, const std::shared_ptr<Context>& context,
             const std::optional<py::object>& on_delta, const std::string& reasoning) {
            CallOptions options;
            options.reasoning = reasoning_from_string(reasoning);
            if (on_delta) options.on_delta = deltas_to(*on_delta);
            return reply_parts(provider.complete(context, options));
          },
          py::arg("context"), py::arg("on_delta"), py::arg("reasoning"),
          py::call_guard<py::gil_scoped_release>())
      .def(
          "summarize",
          [](LLMProvider& provider, const std::string& text, int limit_tokens) {
            return provider.summarize(text, limit_tokens).text;
          },
          py::arg("text"), py::arg("limit_tokens"), py::call_guard<py::gil_scoped_release>());
  module.def(
      "provider_for",
      [](const std::string& handle) { return provider_for(handle, process_outside()); },
      py::arg("handle"));
  module.def(
      "read_chat_completion",
      [](const std::string& text) { return reply_parts(read_chat_completion(text)); },
      py::arg("text"));
  py::class_<ModelOptions>(module, "ModelOptions")
      .def(py::init<>())
      .def_readwrite("model", &ModelOptions::model)
      .def_readwrite("service", &ModelOptions::service)
      .def_readwrite("base_url", &ModelOptions::base_url)
      .def_readwrite("api_key", &ModelOptions::api_key)
      .def_readwrite("api_version", &ModelOptions::api_version)
      .def_readwrite("context_window", &ModelOptions::context_window)
      .def_readwrite("tokenizer", &ModelOptions::tokenizer)
      .def_property(
          "counter", [](const ModelOptions&) { return py::none(); },
          [](ModelOptions& options, std::optional<std::shared_ptr<TokenCounter>> counter) {
            options.counter = std::move(counter).value_or(nullptr);
          })
      .def_readwrite("timeout_s", &ModelOptions::timeout_s)
      .def_readwrite("read_timeout_s", &ModelOptions::read_timeout_s)
      .def_readwrite("max_retries", &ModelOptions::max_retries)
      .def_readwrite("max_string", &ModelOptions::max_string)
      .def_readwrite("extra_body", &ModelOptions::extra_body)
      .def_property(
          "structure", [](const ModelOptions&) { return py::none(); },
          [](ModelOptions& options, const std::string& structure) {
            options.structure = structure_from_string(structure);
          });
  module.def(
      "make_provider",
      [](ModelOptions options) { return make_provider(std::move(options), process_outside()); },
      py::arg("options"));
  module.def("service_names", &service_names);
  module.def(
      "service_variables",
      [](const std::string& name) -> std::optional<std::pair<std::string, std::string>> {
        const auto* const service = find_service(name);
        if (service == nullptr) return std::nullopt;
        return std::make_pair(std::string(service->url_variable),
                              std::string(service->key_variable));
      },
      py::arg("name"), "The variables with a service's address and key; None: no such service.");
  py::class_<PythonProvider, LLMProvider, std::shared_ptr<PythonProvider>>(module, "PythonProvider")
      .def(py::init<std::string, int, std::optional<std::shared_ptr<TokenCounter>>, py::object,
                    py::object, bool>(),
           py::arg("model"), py::arg("context_window"), py::arg("counter"), py::arg("complete"),
           py::arg("summarize"), py::arg("summarizes_by_completion"));
  py::class_<Embedder, std::shared_ptr<Embedder>>(module, "CoreEmbedder")
      .def_property_readonly("name", &Embedder::name)
      .def_property_readonly("weight", &Embedder::weight)
      .def_property_readonly(
          "dimension",
          py::cpp_function(&Embedder::dimension, py::call_guard<py::gil_scoped_release>()))
      .def("embed", &Embedder::embed, py::arg("texts"), py::call_guard<py::gil_scoped_release>())
      .def("embed_query", &Embedder::embed_query, py::arg("text"), py::arg("idf"),
           py::call_guard<py::gil_scoped_release>());
  module.def(
      "make_embedder",
      [](std::string model, std::string service, std::optional<std::string> base_url,
         std::optional<std::string> api_key, std::string name, int dimension, bool shorten,
         double weight, int batch, double timeout_s, int max_retries) {
        EmbeddingOptions options;
        options.model = std::move(model);
        options.service = std::move(service);
        options.base_url = std::move(base_url);
        options.api_key = std::move(api_key);
        options.name = std::move(name);
        options.dimension = dimension;
        options.shorten = shorten;
        options.weight = weight;
        options.batch = static_cast<std::size_t>(std::max(0, batch));
        options.timeout_s = timeout_s;
        options.max_retries = max_retries;
        return make_embedder(std::move(options), process_outside());
      },
      py::arg("model"), py::arg("service"), py::arg("base_url"), py::arg("api_key"),
      py::arg("name"), py::arg("dimension"), py::arg("shorten"), py::arg("weight"),
      py::arg("batch"), py::arg("timeout_s"), py::arg("max_retries"));
  module.def(
      "embedder_for",
      [](const std::string& handle) { return embedder_for(handle, 0, process_outside()); },
      py::arg("handle"));
  py::class_<OfflineEmbedder, Embedder, std::shared_ptr<OfflineEmbedder>>(module, "OfflineEmbedder")
      .def(py::init<>());
  py::class_<PythonEmbedder, Embedder, std::shared_ptr<PythonEmbedder>>(module, "PythonEmbedder")
      .def(py::init<std::string, int, double, py::object>(), py::arg("name"), py::arg("dimension"),
           py::arg("weight"), py::arg("embed"));
}

}  // namespace memgpt
