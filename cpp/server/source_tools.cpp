#include "server/source_tools.h"

#include "memory/text.h"
#include "server/api.h"
#include "server/tool_library.h"
#include "server/wire.h"

namespace memgpt {

namespace {

// What a model says of a call that was refused, so that it does not try again.
constexpr const char* kNotAllowed =
    "was not run: this server runs tools from source only with a token, or where it was started "
    "with --allow-local-tools";

class SourceTool final : public Tool {
 public:
  SourceTool(ServerApi& api, ToolSchema schema, std::string source)
      : api_(api), schema_(std::move(schema)), source_(std::move(source)) {}
  [[nodiscard]] const ToolSchema& schema() const override { return schema_; }
  [[nodiscard]] Effects effects() const override { return Effects::outside; }
  [[nodiscard]] ToolOrigin origin() const override { return ToolOrigin::user; }
  [[nodiscard]] std::string fingerprint() const override {
    return "source:" + to_hex(sha256(source_)).substr(0, 16);
  }
  [[nodiscard]] ToolResult run(ToolScope& /*scope*/, const json::object& arguments) override {
    if (!api_.options().sources.run || !api_.guard().runs_sources())
      return {true, schema_.name + ' ' + kNotAllowed};
    const auto result =
        api_.options().sources.run({source_, schema_.name, "{}"}, json::serialize(arguments));
    return {result.failed, result.value};
  }

 private:
  ServerApi& api_;
  ToolSchema schema_;
  std::string source_;
};

}  // namespace

std::shared_ptr<Tool> source_tool(ServerApi& api, const Card& card) {
  const auto fields = object_of(card.json);
  ToolSchema schema;
  schema.name = card.name;
  schema.description = string_or(fields, "description");
  schema.parameters = R"({"type": "object", "properties": {}, "required": []})";
  if (const auto* given = fields.if_contains("json_schema");
      given != nullptr && given->is_object()) {
    const auto* parameters = given->get_object().if_contains("parameters");
    if (parameters != nullptr && parameters->is_object())
      schema.parameters = json::serialize(*parameters);
  }
  return std::make_shared<SourceTool>(api, std::move(schema), string_or(fields, "source_code"));
}

std::shared_ptr<Tool> source_tool(ServerApi& api, const ToolConfig& wanted) {
  const auto card = tool_card(api, wanted.schema.name);
  if (!card) return nullptr;
  auto tool = source_tool(api, *card);
  // What the model was shown is what it calls.
  return tool->schema().parameters == wanted.schema.parameters ? tool : nullptr;
}

}  // namespace memgpt
