// The Letta V1 API over one home: what requests are answered with, however they come.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/agent.h"
#include "agent/home.h"
#include "server/guard.h"
#include "server/http_exchange.h"
#include "server/metrics.h"
#include "server/router.h"
#include "server/server_options.h"
#include "server/source_tools.h"
#include "server/turns.h"
#include "server/workers.h"

namespace memgpt {

class ServerApi {
 public:
  // Throws ConfigError for options that cannot work.
  ServerApi(std::shared_ptr<Home> home, ServerOptions options);
  ~ServerApi();
  ServerApi(const ServerApi&) = delete;
  ServerApi& operator=(const ServerApi&) = delete;

  // Answers on another thread, at some time. Never throws.
  void handle(ServerRequest request, std::shared_ptr<ServerExchange> exchange);
  // Ends turns that are under way, or lets them come to their end.
  void stop();

  // For the routes.
  [[nodiscard]] Home& home() { return *home_; }
  [[nodiscard]] const std::shared_ptr<Home>& shared_home() { return home_; }
  [[nodiscard]] const ServerOptions& options() const { return options_; }
  [[nodiscard]] const Guard& guard() const { return guard_; }
  [[nodiscard]] const Router& router() const { return router_; }
  [[nodiscard]] Metrics& metrics() { return metrics_; }
  [[nodiscard]] Turns& turns() { return turns_; }
  [[nodiscard]] TimeUs now_us() const { return home_->environment().now_us(); }
  [[nodiscard]] std::string new_id(std::string_view kind) const {
    return std::string(kind) + '-' + home_->environment().new_uuid();
  }

  // With what the program brought bound to it. Throws Refusal: 404, 422 for what is no agent's id.
  [[nodiscard]] std::shared_ptr<Agent> agent(const std::string& id);
  // Of tools that clients sent.
  [[nodiscard]] const std::shared_ptr<const SourceRunner>& sources() const { return sources_; }
  [[nodiscard]] SourceBindings& source_bindings() { return source_bindings_; }
  // For what runs code that clients sent: a few threads of its own, so that nothing else waits.
  [[nodiscard]] Handler aside(Answer answer);
  // For what asks a server, or may have to wait for the turns of any agent: among the turns.
  [[nodiscard]] Handler among_turns(Answer answer);
  // For what changes the agent of the path, which has to wait for its turns: behind them in its
  // line, so that no thread waits.
  [[nodiscard]] Handler in_line(Answer answer);
  // The same of another agent.
  void answer_in_line(const std::string& agent_id, const std::shared_ptr<Call>& call,
                      const Answer& answer);
  // Not kept any more.
  void forget(const std::string& agent_id);
  // A model or embedder by its handle, of the program's own or one that binds itself. Throws
  // Refusal (404) where none answers for it.
  [[nodiscard]] std::shared_ptr<LLMProvider> model(const std::string& handle) const;
  [[nodiscard]] std::shared_ptr<Embedder> embedder(const std::string& handle) const;

 private:
  void bind(Agent& agent);
  void answer_now(Call& call, const Answer& answer) const;

  std::shared_ptr<Home> home_;
  ServerOptions options_;
  Guard guard_;
  Router router_;
  Metrics metrics_;
  std::mutex mutex_;
  // The agents that were asked for last stay loaded.
  std::list<std::shared_ptr<Agent>> kept_;  // the newest first
  std::unordered_map<std::string, std::list<std::shared_ptr<Agent>>::iterator> kept_by_id_;
  std::shared_ptr<const SourceRunner> sources_;
  SourceBindings source_bindings_;
  std::atomic<bool> stopping_{false};
  Turns turns_;
  Workers aside_;
  Workers requests_;
};

// Each adds its routes; words before parameters where both could match.
void add_base_routes(Router& router, ServerApi& api);
void add_model_routes(Router& router, ServerApi& api);
void add_search_routes(Router& router, ServerApi& api);
void add_agent_routes(Router& router, ServerApi& api);
void add_block_routes(Router& router, ServerApi& api);
void add_message_routes(Router& router, ServerApi& api);
void add_passage_routes(Router& router, ServerApi& api);
void add_archive_routes(Router& router, ServerApi& api);
void add_tool_routes(Router& router, ServerApi& api);
void add_agent_tool_routes(Router& router, ServerApi& api);
void add_step_routes(Router& router, ServerApi& api);
void add_carry_routes(Router& router, ServerApi& api);
void add_context_routes(Router& router, ServerApi& api);
// What is not served: 501, with a sentence.
void add_missing_routes(Router& router, ServerApi& api);

// "agent-01234567-89ab-cdef-0123-456789abcdef". Throws Refusal (422).
void check_id(std::string_view id, std::string_view kind);

// The part of a list that a request asks for: `before` and `after` are ids, in the order of the
// request; defaults of Letta.
struct Page {
  std::string after;
  std::string before;
  std::int64_t limit = 50;
  bool ascending = false;
  std::string order_by;
};
// `orders`: what a list can be ordered by. Throws Refusal (422).
[[nodiscard]] Page page_of(const Call& call, std::int64_t limit, bool ascending = false,
                           std::initializer_list<std::string_view> orders = {"created_at"});
// The parameters that page_of() reads, and more of a route's own.
[[nodiscard]] std::vector<Parameter> page_query(std::vector<Parameter> more = {});
inline constexpr std::int64_t kLongestPage = 10'000;

// Of items that are oldest first; id_of(item) names them. An id that is not there gives nothing
// more: a list that is read to its end must come to it.
template <typename Item, typename IdOf>
std::vector<Item> paged(std::vector<Item> items, const Page& page, IdOf&& id_of) {
  if (!page.ascending) std::reverse(items.begin(), items.end());
  const auto place = [&](const std::string& id) {
    return std::find_if(items.begin(), items.end(),
                        [&](const Item& item) { return id_of(item) == id; });
  };
  auto begin = items.begin();
  auto end = items.end();
  if (!page.after.empty()) {
    const auto found = place(page.after);
    if (found == end) return {};
    begin = found + 1;
  }
  if (!page.before.empty()) {
    end = place(page.before);
    if (end == items.end() || end < begin) return {};
    // The ones next to it.
    if (page.after.empty() && end - begin > page.limit) begin = end - page.limit;
  }
  if (end - begin > page.limit) end = begin + page.limit;
  return {std::make_move_iterator(begin), std::make_move_iterator(end)};
}

}  // namespace memgpt
