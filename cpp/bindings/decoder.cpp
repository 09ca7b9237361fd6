// The decoder without an agent, for tests and benchmarks; and repairs.
#include "agent/tool_call_decoder.h"
#include "bindings/bindings.h"

namespace memgpt {

namespace {

class SchemaOnly final : public Tool {
 public:
  explicit SchemaOnly(ToolSchema schema) : schema_(std::move(schema)) {}
  [[nodiscard]] const ToolSchema& schema() const override { return schema_; }
  [[nodiscard]] ToolResult run(ToolScope& /*scope*/, const json::object& /*arguments*/) override {
    return {true, "this tool does not run"};
  }

 private:
  ToolSchema schema_;
};

using CallParts = std::tuple<std::string, std::string, std::string>;  // id, name, arguments

class ReplyDecoder {
 public:
  explicit ReplyDecoder(const std::vector<std::pair<std::string, std::string>>& tools) {
    for (const auto& [name, parameters] : tools)
      tools_[name] = std::make_shared<SchemaOnly>(ToolSchema{name, "", parameters, "user"});
  }
  [[nodiscard]] DecodedReply decode(std::string content, std::string thinking,
                                    std::vector<CallParts> calls, std::string finish_reason) const {
    Reply reply{std::move(content), std::move(thinking), {}, {}, std::move(finish_reason)};
    for (auto& [id, name, arguments] : calls)
      reply.tool_calls.push_back({std::move(id), std::move(name), std::move(arguments)});
    return decode_reply(std::move(reply), tools_, {}, 1);
  }

 private:
  ToolMap tools_;
};

}  // namespace

void bind_decoder(py::module_& module) {
  py::class_<Repair>(module, "Repair", "What the decoder did to a model's answer.")
      .def_readonly("kind", &Repair::kind, "One of those that Step.repairs lists.")
      .def_readonly("text", &Repair::text, "Where or what, in a few words; no values.")
      .def("__repr__", [](const Repair& repair) {
        return "<Repair " + repair.kind + ": " + repair.text + ">";
      });
  py::class_<DecodedReply>(module, "DecodedReply")
      .def_property_readonly("tool",
                             [](const DecodedReply& decoded) -> std::optional<std::string> {
                               if (!decoded.call.tool) return std::nullopt;
                               return decoded.call.tool->schema().name;
                             })
      .def_property_readonly("arguments",
                             [](const DecodedReply& decoded) {
                               return to_python(decoded.call.arguments, decoded.call.exact);
                             })
      .def_property_readonly(
          "request_heartbeat",
          [](const DecodedReply& decoded) { return decoded.call.request_heartbeat; })
      .def_property_readonly("problem",
                             [](const DecodedReply& decoded) {
                               return decoded.call.problem.empty() ? decoded.problem
                                                                   : decoded.call.problem;
                             })
      .def_property_readonly("content",
                             [](const DecodedReply& decoded) { return decoded.reply.content; })
      .def_property_readonly("thinking",
                             [](const DecodedReply& decoded) { return decoded.reply.thinking; })
      .def_property_readonly("tool_calls",
                             [](const DecodedReply& decoded) {
                               std::vector<CallParts> calls;
                               calls.reserve(decoded.reply.tool_calls.size());
                               for (const auto& call : decoded.reply.tool_calls)
                                 calls.emplace_back(call.id, call.name, call.arguments);
                               return calls;
                             })
      .def_readonly("repairs", &DecodedReply::repairs);
  py::class_<ReplyDecoder>(module, "ReplyDecoder")
      .def(py::init<const std::vector<std::pair<std::string, std::string>>&>(), py::arg("tools"))
      .def("decode", &ReplyDecoder::decode, py::arg("content"), py::arg("thinking"),
           py::arg("calls"), py::arg("finish_reason"));
}

}  // namespace memgpt
