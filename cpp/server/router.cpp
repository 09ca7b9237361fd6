#include "server/router.h"

#include "server/refusal.h"

namespace memgpt {

namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  std::size_t begin = 1;
  while (begin <= path.size()) {
    const auto end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool is_parameter(std::string_view part) { return part.starts_with('{'); }

void read_query(Call& call, std::string_view query) {
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = percent_decoded(pair.substr(0, equals), true);
    auto value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) throw Refusal(400, "the query is not encoded as it should be");
    // Some clients write lists so.
    if (name->ends_with("[]")) name->resize(name->size() - 2);
    call.query.emplace_back(*std::move(name), *std::move(value));
  }
}

}  // namespace

Handler answering(Answer answer) {
  return [answer = std::move(answer)](const std::shared_ptr<Call>& call) {
    call->exchange()->respond(answer(*call));
  };
}

void Router::add(Route route) {
  patterns_.push_back({split(route.path), routes_.size()});
  routes_.push_back(std::move(route));
}

bool Router::matches(const Segments& pattern, Call& call) const {
  const bool below = pattern.parts.back() == "*";
  const auto parts = pattern.parts.size() - (below ? 1 : 0);
  if (below ? call.path.size() < parts : call.path.size() != parts) return false;
  for (std::size_t i = 0; i < parts; ++i)
    if (!is_parameter(pattern.parts[i]) && pattern.parts[i] != call.path[i]) return false;
  return true;
}

void Router::handle(const std::shared_ptr<Call>& call) const {
  std::string_view target = call->request().target;
  const auto mark = std::min(target.find('?'), target.size());
  auto path = target.substr(0, mark);
  if (!path.starts_with('/')) throw Refusal(400, "the target of a request begins with a slash");
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  for (const auto part : split(path)) {
    auto decoded = percent_decoded(part, false);
    if (!decoded) throw Refusal(400, "the path is not encoded as it should be");
    call->path.push_back(*std::move(decoded));
  }
  read_query(*call, target.substr(std::min(mark + 1, target.size())));
  const Segments* best = nullptr;
  std::string allowed;
  for (const auto& pattern : patterns_) {
    if (!matches(pattern, *call)) continue;
    const auto& route = routes_[pattern.route];
    if (route.method != call->request().method && route.method != "*") {
      allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
      continue;
    }
    // Words come before parameters: they were added first where both are there.
    best = &pattern;
    break;
  }
  if (best == nullptr) {
    if (!allowed.empty()) throw Refusal(405, "Method Not Allowed: this path takes " + allowed);
    throw Refusal(404, "Not Found: there is no such path; /openapi.json lists what is served");
  }
  for (std::size_t i = 0; i < best->parts.size(); ++i) {
    const auto part = best->parts[i];
    if (is_parameter(part))
      call->parameters.emplace(part.substr(1, part.size() - 2), call->path[i]);
  }
  routes_[best->route].handler(call);
}

}  // namespace memgpt
