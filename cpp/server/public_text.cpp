#include "server/public_text.h"

#include <algorithm>
#include <array>
#include <regex>

#include "memory/text.h"

namespace memgpt {

namespace {

// Of each end, of what is read: std::regex needs more stack the longer its input is.
constexpr std::size_t kReadBytes = 512;
// Characters of both ends: the reason stands at the beginning, what to do at the end.
constexpr std::size_t kHead = 200;
constexpr std::size_t kTail = 100;

struct Mask {
  std::regex found;
  const char* shown;
};

const std::array<Mask, 6>& masks() {
  const auto flags = std::regex::ECMAScript | std::regex::icase | std::regex::optimize;
  static const std::array<Mask, 6> all = {{
      // Names and passwords in addresses, and what is asked for there.
      {std::regex(R"((://)[^/@\s"']+@)", flags), "$1***@"},
      {std::regex(R"((://[^\s?"']*\?)[^\s"')]+)", flags), "$1***"},
      // What is said to be a secret.
      {std::regex(R"(\b(bearer|basic)\s+[^\s"',;)]+)", flags), "$1 ***"},
      {std::regex(
           R"(((?:key|token|secret|password|passwd)["']?\s*[=:]\s*["']?)(?!bearer)[^\s"',;)}]+)",
           flags),
       "$1***"},
      // Keys by the form that services give them, and anything long and mixed.
      {std::regex(R"(\b(?:sk|pk|gsk|xai|hf|ghp|AKIA|AIza)[-_A-Z0-9][-_A-Z0-9*.]{6,})", flags),
       "***"},
      // Folders: the file's own name is left.
      {std::regex(R"((^|[\s"'(=:\[,<])(?:[a-z]:)?(?:[/\\][^\s"'/\\:,)<>]+)+[/\\])", flags),
       "$1.../"},
  }};
  return all;
}

// Twenty letters and digits in a row, both of them, are no word of any language.
std::string without_long_words(const std::string& text) {
  static const std::regex word(R"([A-Za-z0-9]{20,})", std::regex::optimize);
  std::string out;
  auto begin = text.begin();
  for (std::sregex_iterator at(text.begin(), text.end(), word), end; at != end; ++at) {
    const auto found = at->str();
    const auto digits =
        std::count_if(found.begin(), found.end(), [](char c) { return c >= '0' && c <= '9'; });
    const bool mixed = digits > 0 && static_cast<std::size_t>(digits) < found.size();
    out.append(begin, text.begin() + at->position());
    out += mixed ? "***" : found;
    begin = text.begin() + at->position() + at->length();
  }
  return out.append(begin, text.end());
}

// Where the character after the first `count` begins.
std::size_t bytes_of(std::string_view text, std::size_t count) {
  for (std::size_t at = 0; at < text.size(); ++at)
    if ((static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80 && count-- == 0) return at;
  return text.size();
}

std::string shortened(std::string text) {
  const auto is_first = [](unsigned char c) { return (c & 0xC0U) != 0x80; };
  const auto length = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_first));
  if (length <= kHead + kTail) return text;
  const std::string head = text.substr(0, bytes_of(text, kHead - 5));
  return head + " ... " + text.substr(bytes_of(text, length - kTail));
}

// Both ends of what is too long to be read whole, with whole words where there are any: a piece of
// a key does not look like one.
std::string read_part(std::string_view text) {
  if (text.size() <= 2 * kReadBytes) return std::string(text);
  const auto head = utf8_prefix(text, kReadBytes);
  const auto tail = text.substr(text.size() - kReadBytes);
  const auto word = tail.find(' ');
  return std::string(head.substr(0, head.rfind(' '))) + " ..." +
         std::string(word == std::string_view::npos ? "" : tail.substr(word));
}

}  // namespace

std::string public_text(std::string_view text) {
  std::string out = read_part(valid_utf8(std::string(text)));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = ' ';
  for (const auto& [found, shown] : masks()) out = std::regex_replace(out, found, shown);
  return shortened(without_long_words(out));
}

}  // namespace memgpt
