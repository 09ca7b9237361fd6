#include "server/run_records.h"

#include <algorithm>
#include <limits>

#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr const char* kEnds = "run";  // cards of how turns ended

bool asks_for_more(const ToolCall& call) {
  const auto arguments = object_of(call.arguments);
  const auto* asked = arguments.if_contains("request_heartbeat");
  return asked != nullptr && (*asked == true || *asked == "true");
}

// Whether another step had to follow the last one: what the loop decides by, read again from what
// it wrote.
bool is_unfinished(const RunRecord& run) {
  if (run.calls.empty()) return true;
  const Message* said = nullptr;
  std::size_t returns = 0;
  bool failed = false;
  bool told = false;  // to call a tool
  for (const auto& [message, place] : run.messages) {
    if (place.seq < run.calls.back().place.seq) continue;
    if (message.role == Role::assistant) said = &message;
    if (said == nullptr) continue;
    if (message.role == Role::tool) {
      ++returns;
      failed = failed || message.failed;
    }
    told = told || message.author == "kernel";
  }
  if (said == nullptr) return false;  // a purge may have taken it
  const auto& calls = said->tool_calls;
  if (calls.empty()) return told;
  return returns < calls.size() || failed || calls.size() > 1 || asks_for_more(calls.front());
}

// The last word is the kernel's: to call a tool.
bool called_no_tool(const RunRecord& run) {
  return !run.messages.empty() && run.messages.back().first.author == "kernel" &&
         run.messages.back().first.role == Role::system;
}

std::string status_of(const std::string& stop_reason) {
  for (const char* reason : {"end_turn", "max_steps", "tool_rule", "requires_approval"})
    if (stop_reason == reason) return "completed";
  return stop_reason == "cancelled" ? "cancelled" : "failed";
}

int prompt_tokens(const StepRow& step) {
  return step.prompt_tokens >= 0 ? step.prompt_tokens : step.context_tokens + step.overhead_tokens;
}

}  // namespace

RunReader::RunReader(ServerApi& api)
    : api_(api), journal_(api.home().journal()), active_(api.turns().active()) {}

std::pair<PlacedStep, std::string> RunReader::found(const std::string& id,
                                                    const std::string& kind) {
  check_id(id, kind);
  const auto place = place_of_id(id, kind);
  auto row = place ? journal_->step(*place) : std::nullopt;
  if (!row) throw Refusal(404, kind == "run" ? "Run not found" : "Step not found");
  try {
    static_cast<void>(journal_->agent_row(row->second));
  } catch (const AgentNotFound&) {
    throw Refusal(404, "its agent was deleted");
  }
  return {{*place, row->first}, row->second};
}

// Where it was undone: the branch that it stands on.
Head RunReader::line_of(const std::string& agent_id, Head place) {
  const auto head = journal_->head(agent_id);
  return journal_->sees(head, place) ? head : Head{place.branch, journal_->last_seq(place.branch)};
}

RunRecord RunReader::run(const std::string& id) {
  auto [input, agent_id] = found(id, "run");
  if (input.step.kind != "input") throw Refusal(404, "Run not found");
  return run_of(agent_id, std::move(input));
}

RunReader::StepRecord RunReader::step(const std::string& id) {
  const auto [asked, agent_id] = found(id, "step");
  const auto* run = run_before(agent_id, asked.place);
  // What a tool returned may be a commit of its own: it is of the step before.
  const PlacedStep* step = nullptr;
  if (run != nullptr)
    for (const auto& call : run->calls)
      if (call.place.seq <= asked.place.seq) step = &call;
  if (step == nullptr) throw Refusal(404, "Step not found");
  return {*run, *step};
}

RunRecord RunReader::run_of(const std::string& agent_id, PlacedStep input) {
  RunRecord run;
  run.agent_id = agent_id;
  run.input = std::move(input);
  const auto place = run.input.place;
  const auto line = line_of(agent_id, place);
  StepRange range;
  range.after = place.seq;
  const auto next = journal_->steps_in(agent_id, line, range);
  if (!next.empty()) range.before = next.front().place.seq;
  range.calls = true;
  range.limit = kLongestPage * 10;
  run.calls = journal_->steps_in(agent_id, line, range);
  run.messages = journal_->messages_between(line, place.seq - 1, range.before);
  // What was imported behind a turn is no part of it.
  std::erase_if(run.messages, [](const auto& entry) {
    return entry.first.author == "import" || entry.first.author == "restore";
  });
  run.ended_us = run.input.step.time_us;
  for (const auto& call : run.calls) run.ended_us = std::max(run.ended_us, call.step.time_us);
  for (const auto& entry : run.messages) {
    run.late.push_back(is_late(run, entry));
    if (!run.late.back()) run.ended_us = std::max(run.ended_us, entry.first.time_us);
  }
  judge(run, next.empty());
  return run;
}

// A call that was cut short gets its return when the next turn begins.
bool RunReader::is_late(const RunRecord& run, const std::pair<Message, Head>& entry) {
  if (entry.first.role != Role::tool) return false;
  const auto is_its = [&](const PlacedStep& call) { return call.place == entry.second; };
  if (std::any_of(run.calls.begin(), run.calls.end(), is_its)) return false;
  const auto row = journal_->step(entry.second);
  return row && row->first.kind == "recovery";
}

std::optional<RunRecord> RunReader::last_ended(const std::string& agent_id, Head head) {
  StepRange range;
  range.newest_first = true;
  for (;;) {
    auto inputs = journal_->steps_in(agent_id, head, range);
    if (inputs.empty()) return std::nullopt;
    range.before = inputs.front().place.seq;
    auto run = run_of(agent_id, std::move(inputs.front()));
    if (run.status != "running") return run;
  }
}

const RunRecord* RunReader::run_before(const std::string& agent_id, Head call) {
  StepRange range;
  range.before = call.seq + 1;
  range.newest_first = true;
  auto inputs = journal_->steps_in(agent_id, line_of(agent_id, call), range);
  if (inputs.empty()) return nullptr;
  const auto id = run_id(inputs.front().place);
  auto known = runs_.find(id);
  if (known == runs_.end())
    known = runs_.emplace(id, run_of(agent_id, std::move(inputs.front()))).first;
  return &known->second;
}

void RunReader::judge(RunRecord& run, bool newest) {
  const auto is_this = [&](const Turns::Active& turn) {
    return turn.agent_id == run.agent_id && turn.input == run.input.place;
  };
  const auto is_active = [&] { return std::any_of(active_.begin(), active_.end(), is_this); };
  // How it ended, as its client was told.
  if (const auto card = journal_->card(kEnds, run_id(run.input.place))) {
    const auto end = object_of(card->json);
    run.stop_reason = string_or(end, "stop_reason", "error");
    run.error = string_or(end, "error");
    run.ended_us = std::max(run.ended_us, card->created_us);
  } else if (!is_unfinished(run)) {
    run.stop_reason = "end_turn";
  } else if (is_active()) {
    run.status = "running";
    return;
  } else if (std::ssize(run.calls) >= config(run.agent_id, run.input.step.config).max_steps) {
    run.stop_reason = "max_steps";
  } else if (newest && api_.home().agent_by_id(run.agent_id)->busy()) {
    // Somebody sends to it without this server.
    run.status = "running";
    return;
  } else {
    run.stop_reason = called_no_tool(run) ? "no_tool_call" : "error";
    run.error = "the turn was broken off";
  }
  run.status = status_of(run.stop_reason);
}

const AgentConfig& RunReader::config(const std::string& agent_id, std::int64_t version) {
  const auto key = agent_id + ' ' + std::to_string(version);
  auto known = configs_.find(key);
  if (known == configs_.end()) {
    const auto text = journal_->config(agent_id, version);
    known =
        configs_.emplace(key, text.empty() ? AgentConfig() : agent_config_from_json(text)).first;
  }
  return known->second;
}

json::object run_json(const RunRecord& run) {
  const bool ended = run.status != "running";
  const auto begun = run.input.step.time_us;
  return {{"id", run_id(run.input.place)},
          {"agent_id", run.agent_id},
          {"status", run.status},
          {"stop_reason", text_or_null(run.stop_reason)},
          {"created_at", wire_time(begun)},
          {"updated_at", wire_time(run.ended_us)},
          {"completed_at", ended ? json::value(wire_time(run.ended_us)) : json::value()},
          {"total_duration_ns", ended ? json::value((run.ended_us - begun) * 1000) : json::value()},
          {"ttft_ns", nullptr},
          {"background", false},
          {"metadata", run.error.empty() ? json::object() : json::object{{"error", run.error}}},
          {"job_type", "run"},
          {"request_config", nullptr},
          {"callback_url", nullptr},
          {"callback_sent_at", nullptr},
          {"callback_status_code", nullptr},
          {"callback_error", nullptr},
          {"conversation_id", nullptr},
          {"base_template_id", nullptr},
          {"project_id", nullptr},
          {"created_by_id", nullptr},
          {"last_updated_by_id", nullptr}};
}

StepTimes times_of(const RunRecord& run, const PlacedStep& step) {
  StepTimes times;
  const auto& all = run.messages;
  if (all.empty() || all.front().first.time_us != run.input.step.time_us) return times;
  auto end = std::numeric_limits<std::int64_t>::max();  // the next step
  for (const auto& call : run.calls)
    if (call.place.seq > step.place.seq) end = std::min(end, call.place.seq);
  const Message* said = nullptr;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& [message, place] = all[i];
    if (place.seq < step.place.seq || place.seq >= end) continue;
    if (run.late[i]) return {};
    if (message.role == Role::assistant) said = &message;
    if (said == nullptr) continue;
    times.step_ns = (message.time_us - step.step.time_us) * 1000;
    if (message.role == Role::tool && !times.tool_ns)
      times.tool_ns = (message.time_us - said->time_us) * 1000;
  }
  return times;
}

json::object RunReader::json_of(const PlacedStep& step, const std::string& agent_id,
                                const RunRecord* run) {
  const auto& row = step.step;
  const auto slash = row.model.find('/');
  const auto service = row.model.substr(0, slash);
  const int prompt = prompt_tokens(row);
  const int completion = std::max(0, row.completion_tokens);
  const int window = config(agent_id, row.config).context_window;
  const auto feedback = journal_->card("feedback", step_id(step.place));
  const auto said = feedback ? object_of(feedback->json) : json::object();
  const bool last = run != nullptr && !run->calls.empty() && run->calls.back().place == step.place;
  json::object out = {
      {"id", step_id(step.place)},
      {"agent_id", agent_id},
      {"run_id", run == nullptr ? json::value() : json::value(run_id(run->input.place))},
      {"status", "success"},
      {"stop_reason", last ? text_or_null(run->stop_reason) : json::value()},
      {"model", slash == std::string::npos ? row.model : row.model.substr(slash + 1)},
      {"model_handle", row.model},
      {"provider_name", service},
      {"provider_category", "base"},
      {"context_window_limit", window > 0 ? json::value(window) : json::value()},
      {"prompt_tokens", prompt},
      {"completion_tokens", completion},
      {"total_tokens", prompt + completion},
      {"created_at", wire_time(row.time_us)},
      {"tags", json::array()},
      {"feedback", nullptr}};
  if (const auto* tags = said.if_contains("tags")) out["tags"] = *tags;
  if (const auto* given = said.if_contains("feedback")) out["feedback"] = *given;
  for (const char* unknown :
       {"origin", "provider_id", "job_id", "model_endpoint", "completion_tokens_details",
        "prompt_tokens_details", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens",
        "error_type", "error_data", "request_id", "tid", "trace_id", "project_id"})
    out[unknown] = nullptr;
  out["messages"] = json::array();  // GET /v1/steps/{id}/messages has them
  return out;
}

Response usage_of(const RunRecord& run) {
  Response usage;
  usage.input = run.input.place;
  usage.steps = static_cast<int>(run.calls.size());
  for (const auto& call : run.calls) {
    usage.prompt_tokens += prompt_tokens(call.step);
    usage.completion_tokens += std::max(0, call.step.completion_tokens);
  }
  return usage;
}

std::vector<PlacedMessage> messages_of(const RunRecord& run, const PlacedStep* step) {
  std::vector<PlacedMessage> messages;
  for (const auto& [message, place] : run.messages) {
    Head of = place;
    for (const auto& call : run.calls)
      if (call.place.seq <= place.seq) of = call.place;
    if (step == nullptr || of == step->place) messages.push_back({&message, {of, run.input.place}});
  }
  return messages;
}

void keep_end(ServerApi& api, Head input, const std::string& stop_reason,
              const std::string& error) {
  if (input.seq == 0 || stop_reason == "end_turn") return;
  const auto now = api.now_us();
  json::object end = {{"stop_reason", stop_reason}};
  if (!error.empty()) end["error"] = error;
  try {
    api.home().journal()->put_card({kEnds, run_id(input), "", json::serialize(end), now, now});
  } catch (const Error&) {
    return;  // the turn has ended all the same, and its client is to be told
  }
}

}  // namespace memgpt
