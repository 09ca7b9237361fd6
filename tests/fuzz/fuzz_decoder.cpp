// The decoder on any text: it never fails otherwise than in words, what it gives is sound, and it
// gives the same again. See tools/fuzz.sh.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/strict_json.h"
#include "agent/tool_call_decoder.h"
#include "memory/text.h"

namespace memgpt {

namespace {

class SchemaOnly final : public Tool {
 public:
  explicit SchemaOnly(ToolSchema schema) : schema_(std::move(schema)) {}
  [[nodiscard]] const ToolSchema& schema() const override { return schema_; }
  [[nodiscard]] ToolResult run(ToolScope& /*scope*/, const json::object& /*arguments*/) override {
    return {};
  }

 private:
  ToolSchema schema_;
};

ToolMap make_tools() {
  ToolMap tools;
  const auto add = [&](const std::string& name, const std::string& properties,
                       const std::string& required) {
    tools[name] = std::make_shared<SchemaOnly>(ToolSchema{
        name, "",
        R"({"type":"object","properties":{)" + properties + R"(},"required":[)" + required + "]}",
        "user"});
  };
  add("send_message", R"("message":{"type":"string"})", R"("message")");
  add("core_memory_append", R"("name":{"type":"string"},"content":{"type":"string"})",
      R"("name","content")");
  add("find_note", R"("query":{"type":"string"},"page":{"type":["integer","null"]})", R"("query")");
  add("set_timer",
      R"("minutes":{"type":"integer"},"loud":{"type":"boolean"},"factor":{"type":"number"},)"
      R"("tags":{"type":"array"},"options":{"type":"object"})",
      R"("minutes")");
  return tools;
}

void demand(bool holds) {
  if (!holds) std::abort();
}

void check(const Reply& given, const ToolMap& tools) {
  const auto decoded = decode_reply(given, tools, {}, 1);
  for (const auto& call : decoded.reply.tool_calls) {
    demand(is_valid_utf8(call.name) && is_valid_utf8(call.arguments));
    demand(json::parse(call.arguments).is_object());  // throws where it is no JSON
  }
  if (decoded.call.tool) {
    // What runs is what the log has, and needs no repair any more.
    const auto again = decode_call(decoded.reply.tool_calls.front(), tools);
    demand(again.tool == decoded.call.tool);
    demand(json::serialize(again.arguments) == json::serialize(decoded.call.arguments));
    Reply said = decoded.reply;
    said.finish_reason.clear();
    const auto twice = decode_reply(said, tools, {}, 1);
    demand(twice.call.tool == decoded.call.tool);
    demand(twice.reply.tool_calls.front().arguments == decoded.reply.tool_calls.front().arguments);
  } else {
    demand(decoded.reply.tool_calls.empty() || !decoded.call.problem.empty());
  }
  // Replay reads this and nothing else.
  const auto text =
      reply_to_json(given, decoded.repairs.empty() ? nullptr : &decoded.reply, decoded.repairs);
  const auto read = reply_from_json(text);
  demand(read.has_value());
  const auto clean = clean_reply(*read, {}, 1);
  demand(clean.content == decoded.reply.content && clean.thinking == decoded.reply.thinking);
  demand(clean.tool_calls.size() == decoded.reply.tool_calls.size());
  for (std::size_t i = 0; i < clean.tool_calls.size(); ++i) {
    demand(clean.tool_calls[i].name == decoded.reply.tool_calls[i].name);
    demand(clean.tool_calls[i].id == decoded.reply.tool_calls[i].id);
    demand(clean.tool_calls[i].arguments == decoded.reply.tool_calls[i].arguments);
  }
  demand(repairs_from_json(text).size() == decoded.repairs.size());
}

}  // namespace

}  // namespace memgpt

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memgpt;
  static const ToolMap tools = make_tools();
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char* reason : {"", "length"}) {
    check({std::string(text), "", {}, {}, reason}, tools);
    // A name, a line, arguments.
    const auto line = text.find('\n');
    const auto name = text.substr(0, line);
    const auto rest = line == std::string_view::npos ? text : text.substr(line + 1);
    check({"", "", {{"", std::string(name), std::string(rest)}}, {}, reason}, tools);
    for (const auto& [known, tool] : tools)
      check({"", "", {{"", known, std::string(text)}}, {}, reason}, tools);
  }
  // The straight path takes nothing that the strict parser does not.
  const std::string valid = valid_utf8(std::string(text));
  boost::system::error_code error;
  const auto value = json::parse(valid, error);
  const auto object = parse_object(valid);
  // It takes less: 1e999, and a name with two values.
  demand(!object.has_value() || (!error && value.is_object()));
  return 0;
}
