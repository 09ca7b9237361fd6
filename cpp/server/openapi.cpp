// The OpenAPI document: made of the table of routes, so that it tells of nothing else.
#include "server/router.h"

namespace memgpt {

namespace {

json::array parameters_of(const Route& route) {
  json::array parameters;
  std::string_view path = route.path;
  for (auto open = path.find('{'); open != std::string_view::npos;
       open = path.find('{', open + 1)) {
    const auto close = path.find('}', open);
    parameters.push_back({{"name", path.substr(open + 1, close - open - 1)},
                          {"in", "path"},
                          {"required", true},
                          {"schema", {{"type", "string"}}}});
  }
  for (const auto& parameter : route.query)
    parameters.push_back({{"name", parameter.name},
                          {"in", "query"},
                          {"required", false},
                          {"schema", json::parse(parameter.schema)}});
  return parameters;
}

json::object json_content(std::string_view schema) {
  return {{"application/json",
           {{"schema", schema.empty() ? json::value(json::object()) : json::parse(schema)}}}};
}

json::object operation_of(const Route& route) {
  json::object success = {{"description", "It is done."}};
  if (route.status != 204) success["content"] = json_content(route.response);
  json::object responses = {{std::to_string(route.status), std::move(success)}};
  responses["default"] = {
      {"description", "It was refused."},
      {"content",
       json_content(
           R"({"type": "object", "properties": {"detail": {}}, "required": ["detail"]})")}};
  json::object operation = {{"operationId", route.id},
                            {"summary", route.summary},
                            {"parameters", parameters_of(route)},
                            {"responses", std::move(responses)}};
  if (!route.body.empty())
    operation["requestBody"] = {{"required", false}, {"content", json_content(route.body)}};
  return operation;
}

std::string small(std::string_view method) {
  std::string out(method);
  for (char& c : out) c = static_cast<char>(c | 0x20);
  return out;
}

}  // namespace

std::string openapi_document(const Router& router, std::string_view version) {
  json::object paths;
  for (const auto& route : router.routes()) {
    if (!route.is_served) continue;
    if (paths.if_contains(route.path) == nullptr) paths[route.path] = json::object();
    paths[route.path].get_object()[small(route.method)] = operation_of(route);
  }
  return json::serialize(json::object{
      {"openapi", "3.1.0"},
      {"info", {{"title", "memgpt"}, {"version", version}}},
      {"components", {{"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}},
      {"paths", std::move(paths)}});
}

}  // namespace memgpt
