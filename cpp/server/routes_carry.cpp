// Agents in files: Letta's agent files, written and read.
#include <algorithm>

#include "server/agent_bodies.h"
#include "server/api.h"
#include "server/message_list.h"
#include "server/multipart.h"
#include "server/refusal.h"
#include "server/tool_library.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr const char* kFlag = R"({"type": "boolean"})";

void check_carries(ServerApi& api) {
  if (!api.options().carry.write)
    throw Refusal(501, "this program reads and writes no agent files");
}

ServerResponse export_agent(ServerApi& api, Call& call) {
  check_carries(api);
  if (call.asked_flag("use_legacy_format", false))
    throw Refusal(400,
                  "the legacy format of agent files is not written: leave out "
                  "use_legacy_format");
  if (call.asked("conversation_id").value_or("default") != "default")
    throw Refusal(400, "conversations are not served: an agent has one");
  const auto agent = api.agent(call.at("agent_id"));
  const auto config = agent->config();
  json::object sources;
  for (const auto& tool : config.tools)
    if (tool.origin == "user")
      if (const auto card = tool_card(api, tool.schema.name))
        if (const auto text = string_or(object_of(card->json), "source_code"); !text.empty())
          sources[tool.schema.name] = text;
  json::object blocks;
  for (const auto& block : wire_blocks(agent->id(), agent->state()))
    if (const auto card = api.home().journal()->card("block", block.id))
      blocks[block.label] = object_of(card->json);
  const json::object more = {{"name", string_or(object_of(config.settings), "name", agent->name())},
                             {"sources", std::move(sources)},
                             {"blocks", std::move(blocks)},
                             {"first", first_listed(config)},
                             {"scrub_messages", call.asked_flag("scrub_messages", false)}};
  return {200, api.options().carry.write(agent->id(), json::serialize(more))};
}

// What a client says beside the file.
class Form {
 public:
  explicit Form(Call& call)
      : parts_(form_parts(call.request().header("content-type"), call.request().body)) {
    for (const auto& part : parts_)
      if (!is_valid_utf8(part.value)) throw Refusal(422, "the body is not valid UTF-8");
  }
  [[nodiscard]] const std::string& file() const {
    const auto* part = find_part(parts_, "file");
    if (part == nullptr) throw Refusal(422, "\"file\" is missing: the part with the agent file");
    return part->value;
  }
  // The first of the names that is there.
  [[nodiscard]] std::string text(std::initializer_list<const char*> names) const {
    for (const char* name : names)
      if (const auto* part = find_part(parts_, name); part != nullptr && !part->value.empty())
        return part->value;
    return "";
  }
  [[nodiscard]] bool flag(const char* name, bool fallback) const {
    const auto given = text({name});
    if (given.empty()) return fallback;
    for (const char* yes : {"true", "True", "1"})
      if (given == yes) return true;
    for (const char* no : {"false", "False", "0"})
      if (given == no) return false;
    throw Refusal(422, "\"" + std::string(name) + "\" must be true or false");
  }
  [[nodiscard]] json::value object(std::initializer_list<const char*> names) const {
    const auto given = text(names);
    if (given.empty()) return nullptr;
    boost::system::error_code failed;
    auto value = json::parse(given, failed);
    if (failed || !(value.is_object() || value.is_null()))
      throw Refusal(422, "\"" + std::string(*names.begin()) + "\" must be a JSON object");
    return value;
  }

 private:
  std::vector<FormPart> parts_;
};

struct Import {
  ServerApi& api;
  const Form& form;
  std::string embedding;  // that the request asks for
  json::array left_out;
  // Undone where one of the agents cannot be made.
  std::vector<std::shared_ptr<Agent>> made;
};

bool is_base_tool(const std::string& name) {
  const auto tools = base_tools();
  return std::any_of(tools.begin(), tools.end(),
                     [&](const auto& tool) { return tool->schema().name == name; });
}

// Writes the card of a tool that came with its source. Gives its name; "" where it is refused.
std::string store_tool(Import& import, const json::object& tool, const std::string& source) {
  auto& api = import.api;
  json::object request = {{"source_code", source}};
  for (const char* name : {"json_schema", "args_json_schema"})
    if (const auto* value = body::find(tool, name)) request[name] = *value;
  json::object derived;
  try {
    derived = object_of(api.options().sources.derive(json::serialize(request)));
  } catch (const Error& error) {
    import.left_out.push_back(json::value("the tool \"" + string_or(tool, "name") +
                                          "\", whose source was refused: " + error.what()));
    return "";
  }
  const auto name = string_or(derived, "name");
  if (is_base_tool(name)) return name;
  const auto known = tool_card(api, name);
  json::object fields = known ? object_of(known->json) : json::object();
  for (const char* field : {"args_json_schema", "tags", "return_char_limit", "pip_requirements"})
    if (const auto* value = body::find(tool, field)) fields[field] = *value;
  fields["source_code"] = source;
  fields["source_type"] = "python";
  fields["description"] = string_or(derived, "description");
  fields["json_schema"] = std::move(derived);
  const auto now = api.now_us();
  api.home().journal()->put_card({"tool", known ? known->id : api.new_id("tool"), name,
                                  json::serialize(fields), known ? known->created_us : now, now});
  api.source_bindings().change();
  return name;
}

// The name by which the agent is given the tool; "" where it cannot be.
std::string placed_tool(Import& import, const json::object& tool) {
  auto name = string_or(tool, "name");
  if (is_base_tool(name)) return name;
  const auto source = string_or(tool, "source_code");
  const auto known = tool_card(import.api, name);
  const bool is_same = known && string_or(object_of(known->json), "source_code") == source;
  if (known && (is_same || source.empty() || !import.form.flag("override_existing_tools", true)))
    return name;
  if (!source.empty() && import.api.options().sources.derive)
    return store_tool(import, tool, source);
  import.left_out.push_back(json::value("the tool \"" + name + "\", which came without a source"));
  return "";
}

json::object agent_body(Import& import, const json::object& plan) {
  auto body = plan.at("body").as_object();
  const auto& form = import.form;
  const auto name = form.text({"override_name", "name"});
  if (!name.empty())
    body["name"] = name;
  else if (form.flag("append_copy_suffix", false))
    body["name"] = string_or(body, "name", "agent") + "_copy";
  if (const auto model = form.text({"override_model_handle", "model"}); !model.empty())
    body["model"] = model;
  if (!import.embedding.empty()) body["embedding"] = import.embedding;
  if (auto secrets = form.object({"secrets", "env_vars_json"}); secrets.is_object())
    body["secrets"] = std::move(secrets);
  if (const auto project = form.text({"project_id"}); !project.empty())
    body["project_id"] = project;
  json::array tools;
  for (const auto& tool : plan.at("tools").as_array()) {
    const json::value placed(placed_tool(import, tool.as_object()));
    if (placed.as_string().empty()) continue;
    if (std::find(tools.begin(), tools.end(), placed) == tools.end()) tools.push_back(placed);
  }
  body["tools"] = std::move(tools);
  return body;
}

std::shared_ptr<Agent> made_agent(Import& import, const json::object& plan) {
  try {
    return create_agent(import.api, agent_body(import, plan));
  } catch (const Refusal& refusal) {
    if (refusal.status() != 404) throw;
    throw Refusal(404, std::string(refusal.what()) +
                           "; give another one with override_model_handle or "
                           "override_embedding_handle");
  }
}

void forget_made(Import& import) {
  for (const auto& agent : import.made) {
    import.api.home().delete_agent(agent->name());
    import.api.home().journal()->delete_card("secrets", agent->id(), import.api.now_us());
    import.api.forget(agent->id());
  }
}

ServerResponse import_agents(ServerApi& api, Call& call) {
  check_carries(api);
  const Form form(call);
  const auto& hooks = api.options().carry;
  Import import{api, form, form.text({"override_embedding_handle", "embedding"}), {}, {}};
  if (import.embedding.empty())
    import.embedding = call.request().header("x-override-embedding-model");
  boost::system::error_code failed;
  const auto read = json::parse(hooks.read(form.file()), failed);
  if (failed) throw Refusal(422, "the file has what is not of JSON: " + failed.message());
  const auto& plans = read.as_array();
  json::array ids;
  try {
    for (std::size_t i = 0; i < plans.size(); ++i) {
      const auto& plan = plans[i].as_object();
      for (const auto& what : plan.at("left_out").as_array()) import.left_out.push_back(what);
      const auto agent = made_agent(import, plan);
      import.made.push_back(agent);
      ids.push_back(json::value(agent->id()));
      if (form.flag("strip_messages", false)) continue;
      for (const auto& what : hooks.fill(form.file(), i, agent->id()))
        import.left_out.push_back(json::value(what));
    }
  } catch (...) {
    forget_made(import);
    throw;
  }
  return {200, json::serialize(json::object{{"agent_ids", std::move(ids)},
                                            {"left_out", std::move(import.left_out)}})};
}

}  // namespace

void add_carry_routes(Router& router, ServerApi& api) {
  router.add({"GET",
              "/v1/agents/{agent_id}/export",
              "export_agent",
              "An agent as an agent file",
              answering([&api](Call& call) { return export_agent(api, call); }),
              {{"max_steps", R"({"type": "integer"})"},
               {"use_legacy_format", kFlag},
               {"conversation_id", R"({"type": "string"})"},
               {"scrub_messages", kFlag}},
              {},
              R"({"type": "object"})"});
  router.add({"POST",
              "/v1/agents/import",
              "import_agent",
              "Make the agents of an agent file, a multipart body's part \"file\"",
              api.among_turns([&api](Call& call) { return import_agents(api, call); }),
              {},
              {},
              R"({"type": "object", "properties": {
                "agent_ids": {"type": "array", "items": {"type": "string"}}},
                "required": ["agent_ids"]})"});
}

}  // namespace memgpt
