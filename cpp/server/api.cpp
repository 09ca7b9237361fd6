#include "server/api.h"

#include <algorithm>
#include <chrono>

#include "memory/text.h"
#include "server/named_model.h"
#include "server/refusal.h"

namespace memgpt {

namespace {

constexpr std::size_t kKeptAgents = 1024;
// Tools that clients run: what they cost, they cost in processes of their own.
constexpr std::size_t kAsideThreads = 8;
constexpr std::size_t kAsideQueued = 256;

// Tells of each answer: to the metrics and the log.
class WatchedExchange final : public ServerExchange {
 public:
  using Clock = std::chrono::steady_clock;
  WatchedExchange(std::shared_ptr<ServerExchange> inner, ServerApi& api, std::string request_id,
                  const ServerRequest& request)
      : inner_(std::move(inner)),
        api_(api),
        request_id_(std::move(request_id)),
        method_(request.method),
        path_(request.target.substr(0, request.target.find('?'))) {}

  void respond(ServerResponse response) override {
    tell(response.status);
    response.headers.push_back({"x-request-id", request_id_});
    inner_->respond(std::move(response));
  }
  void begin_stream(ServerResponse head) override {
    status_ = head.status;
    head.headers.push_back({"x-request-id", request_id_});
    inner_->begin_stream(std::move(head));
  }
  bool write(std::string_view piece) override { return inner_->write(piece); }
  void end_stream() override {
    tell(status_);
    inner_->end_stream();
  }

 private:
  void tell(int status) {
    const std::chrono::duration<double> taken = Clock::now() - begin_;
    api_.metrics().count_request(status, taken.count());
    if (!api_.options().log) return;
    std::string line = "{\"time\": \"" + wire_time(api_.now_us()) + "\", \"request_id\": ";
    append_json_string(line, request_id_);
    line += ", \"method\": ";
    append_json_string(line, valid_utf8(method_));
    line += ", \"path\": ";
    append_json_string(line, valid_utf8(path_));
    line += ", \"status\": " + std::to_string(status) +
            ", \"ms\": " + std::to_string(taken.count() * 1e3) + '}';
    api_.options().log(line);
  }

  std::shared_ptr<ServerExchange> inner_;
  ServerApi& api_;
  std::string request_id_;
  std::string method_;
  std::string path_;  // without the query, which may hold what is nobody's business
  int status_ = 0;
  Clock::time_point begin_ = Clock::now();
};

bool is_plain(std::string_view id) {
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace

ServerApi::ServerApi(std::shared_ptr<Home> home, ServerOptions options)
    : home_(std::move(home)),
      options_(std::move(options)),
      guard_(options_),
      sources_(
          std::make_shared<const SourceRunner>(options_.sources, guard_.runs_sources(), home_)),
      turns_(options_.limits.turns, options_.limits.queued, options_.around),
      aside_(kAsideThreads, kAsideQueued, options_.around),
      requests_(options_.limits.requests, options_.limits.queued, options_.around) {
  for (auto& [handle, model] : options_.models)
    if (model->model() != handle) model = std::make_shared<NamedModel>(handle, model);
  add_base_routes(router_, *this);
  add_model_routes(router_, *this);
  add_search_routes(router_, *this);
  add_agent_routes(router_, *this);
  add_block_routes(router_, *this);
  add_message_routes(router_, *this);
  add_passage_routes(router_, *this);
  add_archive_routes(router_, *this);
  add_tool_routes(router_, *this);
  add_step_routes(router_, *this);
  add_carry_routes(router_, *this);
  add_context_routes(router_, *this);
  add_missing_routes(router_, *this);
}

ServerApi::~ServerApi() { stop(); }

void ServerApi::stop() {
  stopping_ = true;
  turns_.stop(std::chrono::duration<double>(options_.limits.stop_timeout_s));
  requests_.stop();
  aside_.stop();
}

void ServerApi::answer_now(Call& call, const Answer& answer) const {
  try {
    if (stopping_) throw Refusal(503, "the server is stopping");
    call.exchange()->respond(answer(call));
  } catch (...) {
    call.exchange()->respond(response_of_exception());
  }
}

Handler ServerApi::aside(Answer answer) {
  return [this, answer = std::move(answer)](const std::shared_ptr<Call>& call) {
    if (!aside_.post([this, answer, call] { answer_now(*call, answer); }))
      throw Refusal(503, "too many tools run already; ask again later");
  };
}

Handler ServerApi::among_turns(Answer answer) {
  return [this, answer = std::move(answer)](const std::shared_ptr<Call>& call) {
    answer_in_line(new_id("line"), call, answer);
  };
}

Handler ServerApi::in_line(Answer answer) {
  return [this, answer = std::move(answer)](const std::shared_ptr<Call>& call) {
    answer_in_line(call->at("agent_id"), call, answer);
  };
}

void ServerApi::answer_in_line(const std::string& agent_id, const std::shared_ptr<Call>& call,
                               const Answer& answer) {
  turns_.after(agent_id, [this, call, answer] { answer_now(*call, answer); });
}

void ServerApi::handle(ServerRequest request, std::shared_ptr<ServerExchange> exchange) {
  const auto given = request.header("x-request-id");
  const std::string request_id = is_plain(given) ? std::string(given) : new_id("req");
  const auto watched =
      std::make_shared<WatchedExchange>(std::move(exchange), *this, request_id, request);
  auto call = std::make_shared<Call>(std::move(request), watched);
  try {
    guard_.check(call->request());
  } catch (const Refusal&) {
    return watched->respond(response_of_exception());
  }
  const bool taken = requests_.post([this, call] {
    try {
      router_.handle(call);
    } catch (...) {
      call->exchange()->respond(response_of_exception());
    }
  });
  if (!taken) watched->respond(refusal_response(503, "the server is busy, or stopping"));
}

std::shared_ptr<Agent> ServerApi::agent(const std::string& id) {
  check_id(id, "agent");
  std::shared_ptr<Agent> found;
  try {
    found = home_->agent_by_id(id);
    // Another process may have deleted it.
    static_cast<void>(home_->journal()->head(id));
  } catch (const AgentNotFound&) {
    forget(id);
    throw Refusal(404, "Agent not found");
  }
  bind(*found);
  const std::scoped_lock lock(mutex_);
  if (const auto kept = kept_by_id_.find(id); kept != kept_by_id_.end()) {
    kept_.splice(kept_.begin(), kept_, kept->second);
    *kept->second = found;
  } else {
    kept_.push_front(found);
    kept_by_id_[id] = kept_.begin();
    if (kept_.size() > kKeptAgents) {
      kept_by_id_.erase(kept_.back()->id());
      kept_.pop_back();
    }
  }
  return found;
}

void ServerApi::forget(const std::string& agent_id) {
  source_bindings_.forget(agent_id);
  const std::scoped_lock lock(mutex_);
  const auto kept = kept_by_id_.find(agent_id);
  if (kept == kept_by_id_.end()) return;
  kept_.erase(kept->second);
  kept_by_id_.erase(kept);
}

void ServerApi::bind(Agent& agent) {
  source_bindings_.follow(*this, agent);
  const auto unbound = agent.unbound();
  if (unbound.empty()) return;
  Binding binding;
  const auto config = agent.config();
  bool any = false;
  const auto is_unbound = [&](const std::string& what) {
    return std::any_of(unbound.begin(), unbound.end(),
                       [&](const std::string& name) { return name.starts_with(what); });
  };
  if (const auto own = options_.models.find(config.model);
      own != options_.models.end() && is_unbound("model=")) {
    binding.provider = own->second;
    any = true;
  }
  if (const auto own = options_.embedders.find(config.embedding);
      own != options_.embedders.end() && is_unbound("embedding=")) {
    binding.embedder = own->second;
    any = true;
  }
  if (any) agent.bind(binding);
}

std::shared_ptr<LLMProvider> ServerApi::model(const std::string& handle) const {
  if (const auto own = options_.models.find(handle); own != options_.models.end())
    return own->second;
  if (auto provider = provider_for(handle, home_->environment().outside)) return provider;
  throw Refusal(404, "no model answers for the handle \"" + handle +
                         "\"; GET /v1/models lists those that are known");
}

std::shared_ptr<Embedder> ServerApi::embedder(const std::string& handle) const {
  if (const auto own = options_.embedders.find(handle); own != options_.embedders.end())
    return own->second;
  if (auto embedder = embedder_for(handle, 0, home_->environment().outside)) return embedder;
  throw Refusal(404, "no embedder answers for the handle \"" + handle +
                         "\"; GET /v1/models/embedding lists those that are known");
}

void check_id(std::string_view id, std::string_view kind) {
  if (id.size() > kind.size() + 1 && id.starts_with(kind) && id[kind.size()] == '-' && is_plain(id))
    return;
  throw Refusal(422, "\"" + std::string(utf8_prefix(id, 100)) + "\" is no id: it must be \"" +
                         std::string(kind) + "-\" and a UUID");
}

std::vector<Parameter> page_query(std::vector<Parameter> more) {
  std::vector<Parameter> query = {{"before", R"({"type": "string"})"},
                                  {"after", R"({"type": "string"})"},
                                  {"limit", R"({"type": "integer"})"},
                                  {"order", R"({"type": "string", "enum": ["asc", "desc"]})"},
                                  {"order_by", R"({"type": "string"})"},
                                  {"ascending", R"({"type": "boolean"})"}};
  query.insert(query.end(), more.begin(), more.end());
  return query;
}

Page page_of(const Call& call, std::int64_t limit, bool ascending,
             std::initializer_list<std::string_view> orders) {
  Page page;
  page.after = call.asked("after").value_or("");
  page.before = call.asked("before").value_or("");
  page.limit = call.asked_int("limit", limit, 0, 1'000'000);
  page.limit = std::min(page.limit, kLongestPage);
  const auto order = call.asked("order").value_or(ascending ? "asc" : "desc");
  if (order != "asc" && order != "desc")
    throw Refusal(422, "\"order\" must be \"asc\" or \"desc\"");
  page.ascending = call.asked_flag("ascending", order == "asc");
  page.order_by = call.asked("order_by")
                      .value_or(call.asked("sort_by").value_or(
                          std::string(*orders.begin())));  // its older name
  if (std::find(orders.begin(), orders.end(), page.order_by) == orders.end()) {
    std::string known;
    for (const auto name : orders) known += (known.empty() ? "" : ", ") + std::string(name);
    throw Refusal(422, "\"order_by\" must be one of: " + known);
  }
  return page;
}

}  // namespace memgpt
