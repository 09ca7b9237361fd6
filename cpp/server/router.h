// Which handler a request goes to, and what is said of each in the OpenAPI document.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "memory/json.h"
#include "server/call.h"

namespace memgpt {

// Answers the call now, or keeps it and answers it later.
using Handler = std::function<void(const std::shared_ptr<Call>& call)>;
// One that answers now.
using Answer = std::function<ServerResponse(Call& call)>;

struct Parameter {
  std::string_view name;
  std::string_view schema;  // JSON
};

struct Route {
  std::string_view method;  // "*": any
  // "/v1/agents/{agent_id}", without a slash at the end; "/v1/agents/*": also all that is below.
  std::string_view path;
  std::string_view id;  // of the operation
  std::string_view summary;
  Handler handler;
  std::vector<Parameter> query = {};
  std::string_view body = {};      // JSON schema; empty = none
  std::string_view response = {};  // JSON schema of a success; empty = anything
  int status = 200;                // of a success
  bool is_served = true;           // false: it says why it is not, and no document has it
};

class Router {
 public:
  void add(Route route);
  // Every path is served with a slash at its end, too. Throws Refusal: 404, 405.
  void handle(const std::shared_ptr<Call>& call) const;
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Segments {
    std::vector<std::string_view> parts;
    std::size_t route;
  };
  [[nodiscard]] bool matches(const Segments& pattern, Call& call) const;

  std::vector<Route> routes_;
  std::vector<Segments> patterns_;
};

[[nodiscard]] Handler answering(Answer answer);

// Of what is served. `version` of the program.
[[nodiscard]] std::string openapi_document(const Router& router, std::string_view version);

}  // namespace memgpt
