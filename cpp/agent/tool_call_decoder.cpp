#include "agent/tool_call_decoder.h"

#include <algorithm>
#include <optional>
#include <set>

#include "agent/call_text.h"
#include "agent/fit_arguments.h"
#include "agent/harmony.h"
#include "agent/mend_call.h"
#include "agent/reply_text.h"
#include "agent/strict_json.h"
#include "memory/text.h"

namespace memgpt {

namespace {

constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestId = 40;
constexpr std::string_view kCutText =
    "Your last reply was cut off because it was too long, so nobody saw it. Send a shorter one.";
constexpr std::string_view kFiltered =
    "Your last reply was cut off by a content filter, so nobody saw it. Send another one.";

void make_valid(Reply& reply) {
  reply.content = valid_utf8(std::move(reply.content));
  reply.thinking = valid_utf8(std::move(reply.thinking));
  for (auto& call : reply.tool_calls) {
    call.id = valid_utf8(std::move(call.id));
    call.name = valid_utf8(std::move(call.name));
    call.arguments = valid_utf8(std::move(call.arguments));
  }
}

// Not a copy of what may be anything: the kernel's own texts hold no pieces of what was said.
std::string sendable_name(std::string name) {
  const bool fine = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  return fine && !name.empty() && name.size() <= kLongestName ? std::move(name) : "unnamed";
}

// OpenAI refuses a request whose history has a call by a name that no tool can have, or with a
// longer id: an agent whose model once wrote one could never speak again.
void make_sendable(Reply& reply, Repairs& repairs) {
  for (auto& call : reply.tool_calls) {
    if (auto name = sendable_name(call.name); name != call.name) {
      call.name = std::move(name);
      repairs.add(repair::kUnsendable, "a name that no tool can have");
    }
    if (call.id.size() > kLongestId) {
      call.id.clear();  // it gets another one
      repairs.add(repair::kUnsendable, "an id of over " + std::to_string(kLongestId) + " bytes");
    }
  }
}

// The argument of send_message that is said, where nothing else is wanted; empty: none.
std::string_view spoken_argument(const ToolMap& tools) {
  const auto found = tools.find("send_message");
  if (found == tools.end()) return {};
  std::string_view only;
  for (const auto& property : found->second->arguments().properties()) {
    if (!property.required) continue;
    if (!only.empty() || (property.types & kStringType) == 0) return {};
    only = property.name;
  }
  return only;
}

class Decoder {
 public:
  Decoder(Reply reply, const ToolMap& tools) : tools_(tools) {
    done_.reply = std::move(reply);
    const auto& reason = done_.reply.finish_reason;
    was_cut_ = reason == "length" || reason == "content_filter";
  }

  DecodedReply run(const Window& window, std::int64_t position) {
    Reply& reply = done_.reply;
    make_valid(reply);
    move_thoughts(reply, repairs_);
    if (reply.tool_calls.empty()) channels_ = read_harmony(reply.content, was_cut_);
    if (!channels_) strip_special_tokens(reply.content, repairs_, true);
    if (reply.tool_calls.empty())
      from_text();
    else
      first_call();
    make_sendable(reply, repairs_);
    done_.repairs = repairs_.list();
    done_.reply = clean_reply(std::move(reply), window, position, done_.call.tool ? 1 : 0);
    return std::move(done_);
  }

 private:
  void first_call() {
    ToolCall& call = done_.reply.tool_calls.front();
    done_.call = decode_call(call, tools_);
    if (done_.call.tool) return;
    auto mended = mend_call({call.name, call.arguments, {}, {}, ""}, tools_, was_cut_);
    if (!mended.decoded.tool) {
      if (was_cut_) mended.decoded.problem += ". The answer was cut off: send a shorter one";
      done_.call = std::move(mended.decoded);
      return;
    }
    call.name = mended.name;
    call.arguments = mended.arguments;
    take(std::move(mended));
  }

  void take(MendedCall mended) {
    repairs_.add(mended.repairs);
    add_thinking(done_.reply, mended.thoughts);
    done_.call = std::move(mended.decoded);
  }

  void from_text() {
    Reply& reply = done_.reply;
    if (is_blank(reply.content) || tools_.empty()) return;
    auto written = channels_ ? *std::move(channels_) : WrittenCalls{};
    if (!written.thoughts.empty()) repairs_.add(repair::kThoughts, "from the content");
    add_thinking(reply, written.thoughts);
    if (channels_ && written.problem.empty()) {
      reply.content = written.around;
      repairs_.add(repair::kSpecialToken, "of channels");
    }
    if (written.calls.empty() && written.problem.empty()) {
      written = read_calls(reply.content, tools_, was_cut_);
      if (!written.thoughts.empty()) repairs_.add(repair::kThoughts, "from the content");
      add_thinking(reply, written.thoughts);
    }
    if (!written.calls.empty()) {
      take_first(written);
    } else if (!written.problem.empty()) {
      done_.problem = "Your last reply called no tool: " + written.problem + '.';
    } else if (is_blank(reply.content)) {
      return;
    } else if (const auto argument = spoken_argument(tools_); argument.empty()) {
      return;
    } else if (was_cut_) {
      done_.problem = reply.finish_reason == "length" ? kCutText : kFiltered;
    } else {
      json::object arguments;
      arguments[argument] = reply.content;
      done_.call = {tools_.find("send_message")->second, arguments, "", false, ""};
      reply.tool_calls.push_back({"", "send_message", json::serialize(arguments)});
      reply.content.clear();
      repairs_.add(repair::kPlainText, "became send_message");
    }
  }

  // The first one is run or says why not: another one may depend on it. Others that could be run
  // stay in the log and are answered with "Not run"; one that says the same again is left out.
  void take_first(const WrittenCalls& written) {
    std::vector<ToolCall> calls;
    for (const auto& one : written.calls) {
      auto mended = mend_call(one, tools_, was_cut_);
      if (!mended.decoded.tool) {
        if (!calls.empty()) continue;
        done_.problem = "Your last reply called no tool: the call in its text cannot be run. " +
                        mended.decoded.problem + '.';
        return;
      }
      const bool again = std::any_of(calls.begin(), calls.end(), [&](const ToolCall& call) {
        return call.name == mended.name && call.arguments == mended.arguments;
      });
      if (!again) calls.push_back({"", mended.name, mended.arguments});
      if (calls.size() == 1 && !again) take(std::move(mended));
    }
    if (written.calls.size() > 1)
      repairs_.add(repair::kExtraCall, "one of " + std::to_string(written.calls.size()) + " calls");
    done_.reply.tool_calls = std::move(calls);
    done_.reply.content = written.around;
  }

  const ToolMap& tools_;
  bool was_cut_ = false;
  std::optional<WrittenCalls> channels_;  // of gpt-oss
  Repairs repairs_;
  DecodedReply done_;
};

}  // namespace

Reply clean_reply(Reply reply, const Window& window, std::int64_t position, std::size_t sound) {
  // Some servers number the calls of each reply from 0.
  std::set<std::string> own;
  const auto taken = [&](const std::string& id) {
    return own.contains(id) || std::any_of(window.begin(), window.end(), [&](const auto& item) {
             const auto& calls = item->message->tool_calls;
             return std::any_of(calls.begin(), calls.end(),
                                [&](const ToolCall& call) { return call.id == id; });
           });
  };
  // By place and not at random: ids are tokens, and the same conversation shall cost the same.
  int number = 0;
  const auto new_id = [&] {
    std::string id = "call-" + std::to_string(position);
    while (taken(id)) id = "call-" + std::to_string(position) + '-' + std::to_string(++number);
    return id;
  };
  make_valid(reply);
  for (auto& call : reply.tool_calls) {
    if (call.id.empty() || taken(call.id)) call.id = new_id();
    own.insert(call.id);
    if (is_blank(call.arguments)) call.arguments = "{}";
    if (sound > 0) {
      --sound;
      continue;
    }
    boost::system::error_code error;
    const auto value = json::parse(call.arguments, error);
    if (error || !value.is_object())
      call.arguments = json::serialize(json::object{{"invalid_json", call.arguments}});
  }
  return reply;
}

DecodedCall decode_call(const ToolCall& call, const ToolMap& tools) {
  DecodedCall decoded;
  const auto found = tools.find(call.name);
  if (found == tools.end()) {
    decoded.problem = "there is no such tool";
    return decoded;
  }
  auto arguments = parse_object(is_blank(call.arguments) ? "{}" : std::string_view(call.arguments),
                                &decoded.problem);
  if (!arguments) return decoded;
  if (arguments->wide) decoded.exact = call.arguments;
  decoded.arguments = std::move(arguments->values);
  decoded.request_heartbeat = take_injected(decoded.arguments);
  decoded.problem = found->second->arguments().fit(decoded.arguments);
  if (decoded.problem.empty()) decoded.tool = found->second;
  return decoded;
}

DecodedReply decode_reply(Reply reply, const ToolMap& tools, const Window& window,
                          std::int64_t position) {
  return Decoder(std::move(reply), tools).run(window, position);
}

}  // namespace memgpt
