// The server, and the same answers without a socket.
#include <condition_variable>
#include <deque>
#include <mutex>

#include "bindings/bindings.h"
#include "error.h"
#include "llm/provider.h"
#include "server/api.h"
#include "server/http_server.h"

namespace memgpt {

namespace {

using Release = py::call_guard<py::gil_scoped_release>;

// An answer that a thread of Python's waits for.
class LocalAnswer final : public ServerExchange {
 public:
  explicit LocalAnswer(std::function<void()> poll) : poll_(std::move(poll)) {}

  void respond(ServerResponse response) override {
    const std::scoped_lock lock(mutex_);
    pieces_.push_back(std::move(response.body));
    response.body.clear();
    head_ = std::move(response);
    ended_ = true;
    changed_.notify_all();
  }
  void begin_stream(ServerResponse head) override {
    const std::scoped_lock lock(mutex_);
    head_ = std::move(head);
    changed_.notify_all();
  }
  bool write(std::string_view piece) override {
    const std::scoped_lock lock(mutex_);
    if (closed_) return false;
    pieces_.emplace_back(piece);
    changed_.notify_all();
    return true;
  }
  void end_stream() override {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  // They wait, polling for Ctrl-C.
  [[nodiscard]] const ServerResponse& head() {
    wait([&] { return head_.has_value(); });
    return *head_;
  }
  // None: that was all.
  [[nodiscard]] std::optional<std::string> next() {
    wait([&] { return !pieces_.empty() || ended_; });
    const std::scoped_lock lock(mutex_);
    if (pieces_.empty()) return std::nullopt;
    auto piece = std::move(pieces_.front());
    pieces_.pop_front();
    return piece;
  }
  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }

 private:
  template <typename Ready>
  void wait(Ready&& ready) {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, std::chrono::milliseconds(20), ready)) {
      lock.unlock();
      if (poll_) poll_();
      lock.lock();
    }
  }

  std::function<void()> poll_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<ServerResponse> head_;
  std::deque<std::string> pieces_;
  bool ended_ = false;
  bool closed_ = false;
};

// Threads keep their Python state for life: a new one for each call costs more than the call.
void with_thread_state(const std::function<void()>& work) {
  const py::gil_scoped_acquire state;
  const py::gil_scoped_release release;
  work();
}

class CoreServer {
 public:
  CoreServer(std::shared_ptr<Home> home, ServerOptions options)
      : poll_(home->environment().outside.poll) {
    options.around = with_thread_state;
    api_ = std::make_shared<ServerApi>(std::move(home), std::move(options));
  }
  // Python lets go of it with the GIL held, which its threads want once more before they end.
  ~CoreServer() {
    const py::gil_scoped_release release;
    http_.reset();
    api_.reset();
  }
  CoreServer(const CoreServer&) = delete;
  CoreServer& operator=(const CoreServer&) = delete;

  void listen() { http_ = std::make_unique<HttpServer>(api_); }
  [[nodiscard]] std::string url() const { return http_ ? http_->url() : ""; }
  [[nodiscard]] int port() const { return http_ ? http_->port() : 0; }
  void stop() {
    if (http_)
      http_->stop();
    else
      api_->stop();
  }
  [[nodiscard]] std::shared_ptr<LocalAnswer> handle(
      std::string method, std::string target,
      const std::vector<std::pair<std::string, std::string>>& headers, std::string body) {
    ServerRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    for (const auto& [name, value] : headers) request.headers.push_back({name, value});
    request.body = std::move(body);
    request.in_process = true;
    auto answer = std::make_shared<LocalAnswer>(poll_);
    api_->handle(std::move(request), answer);
    return answer;
  }

 private:
  std::function<void()> poll_;
  std::shared_ptr<ServerApi> api_;
  std::unique_ptr<HttpServer> http_;
};

void set_log(ServerOptions& options, py::object callable) {
  options.log = [log = hold(std::move(callable))](const std::string& line) {
    with_python([&] { (*log)(line); });
  };
}

void set_derive(ServerOptions& options, py::object callable) {
  options.sources.derive = [derive = hold(std::move(callable))](const std::string& request) {
    return with_python([&]() -> std::string {
      try {
        return (*derive)(request).cast<std::string>();
      } catch (py::error_already_set& error) {
        if (!error.matches(py::module_::import("memgpt.errors").attr("Error"))) throw;
        throw ToolError(py::str(error.value()).cast<std::string>());
      }
    });
  };
}

void set_run(ServerOptions& options, py::object callable) {
  options.sources.run = [run = hold(std::move(callable))](const ToolSource& tool,
                                                          const std::string& arguments) {
    return with_python([&] {
      auto [failed, value, out, err, json] =
          (*run)(tool.source, tool.name, arguments, tool.environment, tool.schema)
              .cast<std::tuple<bool, std::string, std::vector<std::string>,
                               std::vector<std::string>, std::string>>();
      return SourceResult{failed, std::move(value), std::move(out), std::move(err),
                          std::move(json)};
    });
  };
}

// What a file should not have held is the client's to read.
template <typename Work>
auto refusing(const Work& work) {
  try {
    return work();
  } catch (py::error_already_set& error) {
    const auto errors = py::module_::import("memgpt.errors");
    for (const char* name : {"InvalidInput", "ConfigError"})
      if (error.matches(errors.attr(name)))
        throw InvalidInput(py::str(error.value()).cast<std::string>());
    throw;
  }
}

void set_carry(ServerOptions& options, py::object write, py::object read, py::object fill) {
  options.carry.write = [write = hold(std::move(write))](const std::string& agent_id,
                                                         const std::string& more) {
    return with_python(
        [&] { return refusing([&] { return (*write)(agent_id, more).cast<std::string>(); }); });
  };
  options.carry.read = [read = hold(std::move(read))](const std::string& file) {
    return with_python(
        [&] { return refusing([&] { return (*read)(py::bytes(file)).cast<std::string>(); }); });
  };
  options.carry.fill = [fill = hold(std::move(fill))](const std::string& file, std::size_t index,
                                                      const std::string& agent_id) {
    return with_python([&] {
      return refusing([&] {
        return (*fill)(py::bytes(file), index, agent_id).cast<std::vector<std::string>>();
      });
    });
  };
}

}  // namespace

void bind_server(py::module_& module) {
  py::class_<ServerLimits>(module, "ServerLimits")
      .def(py::init<>())
      .def_readwrite("body_bytes", &ServerLimits::body_bytes)
      .def_readwrite("header_bytes", &ServerLimits::header_bytes)
      .def_readwrite("connections", &ServerLimits::connections)
      .def_readwrite("request_timeout_s", &ServerLimits::request_timeout_s)
      .def_readwrite("idle_timeout_s", &ServerLimits::idle_timeout_s)
      .def_readwrite("stop_timeout_s", &ServerLimits::stop_timeout_s)
      .def_readwrite("turns", &ServerLimits::turns)
      .def_readwrite("requests", &ServerLimits::requests)
      .def_readwrite("queued", &ServerLimits::queued);
  py::class_<ServerOptions>(module, "ServerOptions")
      .def(py::init<>())
      .def_readwrite("host", &ServerOptions::host)
      .def_readwrite("port", &ServerOptions::port)
      .def_readwrite("token", &ServerOptions::token)
      .def_readwrite("allowed_hosts", &ServerOptions::allowed_hosts)
      .def_readwrite("allow_local_tools", &ServerOptions::allow_local_tools)
      .def_readwrite("limits", &ServerOptions::limits)
      .def_readwrite("version", &ServerOptions::version)
      .def_readwrite("models", &ServerOptions::models)
      .def_readwrite("embedders", &ServerOptions::embedders)
      .def("set_log", &set_log, py::arg("callable"))
      .def("set_derive", &set_derive, py::arg("callable"))
      .def("set_run", &set_run, py::arg("callable"))
      .def("set_carry", &set_carry, py::arg("write"), py::arg("read"), py::arg("fill"));
  py::class_<LocalAnswer, std::shared_ptr<LocalAnswer>>(module, "LocalAnswer")
      .def(
          "head",
          [](LocalAnswer& answer) {
            const auto& head = answer.head();
            std::vector<std::pair<std::string, std::string>> headers;
            headers.emplace_back("content-type", head.content_type);
            for (const auto& header : head.headers) headers.emplace_back(header.name, header.value);
            return std::make_pair(head.status, std::move(headers));
          },
          Release())
      .def("next",
           [](LocalAnswer& answer) -> std::optional<py::bytes> {
             std::optional<std::string> piece;
             {
               const py::gil_scoped_release release;
               piece = answer.next();
             }
             if (!piece) return std::nullopt;
             return py::bytes(*piece);
           })
      .def("close", &LocalAnswer::close, Release());
  py::class_<CoreServer>(module, "CoreServer")
      .def(py::init<std::shared_ptr<Home>, ServerOptions>(), py::arg("home"), py::arg("options"),
           Release())
      .def("listen", &CoreServer::listen, Release())
      .def("stop", &CoreServer::stop, Release())
      .def_property_readonly("url", &CoreServer::url)
      .def_property_readonly("port", &CoreServer::port)
      .def(
          "handle",
          [](CoreServer& server, std::string method, std::string target,
             const std::vector<std::pair<std::string, std::string>>& headers,
             const py::bytes& body) {
            std::string text = body;
            const py::gil_scoped_release release;
            return server.handle(std::move(method), std::move(target), headers, std::move(text));
          },
          py::arg("method"), py::arg("target"), py::arg("headers"), py::arg("body"));
}

}  // namespace memgpt
