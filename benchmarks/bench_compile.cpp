// What it costs to compile and serialise a context: see bench_compile.py, which runs this.
//
//   bench_compile FILE WINDOW HISTORY REQUEST
//
// Makes an agent in FILE whose window of WINDOW tokens is full and whose log holds HISTORY
// messages, opens the file anew, and prints one JSON object; writes the last request to REQUEST.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <new>

#include "agent/agent.h"
#include "agent/home.h"

namespace {

std::size_t allocations = 0;
std::size_t allocated_bytes = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  allocated_bytes += size;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace memgpt;
using Clock = std::chrono::steady_clock;

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

// Words that no earlier text had in this order.
std::string fresh_text(std::size_t words) {
  static std::uint64_t state = 88172645463325252ULL;
  static constexpr const char* kWords[] = {
      "river",  "walked", "the",   "meeting", "about", "Turin",  "yesterday", "because",
      "cannot", "we",     "seven", "garden",  "spoke", "letter", "window",    "again",
      "before", "train",  "and",   "music",   "of",    "a",      "question",  "blue"};
  std::string text;
  for (std::size_t i = 0; i < words; ++i) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    if (i > 0) text += ' ';
    text += kWords[state % std::size(kWords)];
  }
  return text + '.';
}

class Speaker final : public LLMProvider {
 public:
  [[nodiscard]] std::string model() const override { return "bench"; }
  [[nodiscard]] std::string tokenizer() const override { return "o200k_base"; }
  [[nodiscard]] Reply complete(const std::shared_ptr<const Context>&) override {
    Reply reply;
    reply.tool_calls.push_back({"", "send_message",
                                R"({"thinking": "They tell me.", "message": ")" + fresh_text(40) +
                                    R"(", "request_heartbeat": false})"});
    return reply;
  }
};

// Sends until the window is full to 85 % or the log has `history` messages; imports the rest.
void fill(const std::string& path, int window, std::int64_t history) {
  const auto home = Home::open(path, Durability::process, system_environment());
  AgentOptions options;
  options.provider = std::make_shared<Speaker>();
  options.policy = std::make_shared<const RecursiveSummary>();
  options.context_window = window;
  for (const char* label : {"persona", "human"}) {
    Block block;
    block.label = label;
    block.value = fresh_text(40);
    options.blocks.push_back(block);
  }
  const auto agent = home->create_agent("bench", options);
  constexpr int kSentMessages = 990;  // they fill 128k, and 8k many times
  constexpr std::int64_t kImport = 50'000;
  std::int64_t left = history - kSentMessages;
  while (left > 0) {
    std::vector<TranscriptItem> items(static_cast<std::size_t>(std::min(left, kImport)));
    for (auto& item : items) item.text = fresh_text(20);
    static_cast<void>(agent->import_transcript(items));
    left -= static_cast<std::int64_t>(items.size());
  }
  const auto full = [&] {
    const auto context = agent->context();
    return context.tokens() > context.budget.limit() * 85 / 100;
  };
  const auto words = static_cast<std::size_t>(window > 20'000 ? 240 : 60);
  for (int sent = 0; sent < kSentMessages / 3; ++sent)
    static_cast<void>(agent->send({fresh_text(words), Role::user, "", "", std::nullopt}));
  while (!full()) static_cast<void>(agent->send({fresh_text(words), Role::user, "", "", {}}));
}

struct Round {
  double append_us = 0;     // render, count, hash and serialise one message, append it
  double compile_us = 0;    // the context and its digest
  double serialise_us = 0;  // the request's bytes
  double copy_us = 0;       // as many bytes, with memcpy
  std::size_t append_allocations = 0;
  std::size_t compile_allocations = 0;
  std::size_t serialise_allocations = 0;
};

template <typename Value>
double median(std::vector<Round>& rounds, Value Round::* field) {
  std::sort(rounds.begin(), rounds.end(),
            [&](const Round& a, const Round& b) { return a.*field < b.*field; });
  return static_cast<double>(rounds[rounds.size() / 2].*field);
}

void print(const char* name, double value, const char* end = ", ") {
  std::printf("\"%s\": %.2f%s", name, value, end);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::cerr << "usage: bench_compile FILE WINDOW HISTORY REQUEST\n";
    return 2;
  }
  const std::string path = arguments[1];
  const int window = std::atoi(arguments[2]);
  fill(path, window, std::atoll(arguments[3]));

  const auto home = Home::open(path, Durability::process, system_environment());
  const BpeTokenCounter counter("o200k_base");
  static_cast<void>(counter.count("ranks are loaded"));
  auto start = Clock::now();
  const auto agent = home->agent("bench");
  const Context first = agent->context();
  const std::string request = first.to_request_json({.model = "bench"});
  const double first_us = microseconds_since(start);

  LiveState state = agent->state();
  const Budget budget = budget_for_window(window);
  DigestChain chain;
  static_cast<void>(chain.digest(first));
  std::vector<Round> rounds(200);
  std::string bytes;
  std::string copy(request.size() * 2, ' ');
  for (auto& round : rounds) {
    Message message;
    message.id = "message-00000000-0000-4000-8000-000000000000";
    message.type = "user_message";
    message.text = fresh_text(60);
    // The window stays as full as it was: what is appended is there in this round only.
    Window appended = state.window;
    auto before = allocations;
    start = Clock::now();
    appended.push_back(std::make_shared<const WindowMessage>(measure(std::move(message), counter)));
    round.append_us = microseconds_since(start);
    round.append_allocations = allocations - before;

    before = allocations;
    start = Clock::now();
    const Context context = compile(state.prefix, appended, budget, counter);
    const Digest digest = chain.digest(context);
    round.compile_us = microseconds_since(start);
    round.compile_allocations = allocations - before;
    if (digest == Digest{}) return 1;

    before = allocations;
    start = Clock::now();
    bytes = context.to_request_json({.model = "bench"});
    round.serialise_us = microseconds_since(start);
    round.serialise_allocations = allocations - before;

    start = Clock::now();
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    round.copy_us = microseconds_since(start);
  }
  std::ofstream(arguments[4]) << bytes;
  std::printf("{");
  print("messages", static_cast<double>(state.next_position));
  print("in_window", static_cast<double>(state.window.size()));
  print("tokens", first.tokens());
  print("bytes", static_cast<double>(bytes.size()));
  print("first_us", first_us);
  print("append_us", median(rounds, &Round::append_us));
  print("compile_us", median(rounds, &Round::compile_us));
  print("serialise_us", median(rounds, &Round::serialise_us));
  print("copy_us", median(rounds, &Round::copy_us));
  print("append_allocations", median(rounds, &Round::append_allocations));
  print("compile_allocations", median(rounds, &Round::compile_allocations));
  print("serialise_allocations", median(rounds, &Round::serialise_allocations), "}\n");
  return 0;
}
