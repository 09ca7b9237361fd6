#include "memory/text.h"

#include <openssl/evp.h>
#include <simdjson.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "error.h"

namespace memgpt {

bool is_valid_utf8(std::string_view text) { return simdjson::validate_utf8(text); }

void check_utf8(std::string_view text, std::string_view what) {
  if (is_valid_utf8(text)) return;
  throw InvalidInput(std::string(what) +
                     " is not valid UTF-8; decode it first, e.g. with errors=\"replace\"");
}

std::string valid_utf8(std::string text) {
  if (is_valid_utf8(text)) return text;
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    // The next character is the shortest valid prefix of at most four bytes.
    std::size_t length = 1;
    while (length <= 4 && length <= rest.size() && !is_valid_utf8(rest.substr(0, length))) ++length;
    if (length > 4 || length > rest.size()) {
      out += "\xEF\xBF\xBD";
      rest.remove_prefix(1);
    } else {
      out += rest.substr(0, length);
      rest.remove_prefix(length);
    }
  }
  return out;
}

std::string_view utf8_prefix(std::string_view text, std::size_t bytes) {
  if (bytes >= text.size()) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

std::string_view common_prefix(std::string_view text, std::string_view other) {
  const auto* const end = std::mismatch(text.begin(), text.end(), other.begin(), other.end()).first;
  return utf8_prefix(text, static_cast<std::size_t>(end - text.begin()));
}

bool is_blank(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isspace(c) != 0; });
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out.push_back('"');
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text.substr(start, i - start));
    start = i + 1;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out.push_back(hex[c >> 4]);
        out.push_back(hex[c & 15]);
    }
  }
  out.append(text.substr(start));
  out.push_back('"');
}

std::string escape_markup(std::string_view text) {
  static constexpr std::string_view tags[] = {"core_memory", "block", "outside_context", "summary"};
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '<') {
      std::string_view rest = text.substr(i + 1);
      if (rest.starts_with('/')) rest.remove_prefix(1);
      const bool ours = std::any_of(std::begin(tags), std::end(tags),
                                    [&](std::string_view tag) { return rest.starts_with(tag); });
      if (ours) {
        out += "&lt;";
        continue;
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

Digest sha256(std::string_view bytes) {
  struct Free {
    void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
    void operator()(EVP_MD_CTX* state) const { EVP_MD_CTX_free(state); }
  };
  // Looking the algorithm up costs more than hashing a short text: once a thread is enough.
  thread_local const std::unique_ptr<EVP_MD, Free> algorithm(
      EVP_MD_fetch(nullptr, "SHA256", nullptr));
  thread_local const std::unique_ptr<EVP_MD_CTX, Free> state(EVP_MD_CTX_new());
  Digest digest{};
  if (!algorithm || !state || EVP_DigestInit_ex2(state.get(), algorithm.get(), nullptr) != 1 ||
      EVP_DigestUpdate(state.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(state.get(), digest.data(), nullptr) != 1)
    throw Error("OpenSSL cannot compute SHA-256");
  return digest;
}

namespace {

void check_sha256(bool done) {
  if (!done) throw Error("OpenSSL cannot compute SHA-256");
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* state) const { EVP_MD_CTX_free(state); }

Sha256::Sha256() : state_(EVP_MD_CTX_new()) {
  check_sha256(state_ && EVP_DigestInit_ex2(state_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::add(std::string_view bytes) {
  check_sha256(EVP_DigestUpdate(state_.get(), bytes.data(), bytes.size()) == 1);
}

Digest Sha256::digest() {
  Digest digest{};
  check_sha256(EVP_DigestFinal_ex(state_.get(), digest.data(), nullptr) == 1);
  return digest;
}

std::string to_hex(const Digest& digest) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out;
  out.reserve(digest.size() * 2);
  for (const unsigned char byte : digest) {
    out.push_back(hex[byte >> 4]);
    out.push_back(hex[byte & 15]);
  }
  return out;
}

}  // namespace memgpt
