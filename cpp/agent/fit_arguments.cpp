#include "agent/fit_arguments.h"

#include <algorithm>
#include <array>

#include "agent/call_objects.h"
#include "agent/mend_call.h"
#include "agent/near_name.h"
#include "agent/strict_json.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::string_view kThinking = "thinking";
constexpr std::string_view kHeartbeat = "request_heartbeat";
// Digits that a number keeps in every reader.
constexpr std::size_t kExactDigits = 15;
// Of arguments whose names are compared; no tool takes more.
constexpr std::size_t kMostMembers = 256;

// Models write booleans in many ways; anything but a clear yes is a no.
bool is_true(const json::value& value) {
  if (value.is_bool()) return value.get_bool();
  return value.is_string() && (value.get_string() == "true" || value.get_string() == "True");
}

// The injected argument that a name stands for; empty where it is none.
std::string_view injected_name(std::string_view key) {
  constexpr std::array<std::string_view, 7> kThoughts = {
      kThinking,       "thought",         "thoughts", "inner_thoughts",
      "inner_thought", "inner_monologue", "reasoning"};
  constexpr std::array<std::string_view, 2> kBeats = {kHeartbeat, "heartbeat"};
  if (!same_name(key, {kThoughts.begin(), kThoughts.end()}).empty()) return kThinking;
  if (!same_name(key, {kBeats.begin(), kBeats.end()}).empty()) return kHeartbeat;
  return {};
}

class Fitter {
 public:
  Fitter(std::vector<JsonMember> members, const Tool& tool)
      : members_(std::move(members)),
        tool_(tool),
        schema_(tool.arguments()),
        tool_name_(tool.schema().name) {}

  void unwrap() {
    std::vector<JsonMember> beside;
    const JsonMember* inner = nullptr;
    bool named = false;
    for (const auto& member : members_) {
      const bool own = schema_.find(member.key) != nullptr;
      if (!own && (is_arguments_key(member.key) || member.key == tool_name_) &&
          !object_in(member.value).empty() && inner == nullptr) {
        inner = &member;
      } else if (!own && is_name_key(member.key) && string_in(member.value) == tool_name_) {
        named = true;
      } else if (!own && !injected_name(member.key).empty()) {
        beside.push_back(member);
      } else {
        return;
      }
    }
    if (inner == nullptr || (named && inner->key == tool_name_)) return;
    fitted_.repairs.add(repair::kWrappedArguments, "under " + shown_name(inner->key));
    if (inner->value.starts_with('"')) fitted_.repairs.add(repair::kNestedString, "the arguments");
    auto members = mend_json(object_in(inner->value)).members;
    members_ = std::move(members);
    take_beside(beside, false);
  }

  void take_beside(const std::vector<JsonMember>& beside, bool flat) {
    for (const auto& member : beside) {
      const bool own = schema_.find(member.key) != nullptr;
      const bool of_call = is_part_of_call(member);
      // An id or a type beside arguments is the call's own.
      if (of_call && !(flat && own)) continue;
      if (!own && injected_name(member.key).empty()) {
        if (problem_.empty()) problem_ = no_part_of_call(member.key);
        continue;
      }
      if (const auto* inside = member_named(member.key)) {
        if (own && inside->value != member.value)
          problem_ =
              "argument " + shown_name(member.key) + " stands in two places, with two values";
        continue;
      }
      members_.push_back(member);
      fitted_.repairs.add(repair::kMisplacedArgument, shown_name(member.key));
    }
  }

  void name_arguments() {
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const std::string key = members_[i].key;
      if (key == kThinking || key == kHeartbeat || schema_.find(key) != nullptr || schema_.open())
        continue;
      std::string_view meant = same_name(key, missing());
      if (meant.empty()) meant = tool_.argument_meant(key);
      if (meant.empty()) meant = injected_name(key);
      if (meant.empty()) continue;
      if (!has(meant)) {
        members_[i].key = std::string(meant);
      } else if (meant == kThinking) {
        fitted_.thoughts += string_in(members_[i].value) + '\n';
        members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(i--));
      } else {
        continue;
      }
      fitted_.repairs.add(meant == kThinking ? repair::kThoughts : repair::kArgumentName,
                          shown_name(key) + " for " + shown_name(meant));
    }
  }

  void give_types() {
    for (auto& member : members_) {
      const auto* property = schema_.find(member.key);
      if (property == nullptr) continue;
      if (auto value = as_type(member.value, property->types)) {
        fitted_.repairs.add(value->nested ? repair::kNestedString : repair::kArgumentType,
                            shown_name(member.key));
        member.value = std::move(value->text);
      }
    }
  }

  Fitted done() {
    if (!problem_.empty()) {
      fitted_.problem = problem_;
      return std::move(fitted_);
    }
    for (const auto& [key, value] : members_) {
      fitted_.text += fitted_.text.empty() ? '{' : ',';
      append_json_string(fitted_.text, key);
      fitted_.text += ':';
      fitted_.text += value;
    }
    fitted_.text += fitted_.text.empty() ? "{}" : "}";
    auto arguments = parse_object(fitted_.text, &fitted_.problem);
    if (!arguments) return std::move(fitted_);
    fitted_.arguments = std::move(arguments->values);
    fitted_.wide = arguments->wide;
    fitted_.request_heartbeat = take_injected(fitted_.arguments);
    fitted_.problem = schema_.fit(fitted_.arguments);
    return std::move(fitted_);
  }

 private:
  struct Typed {
    std::string text;
    bool nested = false;
  };

  // An object's text, also of one in a string; empty where it is none.
  static std::string object_in(const std::string& value) {
    const auto text = value.starts_with('"') ? string_in(value) : value;
    boost::system::error_code error;
    return text.find('{') != std::string::npos && json::parse(text, error).is_object() && !error &&
                   mend_json(text).problem.empty()
               ? std::string(trimmed_view(text))
               : "";
  }

  [[nodiscard]] const JsonMember* member_named(std::string_view key) const {
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [&](const JsonMember& member) { return member.key == key; });
    return found == members_.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool has(std::string_view key) const { return member_named(key) != nullptr; }

  [[nodiscard]] std::vector<std::string_view> missing() const {
    std::vector<std::string_view> names;
    for (const auto& property : schema_.properties())
      if (!has(property.name)) names.push_back(property.name);
    return names;
  }

  static bool is_exact_number(std::string_view text, bool whole) {
    if (whole && text.find_first_of(".eE") != std::string_view::npos) return false;
    const auto digits =
        std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (text.empty() || text.back() < '0' || text.back() > '9' ||
        static_cast<std::size_t>(digits) > kExactDigits)
      return false;
    boost::system::error_code error;
    const auto value = json::parse(text, error);
    return !error && value.is_number() && !has_infinity(value) &&
           text.find_first_of(" \t\r\n") == std::string_view::npos;
  }

  // Only where the value as it is fits none of the types, and means one thing as one of them.
  static std::optional<Typed> as_type(const std::string& value, std::uint8_t types) {
    const bool takes_text = (types & kStringType) != 0;
    if (value.starts_with('"') && !takes_text) {
      const auto text = string_in(value);
      if ((types & (kIntegerType | kNumberType)) != 0 &&
          is_exact_number(text, (types & kNumberType) == 0))
        return Typed{text};
      if ((types & kBooleanType) != 0) {
        if (text == "true" || text == "True") return Typed{"true"};
        if (text == "false" || text == "False") return Typed{"false"};
      }
      boost::system::error_code error;
      const auto inner = json::parse(text, error);
      if (!error && mend_json(text).problem.empty() &&
          ((inner.is_array() && (types & kArrayType) != 0) ||
           (inner.is_object() && (types & kObjectType) != 0)))
        return Typed{text, true};
      return std::nullopt;
    }
    const bool number = value[0] == '-' || (value[0] >= '0' && value[0] <= '9');
    if (number && takes_text && (types & (kIntegerType | kNumberType)) == 0)
      return Typed{json::serialize(json::string(value))};
    return std::nullopt;
  }

  std::vector<JsonMember> members_;
  const Tool& tool_;
  const ArgumentSchema& schema_;
  std::string_view tool_name_;
  std::string problem_;  // one argument has two values, or what stands beside them is not known
  Fitted fitted_;
};

}  // namespace

bool take_injected(json::object& arguments) {
  const auto* heartbeat = arguments.if_contains(kHeartbeat);
  const bool requested = heartbeat != nullptr && is_true(*heartbeat);
  arguments.erase(kHeartbeat);
  arguments.erase(kThinking);
  return requested;
}

Fitted fit_arguments(std::vector<JsonMember> members, const std::vector<JsonMember>& beside,
                     bool flat, const Tool& tool) {
  if (beside.size() > kMostMembers) {
    Fitted refused;
    refused.problem = "there are too many members beside its arguments";
    return refused;
  }
  const bool many = members.size() > kMostMembers;
  Fitter fitter(std::move(members), tool);
  if (many) {
    fitter.take_beside(beside, flat);
    return fitter.done();
  }
  fitter.unwrap();
  fitter.take_beside(beside, flat);
  fitter.name_arguments();
  fitter.give_types();
  return fitter.done();
}

}  // namespace memgpt
