#include "agent/call_text.h"

#include <algorithm>
#include <array>
#include <optional>

#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::string_view kCall = "the call in your text is";
constexpr int kMostTries = 32;  // braces that are looked at
constexpr std::size_t kMostCalls = 16;

constexpr std::array<std::string_view, 9> kOpen = {
    "<tool_call>",  "<|tool_call|>",  "<tool_calls>", "<function_call>",    "<functioncall>",
    "[TOOL_CALLS]", "<|python_tag|>", "<function=",   "<|tool_call_begin|>"};
constexpr std::array<std::string_view, 8> kClose = {
    "</tool_call>",    "<|/tool_call|>", "</tool_calls>",     "</function_call>",
    "</functioncall>", "[/TOOL_CALLS]",  "<|tool_call_end|>", "</function>"};

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

std::size_t name_end(std::string_view text, std::size_t at) {
  while (at < text.size() && is_name_char(text[at])) ++at;
  return at;
}

bool skip_text(std::string_view text, std::size_t& at, std::string_view expected) {
  if (!text.substr(std::min(at, text.size())).starts_with(expected)) return false;
  at += expected.size();
  return true;
}

// Without fences, and without the commas and brackets of a list.
std::string prose_of(std::string_view text) {
  std::string left;
  for (std::size_t at = 0; at < text.size();) {
    if (skip_text(text, at, "```")) {
      while (at < text.size() && text[at] >= 'a' && text[at] <= 'z') ++at;
      continue;
    }
    left += text[at++];
  }
  const bool marks_only = left.find_first_not_of(" \t\r\n[],;}") == std::string::npos;
  return marks_only ? "" : std::string(trimmed_view(left));
}

const JsonMember* member_of(const std::vector<JsonMember>& members, bool (*is)(std::string_view),
                            char first) {
  for (const auto& member : members)
    if (is(member.key) && member.value.starts_with(first)) return &member;
  return nullptr;
}

void set_arguments(WrittenCall& call, const std::string& value) {
  call.arguments = value == "null" ? "{}" : value;
  if (!value.starts_with('"')) return;
  call.arguments = string_in(value);
  call.repairs.add(repair::kNestedString, "the arguments");
}

// Lists of calls, and calls in one more object.
bool holds_calls(std::string_view key) {
  return key == "tool_calls" || key == "tool_call" || key == "function_call" || key == "function" ||
         key == "calls";
}

std::vector<WrittenCall> calls_in(const std::vector<JsonMember>& members, const ToolMap& tools,
                                  int depth = 0) {
  for (const auto& member : members) {
    const bool list = member.value.starts_with('[');
    if (!holds_calls(member.key) || depth > 2 || !(list || member.value.starts_with('{'))) continue;
    auto inner = mend_json(member.value).members;
    if (!list) return calls_in(inner, tools, depth + 1);
    std::vector<WrittenCall> calls;
    for (const auto& item : inner)
      if (item.value.starts_with('{'))
        for (auto& call : calls_in(mend_json(item.value).members, tools, depth + 1))
          calls.push_back(std::move(call));
    return calls;
  }
  WrittenCall call;
  const auto* name = member_of(members, is_name_key, '"');
  const JsonMember* arguments = nullptr;
  for (const char first : {'{', '"', 'n'})
    if (arguments == nullptr) arguments = member_of(members, is_arguments_key, first);
  if (name != nullptr) {
    call.name = string_in(name->value);
    for (const auto& member : members)
      if (&member != name && &member != arguments) call.beside.push_back(member);
    if (arguments != nullptr) {
      set_arguments(call, arguments->value);
      return {std::move(call)};
    }
    // {"name": "send_message", "message": "hi"}
    if (!tools.contains(call.name)) return {};
    call.arguments = "{}";
    return {std::move(call)};
  }
  // {"send_message": {"message": "hi"}}
  for (const auto& member : members) {
    if (!tools.contains(member.key) || !member.value.starts_with('{') || !call.name.empty()) {
      call.beside.push_back(member);
      continue;
    }
    call.name = member.key;
    call.arguments = member.value;
  }
  if (call.name.empty()) return {};
  return {std::move(call)};
}

// True where a brace's text is about a call, though it cannot be read.
bool tries_a_call(std::string_view text, const ToolMap& tools) {
  const auto has_key = [&](std::string_view key) {
    return text.find('"' + std::string(key) + '"') != std::string_view::npos ||
           text.find('\'' + std::string(key) + '\'') != std::string_view::npos;
  };
  const bool named = has_key("name") || has_key("function") || has_key("tool");
  const bool given = has_key("arguments") || has_key("parameters") || has_key("params");
  return (named && given) || std::any_of(tools.begin(), tools.end(),
                                         [&](const auto& tool) { return has_key(tool.first); });
}

class Reader {
 public:
  Reader(std::string_view text, const ToolMap& tools, bool was_cut)
      : text_(text), tools_(tools), was_cut_(was_cut) {}

  WrittenCalls run() {
    if (next_mark(0)) {
      read_marked();
    } else {
      read_objects();
      if (found_.calls.empty() && found_.problem.empty()) read_python();
      if (found_.calls.empty() && found_.problem.empty()) refuse_mere_json();
    }
    if (!found_.problem.empty()) found_.calls.clear();
    return std::move(found_);
  }

 private:
  struct Mark {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::string_view text;
  };

  // The next opening mark that a call, or the end of the text, follows.
  [[nodiscard]] std::optional<Mark> next_mark(std::size_t from) const {
    std::optional<Mark> first;
    for (const auto mark : kOpen) {
      for (auto at = text_.find(mark, from); at != std::string_view::npos;
           at = text_.find(mark, at + 1)) {
        if (first && first->begin <= at) break;
        const auto end = at + mark.size();
        const auto next = skip_blanks(text_, end);
        const bool call = mark == "<function="
                              ? name_end(text_, end) > end
                              : next >= text_.size() || text_[next] == '{' || text_[next] == '[' ||
                                    text_.substr(next).starts_with("<function=") ||
                                    (mark == "[TOOL_CALLS]" && is_name_char(text_[next]));
        if (!call) continue;
        first = Mark{at, end, mark};
        break;
      }
    }
    return first;
  }

  // Nothing where it cannot be read, and that is told.
  std::optional<MendedJson> read_json(std::size_t at) {
    auto json = mend_json(text_, at);
    const bool whole =
        std::all_of(json.unclosed.begin(), json.unclosed.end(), [&](const auto& key) {
          return key == "[]" || is_arguments_key(key) || holds_calls(key) || tools_.contains(key);
        });
    if (json.problem.empty() && (!whole || (was_cut_ && json.repairs.has(repair::kMissingClose)))) {
      json.problem = "it is cut off inside of a value";
      json.problem_at = json.end;
      json.cut = true;
    }
    if (json.problem.empty()) return json;
    found_.problem = broken_text(kCall, text_, json);
    return std::nullopt;
  }

  void add(WrittenCall call, const Repairs& repairs, std::string_view how) {
    if (found_.calls.size() >= kMostCalls) return;
    call.repairs.add(repair::kCallInText, std::string(how));
    call.repairs.add(repairs);
    found_.calls.push_back(std::move(call));
  }

  // An object with name and arguments, or a list of such.
  void add_calls(const MendedJson& json, std::string_view how) {
    if (json.object) {
      for (auto& call : calls_in(json.members, tools_)) add(std::move(call), json.repairs, how);
      return;
    }
    for (const auto& item : json.members)
      if (item.value.starts_with('{'))
        for (auto& call : calls_in(mend_json(item.value).members, tools_))
          add(std::move(call), json.repairs, how);
  }

  void read_marked() {
    std::size_t at = 0;
    while (auto mark = found_.calls.size() < kMostCalls ? next_mark(at) : std::nullopt) {
      found_.around += text_.substr(at, mark->begin - at);
      const auto before = found_.calls.size();
      at = skip_blanks(text_, mark->end);
      if (mark->text != "<function=" && skip_text(text_, at, "<function="))
        mark->text = "<function=";
      const bool read = read_behind(*mark, at);
      if (!read || found_.calls.size() == before) {
        if (found_.problem.empty())
          found_.problem = "behind " + std::string(mark->text) +
                           " there is no call that can be read: it wants a name and arguments";
        return;
      }
      for (bool again = true; again;) {
        again = false;
        for (const auto close : kClose) {
          auto next = skip_blanks(text_, at);
          if (!skip_text(text_, next, close)) continue;
          at = next;
          again = true;
        }
      }
    }
    found_.around += text_.substr(std::min(at, text_.size()));
    found_.around = std::string(trimmed_view(found_.around));
  }

  bool read_behind(const Mark& mark, std::size_t& at) {
    WrittenCall call;
    const auto begin = at;
    at = name_end(text_, at);
    call.name = std::string(text_.substr(begin, at - begin));
    if (mark.text == "<function=" && !skip_text(text_, at, ">")) return false;
    static_cast<void>(skip_text(text_, at, "[ARGS]"));
    at = skip_blanks(text_, at);
    if (at >= text_.size()) {
      found_.problem = std::string(kCall) +
                       " cut off, so nothing was run. Your answer was cut off: send a shorter one";
      return false;
    }
    if (text_.substr(at).starts_with("<parameter=")) return read_parameters(std::move(call), at);
    if (text_[at] != '{' && (text_[at] != '[' || !call.name.empty())) return false;
    auto json = read_json(at);
    if (!json) return false;
    at = json->end;
    if (call.name.empty()) {
      add_calls(*json, mark.text);
    } else {
      call.arguments = json->text;
      add(std::move(call), json->repairs, mark.text);
    }
    return true;
  }

  // <parameter=name>value</parameter>: texts, which get their types by the schema.
  bool read_parameters(WrittenCall call, std::size_t& at) {
    json::object arguments;
    while (skip_text(text_, at, "<parameter=")) {
      const auto begin = at;
      at = name_end(text_, at);
      const auto name = text_.substr(begin, at - begin);
      if (!skip_text(text_, at, ">")) return false;
      const auto end = text_.find("</parameter>", at);
      if (end == std::string_view::npos) {
        found_.problem = std::string(kCall) + " cut off inside of <parameter=" + std::string(name) +
                         ">, so nothing was run. Send a shorter one";
        return false;
      }
      auto value = text_.substr(at, end - at);
      if (value.starts_with('\n')) value.remove_prefix(1);
      if (value.ends_with('\n')) value.remove_suffix(1);
      arguments[name] = value;
      at = skip_blanks(text_, end + std::string_view("</parameter>").size());
    }
    call.arguments = json::serialize(arguments);
    add(std::move(call), {}, "<parameter=");
    return true;
  }

  void read_objects() {
    std::string before;
    std::string after;
    Repairs fences;
    if (text_.find("```") != std::string_view::npos)
      fences.add(repair::kCodeFence, "around the call");
    std::size_t at = 0;
    for (int tries = 0; tries < kMostTries; ++tries) {
      const auto brace = text_.find('{', at);
      if (brace == std::string_view::npos) break;
      std::string& gap = found_.calls.empty() ? before : after;
      if (!begins_object(text_, brace)) {
        gap += text_.substr(at, brace + 1 - at);
        at = brace + 1;
        continue;
      }
      const auto known = found_.calls.size();
      const auto json = read_json(brace);
      if (!json) {
        if (known > 0 || !tries_a_call(text_.substr(brace), tools_)) found_.problem.clear();
        break;
      }
      add_calls(*json, "JSON");
      gap += text_.substr(at, brace - at);
      if (found_.calls.size() == known) gap += text_.substr(brace, json->end - brace);
      at = json->end;
    }
    if (found_.calls.empty()) return;
    after += text_.substr(at);
    before = prose_of(before);
    after = prose_of(after);
    if (!before.empty() && !after.empty()) {
      found_.problem =
          "your text has a call in the middle of other text, and it is not clear whether it is "
          "meant: make the call alone";
      return;
    }
    for (auto& call : found_.calls) {
      call.repairs.add(fences);
      if (!before.empty() || !after.empty())
        call.repairs.add(repair::kSurroundingText, "is kept as content");
    }
    found_.around = before + after;
  }

  // name(argument="text"), also in a list of one, and nothing else.
  void read_python() {
    std::string all = prose_of(text_);
    std::string_view left = all;
    if (left.starts_with('[') && left.ends_with(']'))
      left = trimmed_view(left.substr(1, left.size() - 2));
    WrittenCall call;
    auto at = name_end(left, 0);
    call.name = std::string(left.substr(0, at));
    if (!tools_.contains(call.name) || !skip_text(left, at, "(")) return;
    found_.problem = "\"" + call.name +
                     "(\" begins no call that can be read: make a tool call, with arguments as a "
                     "JSON object";
    Repairs repairs;
    at = skip_blanks(left, at);
    while (at < left.size() && left[at] != ')') {
      const auto begin = at;
      at = name_end(left, at);
      const auto name = left.substr(begin, at - begin);
      at = skip_blanks(left, at);
      if (name.empty() || !skip_text(left, at, "=")) return;
      auto json = mend_json(left, skip_blanks(left, at));
      if (!json.problem.empty() || json.repairs.has(repair::kMissingClose)) return;
      repairs.add(json.repairs);
      call.arguments += call.arguments.empty() ? '{' : ',';
      append_json_string(call.arguments, name);
      call.arguments += ':' + json.text;
      at = skip_blanks(left, json.end);
      if (skip_text(left, at, ",")) at = skip_blanks(left, at);
    }
    if (at + 1 != left.size()) return;
    call.arguments += call.arguments.empty() ? "{}" : "}";
    found_.problem.clear();
    add(std::move(call), repairs, "Python");
  }

  // A whole text of JSON is not said to a person by who says things with a tool.
  void refuse_mere_json() {
    if (!tools_.contains("send_message")) return;
    const std::string all = prose_of(text_);
    const bool list = all.starts_with('[') && mend_json(all).problem.empty();
    if (!list && !begins_object(all, 0)) return;
    found_.problem =
        "your text is JSON, but no call: a call has the name of a tool and its arguments";
  }

  std::string_view text_;
  const ToolMap& tools_;
  bool was_cut_;
  WrittenCalls found_;
};

}  // namespace

WrittenCalls read_calls(std::string_view text, const ToolMap& tools, bool was_cut) {
  return Reader(text, tools, was_cut).run();
}

}  // namespace memgpt
