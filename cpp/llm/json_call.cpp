#include "llm/json_call.h"

#include <simdjson.h>

namespace memgpt {

void read_json_call(Reply& reply) {
  if (!reply.tool_calls.empty()) return;
  namespace ondemand = simdjson::ondemand;
  try {
    const simdjson::padded_string text(reply.content);
    ondemand::parser parser;
    ondemand::document document = parser.iterate(text);
    ondemand::object call = document.get_object();
    ToolCall read;
    bool has_arguments = false;
    for (auto field : call) {
      const std::string_view key = field.unescaped_key();
      if (key == "name") {
        read.name = std::string(std::string_view(field.value().get_string()));
      } else if (key == "arguments") {
        ondemand::object arguments = field.value().get_object();
        read.arguments = std::string(std::string_view(arguments.raw_json()));
        has_arguments = true;
      } else {
        return;
      }
    }
    // Nothing may follow: two objects in one answer are the decoder's to judge.
    if (!has_arguments || read.name.empty() ||
        document.current_location().error() != simdjson::OUT_OF_BOUNDS)
      return;
    reply.tool_calls.push_back(std::move(read));
    reply.content.clear();
  } catch (const simdjson::simdjson_error&) {
    return;  // no such object: as the model said it
  }
}

void JsonCallStream::add(const Delta& delta) {
  if (delta.kind != Delta::Kind::content) {
    on_delta_(delta);
    return;
  }
  if (in_arguments_) {
    on_delta_({Delta::Kind::tool_call, delta.text, 0, "", name_});
    return;
  }
  head_ += delta.text;
  // The schema's order: {"name": "...", "arguments": {
  const auto arguments = head_.find("\"arguments\"");
  const auto begin = arguments == std::string::npos ? arguments : head_.find('{', arguments);
  if (begin == std::string::npos) return;
  const auto name = head_.find("\"name\"");
  const auto open = name < arguments ? head_.find('"', name + 6) : std::string::npos;
  const auto close = open < arguments ? head_.find('"', open + 1) : std::string::npos;
  if (close >= arguments) return;
  name_ = head_.substr(open + 1, close - open - 1);
  in_arguments_ = true;
  const std::string piece = head_.substr(begin);
  on_delta_({Delta::Kind::tool_call, piece, 0, "", name_});
}

}  // namespace memgpt
