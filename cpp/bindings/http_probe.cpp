// The transport alone, for its tests: private.
#include <map>

#include "bindings/bindings.h"
#include "llm/http.h"
#include "llm/provider.h"
#include "llm/proxy.h"
#include "llm/retry.h"

namespace memgpt {

namespace {

using HeaderPairs = std::vector<std::pair<std::string, std::string>>;

struct HttpProbe {
  HttpProbe(const std::string& url, HttpOptions options)
      : client(parse_endpoint(url, "url"), std::move(options), process_outside().pools) {}
  HttpClient client;
};

std::vector<HttpHeader> headers_of(const HeaderPairs& pairs) {
  std::vector<HttpHeader> headers;
  for (const auto& [name, value] : pairs) headers.push_back({name, value});
  return headers;
}

// status, attempts, headers, body
std::tuple<int, int, HeaderPairs, py::bytes> response_parts(const HttpResponse& response) {
  HeaderPairs headers;
  for (const auto& header : response.headers) headers.emplace_back(header.name, header.value);
  return {response.status, response.attempts, std::move(headers), py::bytes(response.body)};
}

}  // namespace

void bind_http_probe(py::module_& module) {
  module.def(
      "_wait_before_retry",
      [](int status, int attempt, const HeaderPairs& headers, const std::string& body,
         std::int64_t now_s, double chance, int max_retries) {
        HttpResponse response;
        response.status = status;
        response.headers = headers_of(headers);
        response.body = body;
        return wait_before_retry(response, attempt, {max_retries, 60}, now_s, chance);
      },
      py::arg("status"), py::arg("attempt"), py::arg("headers") = HeaderPairs(),
      py::arg("body") = "", py::arg("now_s") = 0, py::arg("chance") = 0.0,
      py::arg("max_retries") = 2);
  module.def(
      "_proxy_for",
      [](const std::string& url) -> std::optional<std::string> {
        const auto proxy = proxy_for(parse_endpoint(url, "url"), process_outside().variable);
        if (!proxy) return {};
        return proxy->name();
      },
      py::arg("url"));
  py::class_<HttpProbe>(module, "_HttpProbe")
      .def(py::init([](const std::string& url, const py::kwargs& given) {
        const Outside outside = process_outside();
        HttpOptions options;
        options.poll = outside.poll;
        options.variable = outside.variable;
        const std::map<std::string, double*> numbers = {
            {"connect_timeout_s", &options.connect_timeout_s},
            {"timeout_s", &options.timeout_s},
            {"read_timeout_s", &options.read_timeout_s},
            {"retry_wait_limit_s", &options.retry_wait_limit_s}};
        for (const auto& [name, value] : given) {
          const auto key = name.cast<std::string>();
          if (key == "max_retries")
            options.max_retries = value.cast<int>();
          else if (key == "body_limit_bytes")
            options.body_limit_bytes = value.cast<std::size_t>();
          else
            *numbers.at(key) = value.cast<double>();
        }
        return std::make_unique<HttpProbe>(url, std::move(options));
      }))
      .def(
          "get",
          [](const HttpProbe& probe, const std::string& path, const HeaderPairs& headers) {
            HttpResponse response;
            {
              const py::gil_scoped_release release;
              response = probe.client.get(path, headers_of(headers));
            }
            return response_parts(response);
          },
          py::arg("path"), py::arg("headers") = HeaderPairs())
      .def(
          "post",
          [](const HttpProbe& probe, const std::string& path, const std::string& body,
             const HeaderPairs& headers) {
            HttpResponse response;
            {
              const py::gil_scoped_release release;
              response = probe.client.post(path, headers_of(headers), body);
            }
            return response_parts(response);
          },
          py::arg("path"), py::arg("body"), py::arg("headers") = HeaderPairs())
      .def(
          "stream",
          [](const HttpProbe& probe, const std::string& path, const std::string& body,
             const std::function<bool(py::bytes)>& on_bytes, const HeaderPairs& headers) {
            HttpResponse response;
            {
              const py::gil_scoped_release release;
              response = probe.client.stream(
                  path, headers_of(headers), body, [&on_bytes](std::string_view piece) {
                    const py::gil_scoped_acquire gil;
                    return on_bytes(py::bytes(piece.data(), piece.size()));
                  });
            }
            return response_parts(response);
          },
          py::arg("path"), py::arg("body"), py::arg("on_bytes"),
          py::arg("headers") = HeaderPairs());
}

}  // namespace memgpt
