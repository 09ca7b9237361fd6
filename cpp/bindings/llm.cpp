// Providers and embedders written in Python, as the kernel sees them.
#include "bindings/bindings.h"
#include "error.h"
#include "llm/embedder.h"
#include "llm/offline_embedder.h"
#include "llm/openai.h"
#include "llm/provider.h"

namespace memgpt {

namespace {

// A reply as it crosses between here and memgpt.llm: content, thinking, calls as (id, name,
// arguments), tokens of prompt and completion (-1 = not said).
using ReplyParts =
    std::tuple<std::string, std::string,
               std::vector<std::tuple<std::string, std::string, std::string>>, int, int>;

ReplyParts reply_parts(Reply reply) {
  ReplyParts parts;
  auto& [content, thinking, calls, prompt_tokens, completion_tokens] = parts;
  content = std::move(reply.content);
  thinking = std::move(reply.thinking);
  prompt_tokens = reply.usage.prompt_tokens;
  completion_tokens = reply.usage.completion_tokens;
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

  [[nodiscard]] Reply complete(const std::shared_ptr<const Context>& context) override {
    const py::gil_scoped_acquire gil;
    ReplyParts parts;
    try {
      parts = (*complete_)(context).cast<ReplyParts>();
    } catch (py::error_already_set& error) {
      rethrow_for_core(std::move(error));
    }
    Reply reply{std::move(std::get<0>(parts)),
                std::move(std::get<1>(parts)),
                {},
                {std::get<3>(parts), std::get<4>(parts)},
                ""};
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
      .def_property_readonly("context_window", &LLMProvider::context_window)
      .def_property_readonly("tokenizer", &LLMProvider::tokenizer)
      .def_property_readonly("missing_key", &LLMProvider::missing_key)
      .def(
          "complete",
          [](LLMProvider& provider, const std::shared_ptr<Context>& context) {
            return reply_parts(provider.complete(context));
          },
          py::arg("context"), py::call_guard<py::gil_scoped_release>())
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
  py::class_<OpenAIProvider, LLMProvider, std::shared_ptr<OpenAIProvider>>(module, "OpenAIProvider")
      .def(py::init([](std::string model, std::optional<std::string> base_url,
                       std::optional<std::string> api_key, int context_window,
                       std::optional<std::string> tokenizer,
                       std::optional<std::shared_ptr<TokenCounter>> counter, double timeout_s) {
             return std::make_shared<OpenAIProvider>(
                 OpenAIOptions{std::move(model), std::move(base_url), std::move(api_key),
                               context_window, std::move(tokenizer),
                               std::move(counter).value_or(nullptr), timeout_s},
                 process_outside());
           }),
           py::arg("model"), py::arg("base_url"), py::arg("api_key"), py::arg("context_window"),
           py::arg("tokenizer"), py::arg("counter"), py::arg("timeout_s"));
  py::class_<PythonProvider, LLMProvider, std::shared_ptr<PythonProvider>>(module, "PythonProvider")
      .def(py::init<std::string, int, std::optional<std::shared_ptr<TokenCounter>>, py::object,
                    py::object, bool>(),
           py::arg("model"), py::arg("context_window"), py::arg("counter"), py::arg("complete"),
           py::arg("summarize"), py::arg("summarizes_by_completion"));
  py::class_<Embedder, std::shared_ptr<Embedder>>(module, "CoreEmbedder")
      .def_property_readonly("name", &Embedder::name)
      .def_property_readonly("dimension", &Embedder::dimension)
      .def("embed", &Embedder::embed, py::arg("texts"))
      .def("embed_query", &Embedder::embed_query, py::arg("text"), py::arg("idf"));
  py::class_<OfflineEmbedder, Embedder, std::shared_ptr<OfflineEmbedder>>(module, "OfflineEmbedder")
      .def(py::init<>());
  py::class_<PythonEmbedder, Embedder, std::shared_ptr<PythonEmbedder>>(module, "PythonEmbedder")
      .def(py::init<std::string, int, double, py::object>(), py::arg("name"), py::arg("dimension"),
           py::arg("weight"), py::arg("embed"));
}

}  // namespace memgpt
