#include "agent/call_text.h"

#include <algorithm>
#include <optional>

#include "agent/call_marks.h"
#include "agent/call_objects.h"
#include "agent/marked_calls.h"
#include "agent/react.h"
#include "agent/reply_text.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr int kMostTries = 32;           // braces that are looked at
constexpr std::size_t kMostLead = 1000;  // bytes of text before a marked call
constexpr std::string_view kAmongText =
    "your text has a call among other text, and it is not clear whether it is meant or shown, so "
    "it was not run. To run it, make it alone, as a tool call; to show it to a person, put it into "
    "the text of one";

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
    if (auto react = read_react(text_, tools_, was_cut_)) return *std::move(react);
    const auto first = mark_at(text_, behind_fence());
    if (first && first->form != MarkForm::other)
      return read_marked_calls(text_, *first, tools_, was_cut_);
    read_objects();
    if (!found_.calls.empty()) return std::move(found_);
    const auto mark = find_mark(text_);
    if (!mark) {
      if (found_.problem.empty()) read_python();
      if (found_.calls.empty() && found_.problem.empty()) read_named();
      if (found_.calls.empty() && found_.problem.empty()) refuse_mere_json();
      return std::move(found_);
    }
    found_ = {};
    read_python();
    if (found_.calls.empty()) read_named();
    if (found_.calls.empty()) return behind_lead(*mark);
    found_.problem.clear();
    return std::move(found_);
  }

 private:
  [[nodiscard]] std::size_t behind_fence() const {
    auto at = skip_blanks(text_, 0);
    if (mark_at(text_, at) || !skip_text(text_, at, "```")) return at;
    while (at < text_.size() && text_[at] >= 'a' && text_[at] <= 'z') ++at;
    return skip_blanks(text_, at);
  }

  // A marked call as the last thing of a text, on a line of its own, behind whole sentences of
  // which none asks. A text that leads over to it may be about to show it.
  WrittenCalls behind_lead(const Mark& mark) {
    const auto before = text_.substr(0, mark.begin);
    const auto lead = trimmed_view(before);
    const auto line = before.find_last_not_of(" \t");
    const bool clear = mark.form != MarkForm::other && lead.size() <= kMostLead &&
                       line != std::string_view::npos && before[line] == '\n' &&
                       lead.find_first_of("`?") == std::string_view::npos &&
                       (lead.ends_with('.') || lead.ends_with('!'));
    auto calls = clear ? read_marked_calls(text_, mark, tools_, was_cut_) : WrittenCalls{};
    if (!clear) calls.problem = kAmongText;
    if (calls.problem.empty()) calls.around = std::string(lead);
    return calls;
  }

  void add(WrittenCall call, const Repairs& repairs, std::string_view how) {
    call.repairs.add(repair::kCallInText, std::string(how));
    call.repairs.add(repairs);
    found_.calls.push_back(std::move(call));
  }

  // An object with name and arguments, or a list of such.
  void add_calls(const MendedJson& json) {
    auto calls = json.object ? calls_in(json.members, tools_) : calls_in_list(json.members, tools_);
    for (auto& call : calls) add(std::move(call), json.repairs, "JSON");
  }

  // Calls as JSON are run where they are all there is.
  void read_objects() {
    std::string around;
    std::size_t at = 0;
    for (int tries = 0; tries < kMostTries; ++tries) {
      const auto brace = text_.find('{', at);
      if (brace == std::string_view::npos) break;
      if (!begins_object(text_, brace)) {
        around += text_.substr(at, brace + 1 - at);
        at = brace + 1;
        continue;
      }
      const auto known = found_.calls.size();
      const auto json = read_call_json(text_, brace, tools_, was_cut_, found_.problem);
      if (!json) {
        if (known > 0 || !tries_a_call(text_.substr(brace), tools_)) found_.problem.clear();
        break;
      }
      add_calls(*json);
      around += text_.substr(at, brace - at);
      if (found_.calls.size() == known) around += text_.substr(brace, json->end - brace);
      at = json->end;
    }
    if (found_.calls.empty()) return;
    around += text_.substr(at);
    if (!prose_of(around).empty()) {
      found_.calls.clear();
      found_.problem = kAmongText;
      return;
    }
    if (text_.find("```") == std::string_view::npos) return;
    for (auto& call : found_.calls) call.repairs.add(repair::kCodeFence, "around the call");
  }

  // name(argument="text"), also in a list of one, and nothing else.
  void read_python() {
    const std::string all = prose_of(text_);
    std::string_view left = all;
    if (left.starts_with('[') && left.ends_with(']'))
      left = trimmed_view(left.substr(1, left.size() - 2));
    const std::string name(left.substr(0, name_end(left, 0)));
    if (!tools_.contains(name) || !left.substr(name.size()).starts_with('(')) return;
    WrittenCall call;
    std::size_t at = 0;
    if (read_python_call(left, at, call) && at == left.size()) return add(call, {}, "Python");
    found_.problem = "\"" + name +
                     "(\" begins no call that can be read: make a tool call, with arguments as a "
                     "JSON object";
  }

  // A tool's name, a line, and an object: GLM's way, and with >>> Functionary's.
  void read_named() {
    auto at = behind_fence();
    static_cast<void>(skip_text(text_, at, ">>>"));
    auto end = name_end(text_, at);
    WrittenCall call;
    call.name = std::string(text_.substr(at, end - at));
    if (!tools_.contains(call.name)) return;
    end = skip_blanks(text_, end);
    if (!begins_object(text_, end)) return;
    auto json = read_call_json(text_, end, tools_, was_cut_, found_.problem);
    if (!json) return;
    if (!prose_of(text_.substr(json->end)).empty()) {
      found_.problem = kAmongText;
      return;
    }
    call.arguments = std::move(json->text);
    add(std::move(call), json->repairs, "a name and JSON");
  }

  // A whole text of JSON is not said to a person by who says things with a tool.
  void refuse_mere_json() {
    if (!tools_.contains("send_message")) return;
    const std::string all = prose_of(text_);
    const bool list = all.starts_with('[');
    if (!list && !begins_object(all, 0)) return;
    const auto json = mend_json(all);
    const bool read = json.problem.empty();
    const bool more = read && !prose_of(std::string_view(all).substr(json.end)).empty();
    if (more || (list && !read)) return;
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
  std::string plain(text);
  Repairs tokens;
  strip_special_tokens(plain, tokens);
  auto found = Reader(plain, tools, was_cut).run();
  for (auto& call : found.calls) call.repairs.add(tokens);
  return found;
}

}  // namespace memgpt
