#include "server/http_server.h"

#include <sys/resource.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "error.h"
#include "server/http_session.h"

namespace memgpt {

namespace {

using boost::asio::ip::tcp;

constexpr std::size_t kThreads = 2;
constexpr rlim_t kMostDescriptors = 65'536;

// Each connection is a descriptor, and the usual soft limit is low.
void raise_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const auto wanted = std::min(limit.rlim_max, kMostDescriptors);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

}  // namespace

struct HttpServer::Impl {
  explicit Impl(std::shared_ptr<ServerApi> given) : api(std::move(given)) {}

  std::shared_ptr<ServerApi> api;
  boost::asio::io_context io{static_cast<int>(kThreads)};
  // Its threads wait for answers that nothing on a socket tells them of.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  tcp::acceptor acceptor{boost::asio::make_strand(io)};
  boost::asio::steady_timer pause{acceptor.get_executor()};
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::vector<std::weak_ptr<HttpSession>> sessions;
  std::size_t pruned_at = 64;
  bool stopped = false;
  int port = 0;

  void listen() {
    const auto& options = api->options();
    boost::system::error_code error;
    tcp::resolver resolver(io);
    const auto found = resolver.resolve(options.host, std::to_string(options.port), error);
    if (!error) {
      const auto endpoint = found.begin()->endpoint();
      error = acceptor.open(endpoint.protocol(), error);
      if (!error) error = acceptor.set_option(tcp::acceptor::reuse_address(true), error);
      if (!error) error = acceptor.bind(endpoint, error);
      if (!error) error = acceptor.listen(1024, error);
    }
    if (error)
      throw ConfigError("cannot listen on " + options.host + ':' + std::to_string(options.port) +
                        " (" + error.message() + "); choose another --host or --port");
    port = acceptor.local_endpoint().port();
    accept();
  }

  void accept() {
    acceptor.async_accept(boost::asio::make_strand(io),
                          [this](boost::system::error_code error, tcp::socket socket) {
                            if (!acceptor.is_open()) return;
                            if (!error) {
                              open(std::move(socket));
                              return accept();
                            }
                            // Out of descriptors: what is open has to end first.
                            pause.expires_after(std::chrono::milliseconds(100));
                            pause.async_wait([this](boost::system::error_code) {
                              if (acceptor.is_open()) accept();
                            });
                          });
  }

  void open(tcp::socket socket) {
    auto& metrics = api->metrics();
    if (metrics.connections >= static_cast<std::int64_t>(api->options().limits.connections)) {
      ++metrics.refused_connections;
      return;  // it is closed
    }
    boost::system::error_code ignored;
    ignored = socket.set_option(tcp::no_delay(true), ignored);
    const auto session = std::make_shared<HttpSession>(std::move(socket), api);
    {
      const std::scoped_lock lock(mutex);
      if (sessions.size() >= pruned_at) {
        std::erase_if(sessions, [](const auto& weak) { return weak.expired(); });
        pruned_at = sessions.size() * 2 + 64;
      }
      sessions.push_back(session);
    }
    session->start();
  }

  template <typename Work>
  void each_session(Work&& work) {
    std::vector<std::shared_ptr<HttpSession>> open;
    {
      const std::scoped_lock lock(mutex);
      for (const auto& weak : sessions)
        if (auto session = weak.lock()) open.push_back(std::move(session));
    }
    for (const auto& session : open) work(*session);
  }
};

HttpServer::HttpServer(std::shared_ptr<ServerApi> api)
    : impl_(std::make_unique<Impl>(std::move(api))) {
  raise_descriptors();
  impl_->listen();
  for (std::size_t i = 0; i < kThreads; ++i)
    impl_->threads.emplace_back([this] { impl_->io.run(); });
}

HttpServer::~HttpServer() { stop(); }

int HttpServer::port() const { return impl_->port; }

std::string HttpServer::url() const {
  const auto& host = impl_->api->options().host;
  const bool six = host.find(':') != std::string::npos;
  return "http://" + (six ? '[' + host + ']' : host) + ':' + std::to_string(port());
}

void HttpServer::stop() {
  if (impl_->stopped) return;
  impl_->stopped = true;
  boost::asio::post(impl_->acceptor.get_executor(), [impl = impl_.get()] {
    boost::system::error_code ignored;
    ignored = impl->acceptor.close(ignored);
    impl->pause.cancel();
  });
  impl_->each_session([](HttpSession& session) { session.stop(); });
  impl_->api->stop();
  // What was answered last is still to be written.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  while (impl_->api->metrics().connections > 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  impl_->each_session([](HttpSession& session) { session.close(); });
  impl_->io.stop();
  for (auto& thread : impl_->threads) thread.join();
}

}  // namespace memgpt
