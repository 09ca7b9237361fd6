// Health, figures, and what is served.
#include "server/api.h"
#include "server/refusal.h"

namespace memgpt {

void add_base_routes(Router& router, ServerApi& api) {
  const Answer health = [&api](Call&) {
    return ServerResponse{
        200, json::serialize(json::object{{"version", api.options().version}, {"status", "ok"}})};
  };
  router.add({"GET",
              "/v1/health",
              "health",
              "Whether the server answers",
              answering(health),
              {},
              {},
              R"({"type": "object", "properties": {"version": {"type": "string"},
                  "status": {"type": "string"}}, "required": ["version", "status"]})"});
  router.add({"GET", "/metrics", "metrics", "Figures for Prometheus", answering([&api](Call&) {
                Metrics::Gauges gauges;
                gauges.turns_active = std::ssize(api.turns().active());
                gauges.agents = std::ssize(api.home().agents());
                return ServerResponse{200, api.metrics().text(gauges),
                                      "text/plain; version=0.0.4; charset=utf-8"};
              })});
  router.add({"GET", "/openapi.json", "openapi", "This document", answering([&api](Call&) {
                return ServerResponse{200, openapi_document(api.router(), api.options().version)};
              })});
}

}  // namespace memgpt
