// What the decoder did to a model's answer; kept with the step.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

// The text names places, names and counts, never a value: what is purged shall not live on in it.
struct Repair {
  std::string kind;
  std::string text;
};

// The kinds. The docstring of Step.repairs has them too, in bindings/history.cpp.
namespace repair {

// In the JSON text.
inline constexpr std::string_view kSurroundingText = "surrounding_text";  // left out
inline constexpr std::string_view kCodeFence = "code_fence";              // ``` left out
inline constexpr std::string_view kQuotes = "quotes";                     // single or curly ones
inline constexpr std::string_view kUnquotedKey = "unquoted_key";          // {message: "hi"}
inline constexpr std::string_view kPythonLiteral = "python_literal";      // True, False, None
inline constexpr std::string_view kRawControl = "raw_control";        // a raw newline in a string
inline constexpr std::string_view kEscape = "escape";                 // \' or \x41
inline constexpr std::string_view kComment = "comment";               // left out
inline constexpr std::string_view kTrailingComma = "trailing_comma";  // [1, 2,]
inline constexpr std::string_view kMissingComma = "missing_comma";    // {"a": 1 "b": 2}
inline constexpr std::string_view kMissingClose = "missing_close";    // } or ] put in
inline constexpr std::string_view kNestedString = "nested_string";    // JSON in a string
// In the call.
inline constexpr std::string_view kToolName = "tool_name";                  // in another form
inline constexpr std::string_view kArgumentName = "argument_name";          // in another form
inline constexpr std::string_view kArgumentType = "argument_type";          // "5" for 5, 5 for "5"
inline constexpr std::string_view kWrappedArguments = "wrapped_arguments";  // one object too many
inline constexpr std::string_view kMisplacedArgument = "misplaced_argument";  // beside arguments
inline constexpr std::string_view kExtraCall = "extra_call";  // the first one is run
// In the reply.
inline constexpr std::string_view kCallInText = "call_in_text";  // no structured call
inline constexpr std::string_view kPlainText = "plain_text";     // became send_message
inline constexpr std::string_view kThoughts = "thoughts";        // moved to thinking
inline constexpr std::string_view kUnsendable = "unsendable";  // a name or id that no server takes
inline constexpr std::string_view kSpecialToken = "special_token";  // of the chat template

}  // namespace repair

class Repairs {
 public:
  // Of each kind the first is told and the others are counted.
  void add(std::string_view kind, std::string text) {
    const auto found = std::find_if(list_.begin(), list_.end(),
                                    [&](const Counted& one) { return one.repair.kind == kind; });
    if (found == list_.end())
      list_.push_back({{std::string(kind), std::move(text)}, 0});
    else
      ++found->more;
  }
  void add(const Repairs& others) {
    for (const auto& one : others.list_) {
      add(one.repair.kind, one.repair.text);
      for (auto& mine : list_)
        if (mine.repair.kind == one.repair.kind) mine.more += one.more;
    }
  }
  [[nodiscard]] bool has(std::string_view kind) const {
    return std::any_of(list_.begin(), list_.end(),
                       [&](const Counted& one) { return one.repair.kind == kind; });
  }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  [[nodiscard]] std::vector<Repair> list() const {
    std::vector<Repair> told;
    told.reserve(list_.size());
    for (const auto& [repair, more] : list_)
      told.push_back({repair.kind, more == 0
                                       ? repair.text
                                       : repair.text + " and " + std::to_string(more) + " more"});
    return told;
  }

 private:
  struct Counted {
    Repair repair;
    int more = 0;
  };
  std::vector<Counted> list_;
};

}  // namespace memgpt
