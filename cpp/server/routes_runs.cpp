// Runs: turns, as the journal has them.
#include <algorithm>

#include "server/message_answers.h"
#include "server/record_pages.h"
#include "server/record_walk.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr const char* kText = R"({"type": "string"})";
constexpr const char* kTexts = R"({"type": "array", "items": {"type": "string"}})";
constexpr const char* kFlag = R"({"type": "boolean"})";
constexpr std::string_view kRecord =
    R"({"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]})";
constexpr std::string_view kRecords = R"({"type": "array", "items": {"type": "object"}})";

bool is_any_of(const std::vector<std::string>& wanted, const std::string& value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

ServerResponse list_runs(ServerApi& api, Call& call) {
  const auto statuses = call.asked_all("statuses");
  const auto reason = call.asked("stop_reason");
  const bool running = call.asked_flag("active", false);
  // No run is in the background, and there are no conversations but each agent's own.
  const bool none = call.asked_flag("background", false) ||
                    call.asked("conversation_id").value_or("default") != "default";
  RecordWalk walk(api, none ? std::vector<AgentRow>() : asked_agents(api, call), false,
                  page_of(call, 100));
  RunReader reader(api);
  std::unordered_map<std::string, json::object> shown;
  const auto records = walk.page([&](Record& record) {
    const auto run = reader.run_of(record.agent_id, std::move(record.step));
    record.step.place = run.input.place;
    if (running && run.status != "running") return false;
    if (!is_any_of(statuses, run.status) || (reason && run.stop_reason != *reason)) return false;
    shown[run_id(run.input.place)] = run_json(run);
    return true;
  });
  json::array out;
  for (const auto& record : records) out.push_back(std::move(shown[run_id(record.step.place)]));
  return {200, json::serialize(out)};
}

// What is under way is known without looking for it.
ServerResponse active_runs(ServerApi& api, Call& call) {
  RunReader reader(api);
  std::vector<RunRecord> runs;
  for (const auto& row : asked_agents(api, call))
    for (const auto& turn : api.turns().active())
      if (turn.agent_id == row.id && turn.input.seq > 0)
        runs.push_back(reader.run(run_id(turn.input)));
  std::sort(runs.begin(), runs.end(), [](const RunRecord& a, const RunRecord& b) {
    return a.input.step.time_us < b.input.step.time_us;
  });
  json::array out;
  for (const auto& run : paged(std::move(runs), page_of(call, 100),
                               [](const RunRecord& run) { return run_id(run.input.place); }))
    out.push_back(run_json(run));
  return {200, json::serialize(out)};
}

ServerResponse steps_of_run(ServerApi& api, Call& call) {
  RunReader reader(api);
  const auto run = reader.run(call.at("run_id"));
  json::array out;
  for (const auto& step : paged(run.calls, page_of(call, 100),
                                [](const PlacedStep& step) { return step_id(step.place); }))
    out.push_back(reader.json_of(step, run.agent_id, &run));
  return {200, json::serialize(out)};
}

}  // namespace

void add_run_routes(Router& router, ServerApi& api) {
  const std::vector<Parameter> which = {{"agent_id", kText}, {"agent_ids", kTexts}};
  router.add({"GET",
              "/v1/runs/active",
              "list_active_runs",
              "Turns that are under way",
              answering([&api](Call& call) { return active_runs(api, call); }),
              page_query(which),
              {},
              kRecords});
  router.add({"GET",
              "/v1/runs",
              "list_runs",
              "Turns of agents, the newest first",
              answering([&api](Call& call) { return list_runs(api, call); }),
              page_query({{"agent_id", kText},
                          {"agent_ids", kTexts},
                          {"statuses", kTexts},
                          {"stop_reason", kText},
                          {"background", kFlag},
                          {"active", kFlag},
                          {"conversation_id", kText}}),
              {},
              kRecords});
  router.add({"GET",
              "/v1/runs/{run_id}",
              "retrieve_run",
              "One turn",
              answering([&api](Call& call) {
                return ServerResponse{
                    200, json::serialize(run_json(RunReader(api).run(call.at("run_id"))))};
              }),
              {},
              {},
              kRecord});
  router.add({"GET",
              "/v1/runs/{run_id}/messages",
              "list_messages_for_run",
              "Messages of a turn",
              answering([&api](Call& call) {
                const auto run = RunReader(api).run(call.at("run_id"));
                return record_messages(api, call, messages_of(run));
              }),
              page_query({{"use_assistant_message", kFlag}}),
              {},
              kRecords});
  router.add({"GET", "/v1/runs/{run_id}/usage", "retrieve_usage_for_run", "Tokens that a turn took",
              answering([&api](Call& call) {
                const auto run = RunReader(api).run(call.at("run_id"));
                return ServerResponse{200, usage_json(usage_of(run))};
              })});
  router.add({"GET",
              "/v1/runs/{run_id}/steps",
              "list_steps_for_run",
              "Model calls of a turn",
              answering([&api](Call& call) { return steps_of_run(api, call); }),
              page_query(),
              {},
              kRecords});
}

}  // namespace memgpt
