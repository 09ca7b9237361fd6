// Models and embedders that agents can be given.
#include <algorithm>
#include <array>

#include "llm/offline_embedder.h"
#include "llm/services.h"
#include "server/api.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

// Of services that are in the cloud, where their key is set: any other name of theirs works, too.
constexpr std::array<std::string_view, 8> kOpenAIModels = {
    "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o", "gpt-4o-mini", "o3", "o4-mini", "gpt-5"};

json::object model_json(ServerApi& api, const std::string& handle) {
  AgentConfig config;
  config.model = handle;
  const auto provider = api.model(handle);
  // The size is not asked from a server here: a list must not wait for one.
  const bool asks = handle != "offline" && !api.options().models.contains(handle);
  const auto* known = known_model(handle);
  config.context_window =
      asks ? (known == nullptr ? 0 : known->context_window) : provider->context_window();
  if (config.context_window == 0) config.context_window = kUnknownWindow;
  config.reasoning = provider->reasons_natively() ? "native" : "argument";
  auto out = llm_config_json(api, config);
  const std::string name(out["model"].as_string());
  out["name"] = name;
  out["display_name"] = name;
  out["provider_type"] = out["model_endpoint_type"];
  out["max_context_window"] = config.context_window;
  out["model_type"] = "llm";
  return out;
}

json::object embedder_json(const std::string& handle, int dimension) {
  auto out = embedding_config_json(handle, dimension).as_object();
  out["name"] = out["embedding_model"];
  out["display_name"] = out["embedding_model"];
  out["provider_name"] = out["embedding_endpoint_type"];
  out["provider_type"] = out["embedding_endpoint_type"];
  out["model_type"] = "embedding";
  return out;
}

// Those that a client asks for by the service's name.
bool is_asked(const Call& call, const json::object& item, const char* type) {
  const auto categories = call.asked_all("provider_category");
  bool base = categories.empty();
  for (const auto& category : categories) {
    if (category != "base" && category != "byok")
      throw Refusal(422, "\"provider_category\" must be \"base\" or \"byok\"");
    base = base || category == "base";
  }
  if (!base) return false;  // nobody brings a key of their own
  const auto name = call.asked("provider_name");
  const auto kind = call.asked("provider_type");
  const auto is = [&](const std::optional<std::string>& asked) {
    return !asked || item.at(type) == json::value(*asked);
  };
  return is(name) && is(kind);
}

}  // namespace

void add_model_routes(Router& router, ServerApi& api) {
  const std::vector<Parameter> query = {
      {"provider_category", R"({"type": "array", "items": {"type": "string"}})"},
      {"provider_name", R"({"type": "string"})"},
      {"provider_type", R"({"type": "string"})"}};
  constexpr std::string_view kList = R"({"type": "array", "items": {"type": "object"}})";
  router.add({"GET",
              "/v1/models",
              "list_models",
              "Models that agents can be given",
              answering([&api](Call& call) {
                std::vector<std::string> handles = {"offline"};
                for (const auto& [handle, provider] : api.options().models)
                  handles.push_back(handle);
                for (const auto& name : kOpenAIModels)
                  handles.push_back("openai/" + std::string(name));
                json::array models;
                for (const auto& handle : handles)
                  if (auto model = model_json(api, handle);
                      is_asked(call, model, "model_endpoint_type"))
                    models.push_back(std::move(model));
                return ServerResponse{200, json::serialize(models)};
              }),
              query,
              {},
              kList});
  const Answer embedders = [&api](Call& call) {
    json::array all;
    const auto add = [&](const std::string& handle, int dimension) {
      if (auto item = embedder_json(handle, dimension);
          is_asked(call, item, "embedding_endpoint_type"))
        all.push_back(std::move(item));
    };
    add("offline", OfflineEmbedder().dimension());
    for (const auto& [handle, embedder] : api.options().embedders)
      add(handle, embedder->dimension());
    add("openai/text-embedding-3-small", 1536);
    add("openai/text-embedding-3-large", 3072);
    return ServerResponse{200, json::serialize(all)};
  };
  for (const char* path : {"/v1/models/embedding", "/v1/models/embeddings"})
    router.add({"GET",
                path,
                path == std::string_view("/v1/models/embedding") ? "list_embedding_models"
                                                                 : "list_embeddings_models",
                "Embedders that agents can be given",
                answering(embedders),
                query,
                {},
                kList});
}

}  // namespace memgpt
