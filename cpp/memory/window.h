// The messages that the context shows.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "memory/span.h"
#include "memory/token_counter.h"

namespace memgpt {

// A message with what compiling needs of it, made once when it is appended.
struct WindowMessage {
  std::shared_ptr<const Message> message;
  std::shared_ptr<const Span> span;
  std::string wire;  // its place in a request, JSON
  int overhead_tokens = 0;
  int score = 0;  // see importance()
  [[nodiscard]] int cost() const { return message->tokens + overhead_tokens; }
};
// Renders and counts; sets message.tokens unless the count is given (>= 0).
[[nodiscard]] WindowMessage measure(Message message, const TokenCounter& counter,
                                    int known_tokens = -1);

// Oldest first. A value that is cheap to copy and to append to: chunks that are full are shared
// by all copies, so that neither costs what the window holds.
class Window {
 public:
  using Item = std::shared_ptr<const WindowMessage>;
  class Iterator;

  void push_back(Item item);
  void clear() { *this = Window(); }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const Item& operator[](std::size_t index) const {
    return chunks_[index / kChunk]->items[index % kChunk];
  }
  [[nodiscard]] const Item& back() const { return (*this)[size_ - 1]; }
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;

  [[nodiscard]] int text_tokens() const { return text_tokens_; }
  [[nodiscard]] int overhead_tokens() const { return overhead_tokens_; }
  [[nodiscard]] int tokens() const { return text_tokens_ + overhead_tokens_; }
  // How many messages both begin with, as the same objects.
  [[nodiscard]] std::size_t shared_with(const Window& other) const;
  // Appends ", {...}" for each message; takes wire_bytes() bytes.
  void append_wire(std::string& out) const;
  [[nodiscard]] std::size_t wire_bytes() const { return wire_bytes_; }

 private:
  static constexpr std::size_t kChunk = 32;
  struct Chunk {
    std::vector<Item> items;
    std::string wire;  // of all items, once there are kChunk of them
  };

  std::vector<std::shared_ptr<const Chunk>> chunks_;  // all but the last are full
  std::size_t size_ = 0;
  std::size_t wire_bytes_ = 0;
  int text_tokens_ = 0;
  int overhead_tokens_ = 0;
};

class Window::Iterator {
 public:
  using value_type = Item;
  using difference_type = std::ptrdiff_t;
  Iterator() = default;
  Iterator(const Window* window, std::size_t index) : window_(window), index_(index) {}
  const Item& operator*() const { return (*window_)[index_]; }
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  Iterator operator++(int) {
    Iterator before = *this;
    ++index_;
    return before;
  }
  friend bool operator==(const Iterator&, const Iterator&) = default;

 private:
  const Window* window_ = nullptr;
  std::size_t index_ = 0;
};

inline Window::Iterator Window::begin() const { return {this, 0}; }
inline Window::Iterator Window::end() const { return {this, size_}; }

}  // namespace memgpt
