#include "memory/token_counter.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "error.h"
#include "memory/bpe.h"
#include "memory/pretokenize.h"

// Defined by ranks.S.
extern "C" {
extern const char memgpt_ranks_cl100k_base[] __attribute__((visibility("hidden")));
extern const char memgpt_ranks_cl100k_base_end[] __attribute__((visibility("hidden")));
extern const char memgpt_ranks_o200k_base[] __attribute__((visibility("hidden")));
extern const char memgpt_ranks_o200k_base_end[] __attribute__((visibility("hidden")));
}

namespace memgpt {
namespace {

struct Special {
  std::string_view text;
  std::uint32_t id;
};

constexpr Special kCl100kSpecial[] = {
    {"<|endoftext|>", 100257},  {"<|fim_prefix|>", 100258},  {"<|fim_middle|>", 100259},
    {"<|fim_suffix|>", 100260}, {"<|endofprompt|>", 100276},
};
constexpr Special kO200kSpecial[] = {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}};

using NextPiece = const char* (*)(const CharClasses&, const char*, const char*);
using Continuing = unsigned (*)(const CharClasses&, std::string_view);

// Pre-tokens from this size on are counted as runs, from a token on that begins some way before
// the end: so far back that what is appended seldom changes it.
constexpr std::size_t kLongRun = 512;
constexpr std::size_t kNear = 128;
constexpr std::size_t kFar = 384;

}  // namespace

struct BpeTokenCounter::Vocabulary {
  std::string_view name;
  NextPiece next_piece;
  Continuing continuing;
  std::span<const Special> special;
  RankTable ranks;
  const CharClasses& classes = CharClasses::shared();

  static std::shared_ptr<const Vocabulary> load(std::string_view name);

  // Calls use(piece) for each pre-token.
  template <typename Use>
  void split(std::string_view text, const Use& use) const {
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
      const char* const stop = next_piece(classes, at, end);
      use(std::string_view(at, static_cast<std::size_t>(stop - at)));
      at = stop;
    }
  }

  // The first special token from `at` on: where it begins, and which it is.
  std::pair<std::size_t, const Special*> find_special(std::string_view text, std::size_t at) const {
    // They all begin alike, so that the text is searched once, not once for each.
    for (at = text.find("<|", at); at != text.npos; at = text.find("<|", at + 1)) {
      for (const Special& token : special) {
        if (text.substr(at, token.text.size()) == token.text) return {at, &token};
      }
    }
    return {text.size(), nullptr};
  }
};

std::shared_ptr<const BpeTokenCounter::Vocabulary> BpeTokenCounter::Vocabulary::load(
    std::string_view name) {
  const auto table = [](const char* begin, const char* end) {
    return RankTable({begin, static_cast<std::size_t>(end - begin)});
  };
  if (name == "cl100k_base") {
    static const auto shared = std::make_shared<const Vocabulary>(
        Vocabulary{"cl100k_base", next_cl100k, continuing_cl100k, kCl100kSpecial,
                   table(memgpt_ranks_cl100k_base, memgpt_ranks_cl100k_base_end)});
    return shared;
  }
  if (name == "o200k_base") {
    static const auto shared = std::make_shared<const Vocabulary>(
        Vocabulary{"o200k_base", next_o200k, continuing_o200k, kO200kSpecial,
                   table(memgpt_ranks_o200k_base, memgpt_ranks_o200k_base_end)});
    return shared;
  }
  throw ConfigError("unknown encoding \"" + std::string(name) +
                    "\": there are cl100k_base and o200k_base");
}

std::vector<int> TokenCounter::count_parts(std::string_view text,
                                           std::span<const std::size_t> ends) const {
  std::vector<int> parts;
  if (ends.empty()) return parts;
  parts.reserve(ends.size());
  const auto total = static_cast<std::int64_t>(count(text));
  std::int64_t counted = 0;
  for (const std::size_t end : ends.first(ends.size() - 1)) {
    // A longer text can have fewer tokens than its beginning: no part owns less than none.
    const auto before = static_cast<std::int64_t>(count(text.substr(0, end)));
    const auto here = std::clamp(before, counted, std::max(counted, total));
    parts.push_back(static_cast<int>(here - counted));
    counted = here;
  }
  parts.push_back(static_cast<int>(total - counted));
  return parts;
}

bool TokenCounter::splits_between(std::string_view left, std::string_view right) const {
  static_cast<void>(left);
  static_cast<void>(right);
  return false;
}

BpeTokenCounter::BpeTokenCounter(std::string_view encoding)
    : vocabulary_(Vocabulary::load(encoding)) {}

BpeTokenCounter::~BpeTokenCounter() = default;

std::string BpeTokenCounter::name() const { return std::string(vocabulary_->name); }

// White space up to a newline is a pre-token of its own, or the end of one, unless more newlines
// (or, in o200k_base, a slash) follow.
bool BpeTokenCounter::splits_between(std::string_view left, std::string_view right) const {
  return left.ends_with('\n') && right.starts_with('<');
}

std::size_t BpeTokenCounter::count(std::string_view text) const {
  const std::optional<std::string> repaired = repaired_utf8(text);
  PieceEncoder counter(vocabulary_->ranks, text.size(), PieceEncoder::Use::count);
  std::size_t tokens = 0;
  vocabulary_->split(repaired ? *repaired : text,
                     [&](std::string_view piece) { tokens += counter.count(piece); });
  return tokens;
}

std::vector<int> BpeTokenCounter::count_parts(std::string_view text,
                                              std::span<const std::size_t> ends) const {
  std::vector<int> parts(ends.size(), 0);
  if (ends.empty()) return parts;
  std::vector<std::size_t> moved(ends.begin(), ends.end());
  const std::optional<std::string> repaired = repaired_utf8(text, moved);
  if (repaired) text = *repaired;
  moved.back() = text.size();
  PieceEncoder counter(vocabulary_->ranks, text.size(), PieceEncoder::Use::count);
  std::vector<std::uint32_t> tokens;
  std::size_t part = 0;
  vocabulary_->split(text, [&](std::string_view piece) {
    auto at = static_cast<std::size_t>(piece.data() - text.data());
    while (moved[part] <= at) ++part;
    if (at + piece.size() <= moved[part]) {
      parts[part] += static_cast<int>(counter.count(piece));
      return;
    }
    tokens.clear();
    encode_piece(vocabulary_->ranks, piece, &tokens);
    for (const std::uint32_t token : tokens) {
      while (moved[part] <= at) ++part;
      ++parts[part];
      at += vocabulary_->ranks.bytes(token).size();
    }
  });
  return parts;
}

std::vector<std::uint32_t> BpeTokenCounter::encode(std::string_view text, bool special) const {
  const std::optional<std::string> repaired = repaired_utf8(text);
  if (repaired) text = *repaired;
  PieceEncoder encoder(vocabulary_->ranks, text.size(), PieceEncoder::Use::encode);
  std::vector<std::uint32_t> tokens;
  tokens.reserve(text.size() / 3);
  const auto append = [&](std::string_view part) {
    vocabulary_->split(part, [&](std::string_view piece) { encoder.encode(piece, &tokens); });
  };
  std::size_t begin = 0;
  while (special && begin < text.size()) {
    const auto [at, token] = vocabulary_->find_special(text, begin);
    append(text.substr(begin, at - begin));
    begin = at;
    if (token == nullptr) break;
    tokens.push_back(token->id);
    begin += token->text.size();
  }
  append(text.substr(begin));
  return tokens;
}

std::string BpeTokenCounter::decode(const std::vector<std::uint32_t>& tokens) const {
  std::string text;
  text.reserve(tokens.size() * 4);
  for (const std::uint32_t id : tokens) {
    const RankTable& ranks = vocabulary_->ranks;
    std::string_view bytes = id < ranks.size() ? ranks.bytes(id) : std::string_view();
    const auto same = [id](const Special& token) { return token.id == id; };
    const auto found = std::ranges::find_if(vocabulary_->special, same);
    if (found != vocabulary_->special.end()) bytes = found->text;
    if (bytes.empty()) {
      throw InvalidInput("no token " + std::to_string(id) + " in " + name());
    }
    text += bytes;
  }
  return text;
}

IncrementalCount::IncrementalCount(const BpeTokenCounter& counter)
    : vocabulary_(counter.vocabulary_) {}

std::size_t IncrementalCount::append(std::string_view text) {
  partial_ += text;
  const std::size_t whole = partial_.size() - unfinished_character(partial_);
  const std::string_view characters = std::string_view(partial_).substr(0, whole);
  const std::optional<std::string> repaired = repaired_utf8(characters);
  const std::string_view added = repaired ? *repaired : characters;
  const bool goes_on = run_.set != 0 && is_all_of(vocabulary_->classes, run_.set, added);
  tail_ += added;
  partial_.erase(0, whole);
  if (goes_on) {
    tokens_ = run_.before + count_run();
  } else {
    settle();
  }
  if (!partial_.empty()) {
    tokens_ = settled_tokens_;
    PieceEncoder counter(vocabulary_->ranks, 0, PieceEncoder::Use::count);
    vocabulary_->split(tail_ + "\xEF\xBF\xBD",
                       [&](std::string_view piece) { tokens_ += counter.count(piece); });
  }
  return tokens_;
}

// Where a pre-token ends can depend on the text behind it: as far as white space goes on (the last
// of it belongs to the next word), or, in o200k_base, capitals (a word that ends in letters without
// case goes on over them if a small letter follows), and on one character more, or on the three
// bytes of a contraction. Such a run makes two further pre-tokens at most, so that a pre-token
// stays as it is once three have followed it.
void IncrementalCount::settle() {
  constexpr std::size_t kOpen = 3;
  std::array<std::size_t, kOpen> starts{};  // of the last pre-tokens, and the tokens before each
  std::array<std::size_t, kOpen> before{};
  std::size_t pieces = 0;
  std::size_t tokens = settled_tokens_;
  run_ = Run();
  PieceEncoder counter(vocabulary_->ranks, tail_.size(), PieceEncoder::Use::count);
  vocabulary_->split(tail_, [&](std::string_view piece) {
    starts[pieces % kOpen] = static_cast<std::size_t>(piece.data() - tail_.data());
    before[pieces % kOpen] = tokens;
    tokens += counter.count(piece);
    ++pieces;
  });
  tokens_ = tokens;
  if (pieces == 0) return;
  const std::size_t last = (pieces - 1) % kOpen;
  const std::size_t size = tail_.size() - starts[last];
  if (pieces > kOpen) {
    settled_tokens_ = before[pieces % kOpen];
    tail_.erase(0, starts[pieces % kOpen]);
  }
  if (size < kLongRun) return;
  run_.begin = run_.token = tail_.size() - size;
  run_.before = before[last];
  run_.set =
      vocabulary_->continuing(vocabulary_->classes, std::string_view(tail_).substr(run_.begin));
}

// The run's tokens before one that the run still has, and those from it on: why these are the
// run's encoding is said at encode_in_windows.
std::size_t IncrementalCount::count_run() {
  const RankTable& ranks = vocabulary_->ranks;
  std::vector<std::uint32_t> tokens;
  encode_piece(ranks, std::string_view(tail_).substr(run_.token), &tokens);
  if (run_.token_size != 0 && ranks.bytes(tokens.front()).size() != run_.token_size) {
    run_.token = run_.begin;
    run_.count = 0;
    tokens.clear();
    encode_piece(ranks, std::string_view(tail_).substr(run_.begin), &tokens);
  }
  const std::size_t total = run_.count + tokens.size();
  if (tail_.size() - run_.token <= kFar) return total;
  std::size_t at = run_.token;
  const std::size_t first = run_.count;
  for (std::size_t i = 0; at + kNear <= tail_.size(); ++i) {
    const std::size_t size = ranks.bytes(tokens[i]).size();
    if ((static_cast<unsigned char>(tail_[at]) & 0xC0U) != 0x80) {  // a character begins with it
      run_.token = at;
      run_.token_size = size;
      run_.count = first + i;
    }
    at += size;
  }
  return total;
}

}  // namespace memgpt
