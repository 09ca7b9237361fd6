#include "server/wire_message.h"

#include <algorithm>

#include "memory/text.h"
#include "server/arguments_text.h"
#include "server/call.h"
#include "server/refusal.h"
#include "server/wire.h"

namespace memgpt {

namespace {

void field(std::string& out, std::string_view name, std::string_view text) {
  out += ", \"";
  out += name;
  out += "\": ";
  append_json_string(out, text);
}

std::string head_text(const PieceHead& head, std::string_view type) {
  std::string out = "{\"id\": ";
  append_json_string(out, head.id);
  out += ", \"date\": \"" + wire_time(head.time_us) + '"';
  field(out, "message_type", type);
  const auto& words = head.place.words;
  field(out, "otid", words.otid.empty() ? part_id(head.id, head.part) : words.otid);
  if (words.sender_id.empty())
    out += ", \"sender_id\": null";
  else
    field(out, "sender_id", words.sender_id);
  out += ", \"is_err\": null, \"seq_id\": null, \"step_id\": ";
  out += head.place.step.seq > 0 ? '"' + step_id(head.place.step) + '"' : "null";
  out += ", \"run_id\": ";
  out += head.place.input.seq > 0 ? '"' + run_id(head.place.input) + '"' : "null";
  return out;
}

void append_call(std::string& out, std::string_view name, std::string_view arguments,
                 std::string_view call_id) {
  out += "{\"name\": ";
  if (name.empty())
    out += "null";
  else
    append_json_string(out, name);
  field(out, "arguments", arguments);
  field(out, "tool_call_id", call_id);
  out += '}';
}

// Of ToolResult::printed.
std::string printed_fields(std::string_view printed) {
  if (printed.empty()) return ", \"stdout\": null, \"stderr\": null";
  const auto lists = object_of(printed);
  std::string out;
  for (const char* name : {"stdout", "stderr"}) {
    const auto* list = lists.if_contains(name);
    out += std::string(", \"") + name +
           "\": " + (list != nullptr && list->is_array() ? json::serialize(*list) : "null");
  }
  return out;
}

// The call's arguments without the thoughts, which stand in a part of their own.
struct Arguments {
  std::string text;
  std::string thinking;
  bool thinks_first = true;            // the thoughts stand before anything else
  std::optional<json::object> object;  // none: they are no JSON
};

Arguments arguments_of(const ToolCall& call) {
  Arguments arguments{call.arguments, "", true, std::nullopt};
  boost::system::error_code failed;
  auto value = parse_deep(call.arguments, failed);
  if (failed || !value.is_object()) return arguments;
  auto& object = value.get_object();
  if (const auto* thinking = object.if_contains("thinking"); thinking != nullptr)
    if (thinking->is_string()) arguments.thinking = thinking->get_string();
  ArgumentsText without_thoughts;
  arguments.text = without_thoughts.add(call.arguments);
  arguments.thinks_first = without_thoughts.thinks_first();
  arguments.object = std::move(object);
  return arguments;
}

class Splitter {
 public:
  Splitter(const Message& message, const MessagePlace& place, const MessageForm& form,
           const OnPart& on_part)
      : message_(message), place_(place), form_(form), on_part_(on_part) {}

  void run() {
    switch (message_.role) {
      case Role::assistant: return assistant();
      case Role::tool: return tool_return();
      case Role::system:
        // What the kernel says travels in the user's role.
        if (message_.type != "system_message") return packed();
        return plain("system_message", message_.text);
      case Role::user:
        if (message_.type != "user_message") return packed();
        return plain("user_message", message_.text);
    }
  }

 private:
  // Of the next part.
  [[nodiscard]] PieceHead head() { return {message_.id, next_++, message_.time_us, place_}; }

  void give(std::string_view type, std::string&& part) {
    if (form_.wants(type)) on_part_(type, std::move(part));
  }

  void plain(std::string_view type, std::string_view text) {
    auto out = head_text(head(), type);
    name(out, message_.name);
    field(out, "content", text);
    give(type, out + '}');
  }

  void packed() { plain("user_message", render_content(message_)); }

  static void name(std::string& out, std::string_view given) {
    out += ", \"name\": ";
    if (given.empty())
      out += "null";
    else
      append_json_string(out, given);
  }

  void assistant() {
    if (!is_blank(message_.thinking)) reasoning(message_.thinking, true);
    if (message_.tool_calls.empty() && !message_.text.empty())  // an agent without send_message
      return give("assistant_message", assistant_piece(head(), message_.text));
    // What nobody saw is a thought.
    if (!is_blank(message_.content)) reasoning(message_.content, false);
    for (const auto& call : message_.tool_calls) this->call(call);
  }

  void reasoning(std::string_view text, bool natively) {
    give("reasoning_message", reasoning_piece(head(), text, natively));
  }

  // In the order in which the model wrote them, which is that of a stream.
  void call(const ToolCall& call) {
    const auto arguments = arguments_of(call);
    const bool thinks = !is_blank(arguments.thinking);
    if (thinks && arguments.thinks_first) reasoning(arguments.thinking, false);
    done(call, arguments);
    if (thinks && !arguments.thinks_first) reasoning(arguments.thinking, false);
  }

  // Text is what send_message said: none where a rule or the arguments kept it from that, and of
  // several calls only the first one is run.
  [[nodiscard]] bool was_refused(const ToolCall& call) const {
    return call.name == "send_message" &&
           (message_.text.empty() || &call != &message_.tool_calls.front());
  }

  void done(const ToolCall& call, const Arguments& arguments) {
    if (form_.use_assistant_message && call.name == form_.tool_name && arguments.object &&
        !was_refused(call)) {
      const auto* said = arguments.object->if_contains(form_.tool_argument);
      if (said != nullptr && said->is_string())
        return give("assistant_message", assistant_piece(head(), said->get_string()));
    }
    give("tool_call_message", call_message(head(), {call.id, call.name, arguments.text}));
  }

  void tool_return() {
    auto out = head_text(head(), "tool_return_message");
    const std::string_view status = message_.failed ? "error" : "success";
    name(out, message_.name);
    field(out, "tool_return", message_.text);
    field(out, "status", status);
    field(out, "tool_call_id", message_.tool_call_id);
    const auto printed = printed_fields(message_.printed);
    out += printed + ", \"tool_returns\": [{\"type\": \"tool\"";
    field(out, "tool_call_id", message_.tool_call_id);
    field(out, "status", status);
    field(out, "tool_return", message_.text);
    out += printed + "}]}";
    give("tool_return_message", std::move(out));
  }

  const Message& message_;
  const MessagePlace& place_;
  const MessageForm& form_;
  const OnPart& on_part_;
  int next_ = 0;
};

}  // namespace

bool MessageForm::wants(std::string_view type) const {
  return types.empty() || std::find(types.begin(), types.end(), type) != types.end();
}

MessageForm message_form(const json::object& body) {
  MessageForm form;
  form.use_assistant_message = body::flag(body, "use_assistant_message").value_or(true);
  form.tool_name = body::text(body, "assistant_message_tool_name").value_or(form.tool_name);
  form.tool_argument =
      body::text(body, "assistant_message_tool_kwarg").value_or(form.tool_argument);
  form.types =
      body::texts(body, "include_return_message_types").value_or(std::vector<std::string>());
  return form;
}

std::string part_id(std::string_view message_id, int part) {
  constexpr std::string_view kPrefix = "message-";
  constexpr std::string_view kHex = "0123456789abcdef";
  if (message_id.starts_with(kPrefix)) message_id.remove_prefix(kPrefix.size());
  std::string id(message_id);
  if (id.size() < 2) return id + '-' + std::to_string(part);
  const auto upper = kHex.find(id[id.size() - 2]);
  id[id.size() - 2] = kHex[(upper == std::string::npos ? 0 : upper & 8) | ((part >> 4) & 7)];
  id[id.size() - 1] = kHex[part & 15];
  return id;
}

void split_message(const Message& message, const MessagePlace& place, const MessageForm& form,
                   const OnPart& on_part) {
  Splitter(message, place, form, on_part).run();
}

int said_part(const Message& message, const MessageForm& form) {
  MessageForm all = form;
  all.types.clear();
  int number = 0;
  std::optional<int> said;
  split_message(message, {}, all, [&](std::string_view type, std::string&&) {
    if (!said && type != "reasoning_message") said = number;
    ++number;
  });
  return said.value_or(0);
}

std::string reasoning_piece(const PieceHead& head, std::string_view text, bool natively) {
  auto out = head_text(head, "reasoning_message");
  field(out, "source", natively ? "reasoner_model" : "non_reasoner_model");
  field(out, "reasoning", text);
  return out + ", \"signature\": null, \"name\": null}";
}

std::string assistant_piece(const PieceHead& head, std::string_view text) {
  auto out = head_text(head, "assistant_message");
  field(out, "content", text);
  return out + ", \"name\": null}";
}

namespace {

std::string call_text(const PieceHead& head, const std::string& call, bool whole) {
  return head_text(head, "tool_call_message") + ", \"name\": null, \"tool_call\": " + call +
         ", \"tool_calls\": " + (whole ? '[' + call + ']' : call) + '}';
}

}  // namespace

std::string call_message(const PieceHead& head, const ToolCall& call) {
  std::string text;
  append_call(text, call.name, call.arguments, call.id);
  return call_text(head, text, true);
}

// One object in both places: a list is of whole calls.
std::string call_piece(const PieceHead& head, std::string_view name, std::string_view arguments,
                       std::string_view call_id) {
  std::string text;
  append_call(text, name, arguments, call_id);
  return call_text(head, text, false);
}

}  // namespace memgpt
