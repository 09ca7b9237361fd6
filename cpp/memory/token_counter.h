// Token counting, exact: byte-pair encodings identical to tiktoken's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

// Counts the tokens of text for one tokenizer. Thread-safe: all methods are const.
class TokenCounter {
 public:
  virtual ~TokenCounter() = default;

  // The tokenizer's name, e.g. "o200k_base".
  [[nodiscard]] virtual std::string name() const = 0;
  // False where the model's own tokenizer is not to be had and this one stands in for it.
  [[nodiscard]] virtual bool exact() const { return true; }
  // Text that looks like a special token counts as text.
  [[nodiscard]] virtual std::size_t count(std::string_view text) const = 0;

  // Tokens of each part of `text`; part i ends before the byte ends[i], and the last end is the
  // text's size. A part owns the tokens whose first byte lies in it, so parts add up to the whole.
  // Here, for counters that only count: by the counts of what stands before each end.
  [[nodiscard]] virtual std::vector<int> count_parts(std::string_view text,
                                                     std::span<const std::size_t> ends) const;
  // True where any text that ends as `left` does, followed by any that begins as `right` does, has
  // the tokens of both: a change of one needs no new count of the other.
  [[nodiscard]] virtual bool splits_between(std::string_view left, std::string_view right) const;
};

// A byte-pair encoding. Invalid UTF-8 is replaced with U+FFFD before it is encoded.
class BpeTokenCounter final : public TokenCounter {
 public:
  // "cl100k_base" or "o200k_base"; the vocabulary is loaded on first use and shared by all
  // counters of the process. Throws ConfigError for another name.
  explicit BpeTokenCounter(std::string_view encoding);
  ~BpeTokenCounter() override;

  [[nodiscard]] std::string name() const override;
  [[nodiscard]] std::size_t count(std::string_view text) const override;
  // In one pass. Where the text is no valid UTF-8, a part that ends inside of what is replaced owns
  // what replaces it.
  [[nodiscard]] std::vector<int> count_parts(std::string_view text,
                                             std::span<const std::size_t> ends) const override;
  // After a newline, where markup ("<") follows.
  [[nodiscard]] bool splits_between(std::string_view left, std::string_view right) const override;

  // special: map the text of special tokens ("<|endoftext|>") to their ids.
  [[nodiscard]] std::vector<std::uint32_t> encode(std::string_view text,
                                                  bool special = false) const;
  // Bytes of the tokens; may be invalid UTF-8 where tokens split a character.
  // Throws InvalidInput for an id that the encoding does not have.
  [[nodiscard]] std::string decode(const std::vector<std::uint32_t>& tokens) const;

 private:
  friend class IncrementalCount;
  struct Vocabulary;
  std::shared_ptr<const Vocabulary> vocabulary_;
};

// Counts a text that grows at its end: only what further text can still split in another way is
// counted again, a few words for ordinary text, or the end of a long one.
class IncrementalCount {
 public:
  explicit IncrementalCount(const BpeTokenCounter& counter);

  // Returns the tokens of all that was appended: what count() gives for the whole. The bytes may
  // end, and go on, inside a character.
  std::size_t append(std::string_view text);
  [[nodiscard]] std::size_t tokens() const { return tokens_; }

 private:
  // The last pre-token, while it is long and what is appended goes on with it for certain: neither
  // its end is searched for nor all of it encoded again.
  struct Run {
    unsigned set = 0;        // of classes that go on with it; 0: there is no such run
    std::size_t begin = 0;   // in tail_
    std::size_t before = 0;  // the tokens before it
    // A token in it: where it begins, its size (0: any), and the run's tokens before it.
    std::size_t token = 0;
    std::size_t token_size = 0;
    std::size_t count = 0;
  };

  void settle();
  [[nodiscard]] std::size_t count_run();

  Run run_;

  std::shared_ptr<const BpeTokenCounter::Vocabulary> vocabulary_;
  std::string tail_;     // what is not settled, repaired
  std::string partial_;  // after it: the beginning of a character
  std::size_t settled_tokens_ = 0;
  std::size_t tokens_ = 0;
};

}  // namespace memgpt
