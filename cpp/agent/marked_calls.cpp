#include "agent/marked_calls.h"

#include <algorithm>

#include "agent/call_objects.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::string_view kCall = "the call in your text is";
constexpr std::string_view kNoMore =
    "other text follows the call, and it is not clear whether the call is meant or shown: make it "
    "alone, as a tool call";
constexpr std::size_t kMostCalls = 16;

std::string closing(std::string_view tag) { return "</" + std::string(tag) + '>'; }

class Reader {
 public:
  Reader(std::string_view text, const ToolMap& tools, bool was_cut)
      : text_(text), tools_(tools), was_cut_(was_cut) {}

  WrittenCalls run(std::size_t at) {
    at_ = at;
    while (found_.problem.empty()) {
      if (!skip_marks()) {
        if (found_.calls.empty())
          fail_read();
        else if (at_ < text_.size())
          found_.problem = kNoMore;
        break;
      }
      const auto before = found_.calls.size();
      if (at_ >= text_.size()) {
        fail_cut();
      } else if (!read() || found_.calls.size() == before) {
        fail_read();
      } else {
        skip_ends();
        if (found_.calls.size() > kMostCalls) found_.problem = "there are too many calls in it";
      }
    }
    if (!found_.problem.empty()) found_.calls.clear();
    return std::move(found_);
  }

 private:
  void fail_read() {
    if (found_.problem.empty())
      found_.problem = std::string(kCall) +
                       " one that cannot be read: it wants a name and "
                       "arguments. Make it as a tool call";
  }
  void fail_cut() {
    found_.problem = std::string(kCall) +
                     " cut off, so nothing was run. Your answer was cut off: send a shorter one";
  }

  // Opening marks in one another; the last one tells the form. False where none is there.
  bool skip_marks() {
    bool any = false;
    at_ = skip_blanks(text_, at_);
    while (const auto mark = mark_at(text_, at_)) {
      if (mark->form == MarkForm::other) break;
      form_ = mark->form;
      at_ = skip_blanks(text_, mark->end);
      any = true;
    }
    return any;
  }

  void skip_ends() {
    for (auto before = text_.size() + 1; at_ != before;) {
      before = at_;
      at_ = skip_closes(text_, at_);
      while (at_ < text_.size() &&
             std::string_view("}],;").find(text_[at_]) != std::string_view::npos)
        ++at_;
      static_cast<void>(at_ < text_.size() && !mark_at(text_, at_) && skip_text(text_, at_, "```"));
    }
  }

  void add(WrittenCall call, const Repairs& repairs) {
    call.repairs.add(repair::kCallInText, "behind a mark");
    call.repairs.add(repairs);
    found_.calls.push_back(std::move(call));
  }

  bool read() {
    switch (form_) {
      case MarkForm::function: return read_function();
      case MarkForm::invoke: return read_invoke();
      case MarkForm::deepseek: return read_deepseek();
      case MarkForm::code: return read_code();
      case MarkForm::qwen: return read_qwen();
      default: return read_body();
    }
  }

  // An object with name and arguments, or a list of such.
  bool read_objects() {
    const auto json = read_call_json(text_, at_, tools_, was_cut_, found_.problem);
    if (!json) return false;
    at_ = json->end;
    const auto add_all = [&](const std::vector<JsonMember>& members) {
      auto calls = calls_in(members, tools_);
      for (auto& call : calls) add(std::move(call), json->repairs);
      return !calls.empty();
    };
    if (json->object) return add_all(json->members);
    return std::all_of(json->members.begin(), json->members.end(), [&](const JsonMember& item) {
      return item.value.starts_with('{') && add_all(mend_json(item.value).members);
    });
  }

  bool read_arguments(WrittenCall call) {
    at_ = skip_blanks(text_, at_);
    if (at_ >= text_.size()) {
      fail_cut();
      return false;
    }
    if (text_[at_] != '{') return false;
    auto json = read_call_json(text_, at_, tools_, was_cut_, found_.problem);
    if (!json) return false;
    at_ = json->end;
    call.arguments = std::move(json->text);
    add(std::move(call), json->repairs);
    return true;
  }

  bool read_body() {
    if (text_[at_] == '[') {
      const auto inner = skip_blanks(text_, at_ + 1);
      if (inner < text_.size() && text_[inner] == '{') return read_objects();
      ++at_;
      return read_python("]");
    }
    if (text_[at_] == '{') return read_objects();
    WrittenCall call;
    const bool quoted = skip_text(text_, at_, "\"");
    call.name = read_name();
    if (call.name.empty() || (quoted && !skip_text(text_, at_, "\""))) return false;
    if (skip_text(text_, at_, "[CALL_ID]")) at_ = name_end(text_, at_);
    static_cast<void>(skip_text(text_, at_, "[ARGS]"));
    at_ = skip_blanks(text_, at_);
    static_cast<void>(skip_text(text_, at_, kKimiArguments));
    if (text_.substr(at_).starts_with('(')) {
      if (!read_python_call(text_, at_, call)) return false;
      add(std::move(call), {});
      return true;
    }
    const auto rest = text_.substr(at_);
    if (rest.starts_with("<arg_key>")) return read_pairs(std::move(call));
    if (tools_.contains(call.name) && rest.starts_with(closing("tool_call"))) {
      call.arguments = "{}";
      add(std::move(call), {});
      return true;
    }
    return read_arguments(std::move(call));
  }

  // Also with a namespace before it and a counter behind it.
  std::string read_name() {
    const auto begin = at_;
    for (auto end = begin + 1; at_ != end;) {
      end = at_;
      at_ = name_end(text_, at_);
      if (at_ > begin && at_ + 1 < text_.size() && (text_[at_] == ':' || text_[at_] == '/') &&
          name_end(text_, at_ + 1) > at_ + 1)
        ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  // Calls in the form of Python until `close` stands there.
  bool read_python(std::string_view close) {
    for (;;) {
      at_ = skip_blanks(text_, at_);
      if (skip_text(text_, at_, close)) return true;
      const bool print = skip_text(text_, at_, "print(");
      WrittenCall call;
      call.name = read_name();
      if (!read_python_call(text_, at_, call) || (print && !skip_text(text_, at_, ")")))
        return false;
      add(std::move(call), {});
      at_ = skip_blanks(text_, at_);
      static_cast<void>(skip_text(text_, at_, ","));
      if (at_ >= text_.size() || found_.calls.size() > kMostCalls) return !was_cut_;
    }
  }

  bool read_code() { return read_python("```"); }

  bool read_function() {
    WrittenCall call;
    call.name = read_name();
    if (call.name.empty()) return false;
    const bool closed = skip_text(text_, at_, ">");
    at_ = skip_blanks(text_, at_);
    const auto rest = text_.substr(at_);
    if (closed && (rest.starts_with("<parameter=") || rest.starts_with(closing("function"))))
      return read_parameters(std::move(call), "<parameter=", ">", "function", true);
    return read_arguments(std::move(call));
  }

  bool read_invoke() {
    WrittenCall call;
    call.name = read_name();
    if (call.name.empty() || !skip_text(text_, at_, "\">")) return false;
    return read_parameters(std::move(call), "<parameter name=\"", "\">", "invoke", false);
  }

  bool skip_tag(std::string_view tag) {
    if (skip_text(text_, at_, tag)) return true;
    const std::size_t slash = tag.starts_with("</") ? 2 : 1;
    return skip_text(
        text_, at_,
        std::string(tag.substr(0, slash)) + std::string(kPrefix) + std::string(tag.substr(slash)));
  }

  // A value ends at the first closing tag, and what belongs behind a value must follow: a tag
  // inside of a value is never taken for its end. Texts, which get their types by the schema.
  bool read_parameters(WrittenCall call, std::string_view open, std::string_view behind_name,
                       std::string_view around, bool lines) {
    std::string arguments;
    at_ = skip_blanks(text_, at_);
    while (!skip_tag(closing(around))) {
      if (!skip_tag(open)) return fail_value(call.name, at_ >= text_.size());
      const auto begin = at_;
      at_ = name_end(text_, at_);
      const auto name = text_.substr(begin, at_ - begin);
      if (name.empty() || !skip_text(text_, at_, behind_name)) return false;
      auto value = value_until("parameter");
      if (!value || value->find("<parameter") != std::string_view::npos)
        return fail_value(name, !value);
      if (lines && value->size() > 1 && value->starts_with('\n') && value->ends_with('\n')) {
        value->remove_prefix(1);
        value->remove_suffix(1);
      }
      append(arguments, name, *value);
      at_ = skip_blanks(text_, at_);
    }
    call.arguments = arguments.empty() ? "{}" : arguments + '}';
    add(std::move(call), {});
    return true;
  }

  static void append(std::string& arguments, std::string_view name, std::string_view value) {
    arguments += arguments.empty() ? '{' : ',';
    append_json_string(arguments, name);
    arguments += ':';
    append_json_string(arguments, value);
  }

  bool fail_value(std::string_view name, bool cut) {
    found_.problem = cut ? std::string(kCall) + " cut off inside of " + shown_name(name) +
                               ", so nothing was run. Send a shorter one"
                         : std::string(kCall) +
                               " not clear: behind a value a tag must follow, or " +
                               "a value holds a tag itself. Make it as a tool call, with "
                               "arguments as JSON";
    return false;
  }

  // Up to the closing tag, and `at_` behind it; nothing where it does not come.
  std::optional<std::string_view> value_until(std::string_view tag) {
    const auto begin = at_;
    auto close = closing(tag);
    auto end = text_.find(close, at_);
    const auto prefixed = "</" + std::string(kPrefix) + std::string(tag) + '>';
    if (const auto other = text_.find(prefixed, at_); other < end) {
      end = other;
      close = prefixed;
    }
    if (end == std::string_view::npos) return std::nullopt;
    at_ = end + close.size();
    return text_.substr(begin, end - begin);
  }

  // <arg_key>name</arg_key><arg_value>value</arg_value>
  bool read_pairs(WrittenCall call) {
    std::string arguments;
    while (skip_text(text_, at_, "<arg_key>")) {
      const auto name = value_until("arg_key");
      if (!name || name_end(*name, 0) != name->size()) return false;
      at_ = skip_blanks(text_, at_);
      if (!skip_text(text_, at_, "<arg_value>")) return fail_value(*name, at_ >= text_.size());
      const auto value = value_until("arg_value");
      if (!value || value->find("<arg_") != std::string_view::npos)
        return fail_value(*name, !value);
      append(arguments, *name, *value);
      at_ = skip_blanks(text_, at_);
    }
    if (!text_.substr(at_).starts_with(closing("tool_call")))
      return fail_value(call.name, at_ >= text_.size());
    call.arguments = arguments + '}';
    add(std::move(call), {});
    return true;
  }

  // name, separator, arguments; or "function", separator, name, a line, arguments in a fence.
  bool read_deepseek() {
    WrittenCall call;
    call.name = read_name();
    if (call.name.empty() || !skip_text(text_, at_, kDeepseekSeparator)) return false;
    at_ = skip_blanks(text_, at_);
    if (at_ < text_.size() && text_[at_] != '{' && call.name == "function") {
      call.name = read_name();
      at_ = skip_blanks(text_, at_);
      if (skip_text(text_, at_, "```")) static_cast<void>(skip_text(text_, at_, "json"));
    }
    return !call.name.empty() && read_arguments(std::move(call));
  }

  bool read_qwen() {
    const auto skip_colon = [&] {
      at_ = skip_blanks(text_, at_);
      static_cast<void>(skip_text(text_, at_, ":"));
      at_ = skip_blanks(text_, at_);
    };
    skip_colon();
    WrittenCall call;
    call.name = read_name();
    at_ = skip_blanks(text_, at_);
    if (call.name.empty() || !skip_text(text_, at_, kQwenArguments)) return false;
    skip_colon();
    return read_arguments(std::move(call));
  }

  std::string_view text_;
  const ToolMap& tools_;
  bool was_cut_;
  std::size_t at_ = 0;
  MarkForm form_ = MarkForm::body;
  WrittenCalls found_;
};

}  // namespace

WrittenCalls read_marked_calls(std::string_view text, const Mark& mark, const ToolMap& tools,
                               bool was_cut) {
  return Reader(text, tools, was_cut).run(mark.begin);
}

std::optional<MendedJson> read_call_json(std::string_view text, std::size_t at,
                                         const ToolMap& tools, bool was_cut, std::string& problem) {
  const auto is_wrapper = [&](const std::string& key) {
    return key == "[]" || is_arguments_key(key) || holds_calls(key) || tools.contains(key);
  };
  auto json = mend_json(text, at);
  const bool whole = std::all_of(json.unclosed.begin(), json.unclosed.end(), is_wrapper);
  if (json.problem.empty() && (!whole || (was_cut && json.repairs.has(repair::kMissingClose)))) {
    json.problem = "it is cut off inside of a value";
    json.problem_at = json.end;
    json.cut = true;
  }
  if (json.problem.empty() && json.open_at_end) {
    // What is around the arguments may be closed anywhere: the call is the same.
    auto members = json.members;
    while (!members.empty() && is_wrapper(members.back().key.empty() ? "[]" : members.back().key) &&
           (members.back().value.starts_with('{') || members.back().value.starts_with('[')))
      members = mend_json(members.back().value).members;
    if (may_nest_otherwise(members)) {
      json.problem = "a closing brace is missing, and it is not clear where";
      json.problem_at = json.end;
    }
  }
  if (json.problem.empty()) return json;
  problem = broken_text(kCall, text, json);
  return std::nullopt;
}

}  // namespace memgpt
