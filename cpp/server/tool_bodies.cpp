#include "server/tool_bodies.h"

#include <algorithm>
#include <array>

#include "memory/text.h"
#include "server/api.h"
#include "server/refusal.h"
#include "server/tool_library.h"
#include "server/wire.h"

namespace memgpt {

namespace {

constexpr std::int64_t kMostReturned = 1'000'000;

// Of packages: [{"name": ..., "version": ...}].
void keep_requirements(json::object& fields, const json::object& body, const char* name) {
  if (!body.contains(name)) return;
  const auto* list = body::array(body, name);
  if (list == nullptr) {
    fields[name] = nullptr;
    return;
  }
  for (const auto& item : *list) {
    if (!item.is_object())
      throw Refusal(422, "\"" + std::string(name) + "\" must be a list of objects with a name");
    static_cast<void>(body::needed_text(item.get_object(), "name"));
  }
  fields[name] = *list;
}

// Everything but the schema and the name.
void keep_fields(json::object& fields, const json::object& body) {
  if (const auto source = body::text(body, "source_code")) fields["source_code"] = *source;
  if (const auto type = body::text(body, "source_type")) {
    if (*type != "python" && *type != "json" && *type != "typescript")
      throw Refusal(422, "\"source_type\" must be python, json or typescript");
    fields["source_type"] = *type;
  }
  if (const auto tags = body::texts(body, "tags")) fields["tags"] = array_of(*tags);
  if (const auto limit = body::integer(body, "return_char_limit")) {
    if (*limit < 1 || *limit > kMostReturned)
      throw Refusal(
          422, "\"return_char_limit\" must be a number from 1 to " + std::to_string(kMostReturned));
    fields["return_char_limit"] = *limit;
  }
  keep_requirements(fields, body, "pip_requirements");
  keep_requirements(fields, body, "npm_requirements");
  if (body::flag(body, "default_requires_approval").value_or(false))
    throw Refusal(501,
                  "approvals of tool calls are not served yet: leave out "
                  "default_requires_approval");
  if (const auto parallel = body::flag(body, "enable_parallel_execution"))
    fields["enable_parallel_execution"] = *parallel;
  for (const char* name : {"metadata_", "args_json_schema"})
    if (const auto* object = body::object(body, name); object != nullptr)
      fields[name] = *object;
    else if (body.contains(name) && std::string_view(name) == "args_json_schema")
      fields[name] = nullptr;
}

// A model would have to give what it is not told of.
void check_required(const json::object& parameters, const std::string& what) {
  const auto* required = parameters.if_contains("required");
  const auto* known = parameters.if_contains("properties");
  if (required == nullptr || !required->is_array()) return;
  for (const auto& name : required->get_array()) {
    if (!name.is_string()) throw Refusal(422, what + ": \"required\" must be a list of names");
    if (known == nullptr || !known->is_object() || !known->get_object().contains(name.get_string()))
      throw Refusal(422, what + ": \"required\" names \"" + std::string(name.get_string()) +
                             "\", which is not in \"properties\"");
  }
}

void check_schemas(const json::object& asked) {
  if (const auto* schema = body::object(asked, "json_schema"); schema != nullptr)
    if (const auto* parameters = schema->if_contains("parameters");
        parameters != nullptr && parameters->is_object())
      check_required(parameters->get_object(), "\"json_schema\": parameters");
  if (const auto* schema = body::object(asked, "args_json_schema"); schema != nullptr)
    check_required(*schema, "\"args_json_schema\"");
}

// Name, description and parameters, from what it is made of now; a client's own word wins.
void keep_schema(ServerApi& api, Card& card, json::object& fields, const json::object& body) {
  json::object asked = {{"source_code", string_or(fields, "source_code")},
                        {"source_type", string_or(fields, "source_type", "python")}};
  if (const auto* given = body::object(body, "json_schema"); given != nullptr)
    asked["json_schema"] = *given;
  if (const auto* arguments = fields.if_contains("args_json_schema");
      arguments != nullptr && arguments->is_object())
    asked["args_json_schema"] = *arguments;
  check_schemas(asked);
  auto schema = api.sources()->derive(asked);
  card.name = string_or(schema, "name");
  fields["description"] = string_or(schema, "description");
  fields["json_schema"] = std::move(schema);
}

void keep_description(json::object& fields, const json::object& body) {
  const auto description = body::text(body, "description");
  if (!description) return;
  fields["description"] = *description;
  if (auto* schema = fields.if_contains("json_schema"); schema != nullptr && schema->is_object())
    schema->get_object()["description"] = *description;
}

std::vector<std::string> agents_with_tool(ServerApi& api, const std::string& name) {
  std::vector<std::string> ids;
  const auto journal = api.home().journal();
  for (const auto& row : journal->agents()) {
    const auto tools = agent_config_from_json(journal->newest_config(row.id)).tools;
    if (std::any_of(tools.begin(), tools.end(), [&](const ToolConfig& tool) {
          return tool.schema.name == name && is_source_tool(tool);
        }))
      ids.push_back(row.id);
  }
  return ids;
}

Binding without(const std::string& name) {
  Binding binding;
  binding.change = [name](AgentConfig& config) {
    std::erase_if(config.tools, [&](const ToolConfig& tool) { return tool.schema.name == name; });
  };
  return binding;
}

// One that went meanwhile has nothing to be changed.
template <typename Do>
void each_agent(ServerApi& api, const std::vector<std::string>& ids, Do&& change) {
  for (const auto& id : ids) {
    try {
      change(*api.agent(id));
    } catch (const Refusal&) {
      continue;
    } catch (const NotFound&) {
      continue;
    }
  }
}

}  // namespace

void check_environment(const json::object& variables, const char* field) {
  const auto what = '"' + std::string(field) + '"';
  for (const auto& [key, value] : variables) {
    std::string name(key);
    const bool has_nul = name.find('\0') != std::string::npos;
    std::replace(name.begin(), name.end(), '\0', '?');
    if (!value.is_string()) throw Refusal(422, what + " must be texts by their names");
    if (name.empty() || has_nul || name.find('=') != std::string::npos)
      throw Refusal(422, what + ": \"" + valid_utf8(name) +
                             "\" cannot be the name of an environment variable: it must not be "
                             "empty, nor hold \"=\" or a NUL");
    if (value.get_string().find('\0') != std::string_view::npos)
      throw Refusal(422, what + ": the value of \"" + valid_utf8(name) +
                             "\" holds a NUL, which no environment variable can");
  }
}

Card new_tool(ServerApi& api, const json::object& body) {
  static_cast<void>(body::needed_text(body, "source_code"));
  Card card;
  card.kind = "tool";
  card.id = api.new_id("tool");
  card.created_us = card.updated_us = api.now_us();
  json::object fields;
  keep_fields(fields, body);
  keep_schema(api, card, fields, body);
  keep_description(fields, body);
  card.json = json::serialize(fields);
  return card;
}

Card changed_tool(ServerApi& api, Card card, const json::object& body) {
  auto fields = object_of(card.json);
  keep_fields(fields, body);
  const auto any = [&](std::initializer_list<const char*> names) {
    return std::any_of(names.begin(), names.end(),
                       [&](const char* name) { return body::find(body, name) != nullptr; });
  };
  if (any({"source_code", "source_type", "json_schema", "args_json_schema"}))
    keep_schema(api, card, fields, body);
  keep_description(fields, body);
  card.json = json::serialize(fields);
  card.updated_us = api.now_us();
  return card;
}

void keep_tool(ServerApi& api, const Card& card, const std::string& before) {
  if (base_tool(card.name))
    throw Refusal(409, "there is a tool \"" + card.name + "\" already: one of the server's own");
  const auto had = before.empty() ? std::vector<std::string>() : agents_with_tool(api, before);
  api.home().journal()->put_card(card);
  api.source_bindings().change();
  each_agent(api, had, [&](Agent& agent) {  // asking for it brings it up to date
    if (card.name == before) return;
    auto renamed = without(before);
    renamed.tools.push_back(source_tool(api, card));
    agent.bind(renamed);
  });
}

void delete_tool(ServerApi& api, const Card& card) {
  each_agent(api, agents_with_tool(api, card.name),
             [&](Agent& agent) { agent.bind(without(card.name)); });
  api.home().journal()->delete_card("tool", card.id, api.now_us());
  api.source_bindings().change();
}

}  // namespace memgpt
