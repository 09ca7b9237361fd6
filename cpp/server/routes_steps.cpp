// Steps: model calls, as the journal has them.
#include <algorithm>

#include "server/api.h"
#include "server/record_pages.h"
#include "server/record_walk.h"
#include "server/refusal.h"
#include "server/run_records.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr const char* kText = R"({"type": "string"})";
constexpr const char* kTexts = R"({"type": "array", "items": {"type": "string"}})";
constexpr const char* kFlag = R"({"type": "boolean"})";
constexpr std::string_view kRecord =
    R"({"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]})";
constexpr std::string_view kRecords = R"({"type": "array", "items": {"type": "object"}})";

ServerResponse list_steps(ServerApi& api, Call& call) {
  const auto model = call.asked("model");
  const auto start = call.asked_time("start_date");
  const auto end = call.asked_time("end_date");
  const auto feedback = call.asked("feedback");
  const auto has_feedback = call.asked("has_feedback");
  const bool wanted = call.asked_flag("has_feedback", false);
  const auto tags = call.asked_all("tags");
  // Nothing here is traced.
  const bool none = !call.asked_all("trace_ids").empty() || call.asked("project_id");
  RecordWalk walk(api, none ? std::vector<AgentRow>() : asked_agents(api, call), true,
                  page_of(call, 100));
  RunReader reader(api);
  std::unordered_map<std::string, json::object> shown;
  const auto records = walk.page([&](Record& record) {
    const auto& row = record.step.step;
    if ((start && row.time_us < *start) || (end && row.time_us > *end)) return false;
    auto step = reader.json_of(record.step, record.agent_id,
                               reader.run_before(record.agent_id, record.step.place));
    if (model && *model != row.model && step["model"] != json::value(*model)) return false;
    if (feedback && step["feedback"] != json::value(*feedback)) return false;
    if (has_feedback && step["feedback"].is_null() == wanted) return false;
    for (const auto& tag : tags) {
      const auto& own = step["tags"].as_array();
      if (std::find(own.begin(), own.end(), json::value(tag)) == own.end()) return false;
    }
    shown[step_id(record.step.place)] = std::move(step);
    return true;
  });
  json::array out;
  for (const auto& record : records) out.push_back(std::move(shown[step_id(record.step.place)]));
  return {200, json::serialize(out)};
}

json::object one_step(ServerApi& api, const std::string& id) {
  RunReader reader(api);
  const auto found = reader.step(id);
  return reader.json_of(found.step, found.run.agent_id, &found.run);
}

// What was not measured is null, and no guess.
ServerResponse step_metrics(ServerApi& api, Call& call) {
  RunReader reader(api);
  const auto found = reader.step(call.at("step_id"));
  json::object out = {{"id", step_id(found.step.place)},
                      {"agent_id", found.run.agent_id},
                      {"run_id", run_id(found.run.input.place)},
                      {"step_start_ns", found.step.step.time_us * 1000}};
  for (const char* unknown : {"llm_request_start_ns", "llm_request_ns", "job_id", "provider_id",
                              "base_template_id", "template_id", "project_id"})
    out[unknown] = nullptr;
  const auto times = times_of(found.run, found.step);
  out["step_ns"] = times.step_ns ? json::value(*times.step_ns) : json::value();
  out["tool_execution_ns"] = times.tool_ns ? json::value(*times.tool_ns) : json::value();
  return {200, json::serialize(out)};
}

ServerResponse give_feedback(ServerApi& api, Call& call) {
  const auto id = one_step(api, call.at("step_id")).at("id").as_string();
  const auto& body = call.body();
  const auto feedback = body::text(body, "feedback");
  if (feedback && *feedback != "positive" && *feedback != "negative")
    throw Refusal(422, "\"feedback\" must be \"positive\", \"negative\" or null");
  const auto tags = body::texts(body, "tags").value_or(std::vector<std::string>());
  const auto now = api.now_us();
  api.home().journal()->put_card(
      {"feedback", std::string(id), "",
       json::serialize(json::object{{"feedback", feedback ? json::value(*feedback) : json::value()},
                                    {"tags", array_of(tags)}}),
       now, now});
  return {200, json::serialize(one_step(api, std::string(id)))};
}

}  // namespace

void add_step_routes(Router& router, ServerApi& api) {
  add_run_routes(router, api);
  router.add({"GET",
              "/v1/steps",
              "list_steps",
              "Model calls of agents, the newest first",
              answering([&api](Call& call) { return list_steps(api, call); }),
              page_query({{"agent_id", kText},
                          {"model", kText},
                          {"start_date", kText},
                          {"end_date", kText},
                          {"feedback", kText},
                          {"has_feedback", kFlag},
                          {"trace_ids", kTexts},
                          {"tags", kTexts}}),
              {},
              kRecords});
  router.add({"GET",
              "/v1/steps/{step_id}",
              "retrieve_step",
              "One model call",
              answering([&api](Call& call) {
                return ServerResponse{200, json::serialize(one_step(api, call.at("step_id")))};
              }),
              {},
              {},
              kRecord});
  router.add({"GET",
              "/v1/steps/{step_id}/messages",
              "list_messages_for_step",
              "Messages that came of a model call",
              answering([&api](Call& call) {
                const auto found = RunReader(api).step(call.at("step_id"));
                return record_messages(api, call, messages_of(found.run, &found.step));
              }),
              page_query({{"use_assistant_message", kFlag}}),
              {},
              kRecords});
  router.add({"GET", "/v1/steps/{step_id}/metrics", "retrieve_metrics_for_step",
              "When a model call was made",
              answering([&api](Call& call) { return step_metrics(api, call); })});
  router.add({"PATCH",
              "/v1/steps/{step_id}/feedback",
              "modify_feedback_for_step",
              "Say whether a step was good",
              answering([&api](Call& call) { return give_feedback(api, call); }),
              {},
              R"({"type": "object", "properties": {
                "feedback": {"type": ["string", "null"], "enum": ["positive", "negative", null]},
                "tags": {"type": ["array", "null"], "items": {"type": "string"}}}})",
              kRecord});
}

}  // namespace memgpt
