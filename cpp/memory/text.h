// Small pure functions on text: UTF-8, JSON strings, hashing.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // of OpenSSL

namespace memgpt {

// Throws InvalidInput ("<what> is not valid UTF-8 ...") where it is not.
void check_utf8(std::string_view text, std::string_view what);
[[nodiscard]] bool is_valid_utf8(std::string_view text);

// Invalid bytes become U+FFFD; valid text comes back as it is.
[[nodiscard]] std::string valid_utf8(std::string text);

// The longest prefix of at most `bytes` bytes that ends between two characters.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t bytes);

// What both begin with, to the end of a character; a view of `text`.
[[nodiscard]] std::string_view common_prefix(std::string_view text, std::string_view other);

// True where nothing but white space is in it.
[[nodiscard]] bool is_blank(std::string_view text);

// Appends `text` as a JSON string with its quotation marks; non-ASCII stays as it is.
void append_json_string(std::string& out, std::string_view text);

// Escapes what could be read as the context's own markup ("<block", "</summary", ...).
[[nodiscard]] std::string escape_markup(std::string_view text);

using Digest = std::array<unsigned char, 32>;
[[nodiscard]] Digest sha256(std::string_view bytes);

// The same of what comes in pieces.
class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  // Nothing is added afterwards.
  [[nodiscard]] Digest digest();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* state) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> state_;
};

[[nodiscard]] std::string to_hex(const Digest& digest);

}  // namespace memgpt
