// Tools that want something which an agent does not have by itself.
#include "agent/builtin_tools.h"

namespace memgpt {

namespace {

class ServiceTool final : public Tool {
 public:
  ServiceTool(ToolSchema schema, std::string missing)
      : schema_(std::move(schema)), missing_(std::move(missing)) {}
  [[nodiscard]] const ToolSchema& schema() const override { return schema_; }
  [[nodiscard]] ToolResult run(ToolScope& /*scope*/, const json::object& /*arguments*/) override {
    return {true, schema_.name + " is not to be had here: " + missing_ +
                      ". Go on without it, and say so if it matters."};
  }

 private:
  ToolSchema schema_;
  std::string missing_;
};

}  // namespace

std::vector<std::shared_ptr<Tool>> service_tools() {
  std::vector<std::shared_ptr<Tool>> tools;
  const auto add = [&](const char* name, const char* description, const char* parameters,
                       const char* missing) {
    tools.push_back(
        std::make_shared<ServiceTool>(ToolSchema{name, description, parameters}, missing));
  };
  add("web_search", "Search the web.",
      R"({"type": "object", "properties": {"query": {"type": "string", "description": "What to search for."}, "num_results": {"type": "integer", "description": "How many results."}}, "required": ["query"]})",
      "no service for searching the web is set up");
  add("fetch_webpage", "Read a page of the web.",
      R"({"type": "object", "properties": {"url": {"type": "string", "description": "The page's address."}}, "required": ["url"]})",
      "pages of the web cannot be fetched");
  add("run_code", "Run a program, and see what it prints.",
      R"({"type": "object", "properties": {"code": {"type": "string", "description": "The program."}, "language": {"type": "string", "description": "python, js, ts, r or java"}}, "required": ["code", "language"]})",
      "no sandbox for programs is set up");
  return tools;
}

}  // namespace memgpt
