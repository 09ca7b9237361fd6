// The face of the transport: which connection a request takes, and when it is sent again.
#include "llm/http.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>
#include <utility>

#include "error.h"
#include "llm/http_connection.h"
#include "llm/http_pool.h"
#include "llm/proxy.h"
#include "llm/retry.h"

namespace memgpt {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPollEvery = std::chrono::milliseconds(20);

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

double chance() { return std::random_device{}() / 4294967296.0; }

void set_default(std::vector<HttpHeader>& headers, const char* name, const char* value) {
  headers.insert(headers.begin(), {name, value});  // the caller's come later, and count
}

// A line break would begin another header, or another request. The text is not shown: it may be a
// key.
void check(const HttpRequest& request) {
  const auto is_odd = [](unsigned char c) { return (c < ' ' && c != '\t') || c == 127; };
  const auto has_odd = [&](std::string_view text) {
    return std::any_of(text.begin(), text.end(), is_odd);
  };
  if (has_odd(request.path) || request.path.find(' ') != std::string::npos)
    throw ConfigError("the path of a request holds a space or a control character");
  for (const auto& header : request.headers) {
    const bool named = !has_odd(header.name);
    if (named && !has_odd(header.value)) continue;
    throw ConfigError((named ? "the header " + header.name : "the name of a header") +
                      " of a request holds a line break or another control character");
  }
}

}  // namespace

std::string HttpResponse::header(std::string_view name) const {
  for (const auto& header : headers)
    if (header.name == name) return header.value;
  return "";
}

HttpClient::HttpClient(HttpEndpoint endpoint, HttpOptions options, std::shared_ptr<HttpPools> pools)
    : endpoint_(std::move(endpoint)),
      options_(std::move(options)),
      pools_(pools ? std::move(pools) : std::make_shared<HttpPools>()) {}

HttpResponse HttpClient::post(std::string_view path, const std::vector<HttpHeader>& headers,
                              std::string body) const {
  HttpRequest request{"POST", endpoint_.path + std::string(path), headers, std::move(body)};
  set_default(request.headers, "Content-Type", "application/json");
  set_default(request.headers, "Accept", "application/json");
  return send(request, {});
}

HttpResponse HttpClient::get(std::string_view path, const std::vector<HttpHeader>& headers) const {
  HttpRequest request{"GET", endpoint_.path + std::string(path), headers, ""};
  set_default(request.headers, "Accept", "application/json");
  return send(request, {});
}

HttpResponse HttpClient::stream(std::string_view path, const std::vector<HttpHeader>& headers,
                                std::string body, const OnBytes& on_bytes) const {
  HttpRequest request{"POST", endpoint_.path + std::string(path), headers, std::move(body)};
  set_default(request.headers, "Content-Type", "application/json");
  set_default(request.headers, "Accept", "text/event-stream, application/json");
  return send(request, on_bytes);
}

std::unique_ptr<HttpSent> HttpClient::begin(std::string_view path,
                                            const std::vector<HttpHeader>& headers,
                                            std::string body, bool streamed) const {
  auto sent = std::make_unique<HttpSent>();
  sent->request = {"POST", endpoint_.path + std::string(path), headers, std::move(body)};
  set_default(sent->request.headers, "Content-Type", "application/json");
  set_default(sent->request.headers, "Accept",
              streamed ? "text/event-stream, application/json" : "application/json");
  check(sent->request);
  sent->route = route();
  sent->pool_key = pool_key(sent->route);
  try {
    sent->connection = pools_->take(sent->pool_key);
    sent->fresh = !sent->connection;
    if (sent->fresh) sent->connection = fresh(sent->route);
    sent->connection->send(sent->request, options_);
  } catch (const ConnectionLost&) {
    sent->connection.reset();  // finish() tries again, and says what is wrong
  }
  return sent;
}

HttpResponse HttpClient::finish(HttpSent& sent, const OnBytes& on_bytes) const {
  return send(sent.request, on_bytes, &sent);
}

HttpResponse HttpClient::send(const HttpRequest& request, const OnBytes& on_bytes,
                              HttpSent* sent) const {
  check(request);
  const RetryRules rules{options_.max_retries, options_.retry_wait_limit_s};
  for (int attempt = 1;; ++attempt) {
    double wait_s = 0;
    try {
      HttpResponse response = send_once(request, on_bytes, std::exchange(sent, nullptr));
      response.attempts = attempt;
      const auto wait = wait_before_retry(response, attempt, rules, now_s(), chance());
      if (const auto asked = asked_wait_s(response, now_s()))
        response.retry_after =
            std::to_string(static_cast<std::int64_t>(std::ceil(std::min(*asked, 1e9))));
      if (!wait) return response;
      wait_s = *wait;
    } catch (const ConnectionLost& lost) {
      if (attempt > rules.max_retries) {
        if (attempt == 1) throw;
        throw ProviderUnreachable(std::string(lost.what()) + " (" + std::to_string(attempt) +
                                  " attempts)");
      }
      wait_s = backoff_s(attempt, chance());
    }
    pause(wait_s);
  }
}

HttpRoute HttpClient::route() const { return {endpoint_, proxy_for(endpoint_, options_.variable)}; }

std::string HttpClient::trust() const {
  if (!endpoint_.tls || !options_.variable) return "";
  return options_.variable("SSL_CERT_FILE") + "\n" + options_.variable("SSL_CERT_DIR");
}

std::string HttpClient::pool_key(const HttpRoute& route) const {
  std::string key = endpoint_.name() + "\n" + trust();
  if (route.proxy) key += "\n" + route.proxy->endpoint.name() + "\n" + route.proxy->authorization;
  return key;
}

std::unique_ptr<HttpConnection> HttpClient::fresh(const HttpRoute& route) const {
  const auto tls = endpoint_.tls ? pools_->tls(trust()) : nullptr;
  try {
    return connect(route, tls, options_);
  } catch (const NoDescriptors&) {
    if (!pools_->close_idle()) throw;
  }
  return connect(route, tls, options_);
}

HttpResponse HttpClient::send_once(const HttpRequest& request, const OnBytes& on_bytes,
                                   HttpSent* sent) const {
  // The environment is read once for a request.
  const auto route = sent != nullptr ? sent->route : this->route();
  const auto key = sent != nullptr ? sent->pool_key : pool_key(route);
  std::unique_ptr<HttpConnection> connection;
  std::optional<HttpResponse> response;
  if (sent != nullptr && sent->connection) {
    connection = std::move(sent->connection);
    response = connection->receive(options_, on_bytes, sent->fresh);
  } else if (connection = pools_->take(key); connection) {
    response = connection->exchange(request, options_, on_bytes, false);
  }
  if (!response) {
    connection = fresh(route);
    response = connection->exchange(request, options_, on_bytes, true);
  }
  if (connection->can_be_kept()) pools_->give(key, std::move(connection));
  if (route.proxy && !endpoint_.tls && response->status == 407) route.proxy->throw_wants_password();
  return std::move(*response);
}

void HttpClient::pause(double wait_s) const {
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(wait_s));
  for (auto now = Clock::now(); now < end; now = Clock::now()) {
    if (options_.poll) options_.poll();
    std::this_thread::sleep_for(std::min<Clock::duration>(end - now, kPollEvery));
  }
}

}  // namespace memgpt
