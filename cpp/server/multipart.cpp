#include "server/multipart.h"

#include <algorithm>
#include <optional>

#include "server/refusal.h"

namespace memgpt {

namespace {

constexpr std::size_t kMostParts = 200;
constexpr std::size_t kLongestHeader = 8192;
constexpr std::size_t kLongestBoundary = 70;  // of RFC 2046

std::string small(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// The end of a value that begins at `at`, which may be quoted; a backslash hides what follows it.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  bool quoted = false;
  for (; at < text.size(); ++at) {
    if (text[at] == '\\' && quoted && at + 1 < text.size())
      ++at;
    else if (text[at] == '"')
      quoted = !quoted;
    else if (text[at] == ';' && !quoted)
      break;
  }
  return at;
}

std::string unquoted(std::string_view text) {
  text = trimmed(text);
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    // Some clients put whole paths of their system here, with its backslashes.
    if (text[i] == '\\' && (text[i + 1] == '"' || text[i + 1] == '\\') && i + 2 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

// A parameter of a header's value: name="..." in `form-data; name="..."`.
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  for (std::size_t at = end_of_value(header, 0); at < header.size();) {
    const auto end = end_of_value(header, ++at);
    const auto pair = header.substr(at, end - at);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos && small(trimmed(pair.substr(0, equals))) == name)
      return unquoted(pair.substr(equals + 1));
    at = end;
  }
  return std::nullopt;
}

std::string boundary_of(std::string_view content_type) {
  if (!small(content_type).starts_with("multipart/form-data"))
    throw Refusal(415, "the content type must be multipart/form-data");
  auto boundary = parameter(content_type, "boundary").value_or("");
  if (boundary.empty() || boundary.size() > kLongestBoundary)
    throw Refusal(422, "the content type has no boundary, of 1 to 70 characters");
  return boundary;
}

// Reads the headers of a part, up to the empty line; gives what follows them.
std::string_view read_headers(std::string_view text, FormPart& part) {
  for (;;) {
    const auto end = text.find('\n');
    if (end > kLongestHeader)  // npos, too
      throw Refusal(422, "the headers of a part of the body do not end");
    auto line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    text.remove_prefix(end + 1);
    if (line.empty()) return text;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) throw Refusal(422, "a header of a part has no colon");
    if (small(line.substr(0, colon)) != "content-disposition") continue;
    part.name = parameter(line.substr(colon + 1), "name").value_or("");
    part.file_name = parameter(line.substr(colon + 1), "filename").value_or("");
  }
}

// Where a line begins that is the boundary; npos where there is none from `at` on.
std::size_t find_boundary(std::string_view body, const std::string& mark, std::size_t at) {
  for (at = body.find(mark, at); at != std::string_view::npos; at = body.find(mark, at + 1)) {
    const auto behind = body.substr(at + mark.size(), 2);
    const bool ends = behind.empty() || behind == "--" || behind.front() == '\r' ||
                      behind.front() == '\n' || behind.front() == ' ' || behind.front() == '\t';
    if ((at == 0 || body[at - 1] == '\n') && ends) return at;
  }
  return at;
}

}  // namespace

std::vector<FormPart> form_parts(std::string_view content_type, std::string_view body) {
  const auto mark = "--" + boundary_of(content_type);
  auto at = find_boundary(body, mark, 0);
  if (at == std::string_view::npos) throw Refusal(422, "the body does not have its boundary");
  std::vector<FormPart> parts;
  for (;;) {
    auto rest = body.substr(at + mark.size());
    if (rest.starts_with("--")) return parts;
    const auto line = rest.find('\n');
    if (line == std::string_view::npos)
      throw Refusal(422, "the body ends before its last boundary");
    if (parts.size() == kMostParts)
      throw Refusal(422, "the body has more than " + std::to_string(kMostParts) + " parts");
    const auto next = find_boundary(body, mark, at + mark.size() + line + 1);
    if (next == std::string_view::npos)
      throw Refusal(422, "the body ends before its last boundary");
    rest = body.substr(at + mark.size() + line + 1, next - at - mark.size() - line - 1);
    FormPart part;
    rest = read_headers(rest, part);
    // The line's end before a boundary is the boundary's.
    if (rest.ends_with('\n')) rest.remove_suffix(1);
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    part.value = rest;
    if (part.name.empty()) throw Refusal(422, "a part of the body has no name");
    parts.push_back(std::move(part));
    at = next;
  }
}

const FormPart* find_part(const std::vector<FormPart>& parts, std::string_view name) {
  const auto found = std::find_if(parts.begin(), parts.end(),
                                  [&](const FormPart& part) { return part.name == name; });
  return found == parts.end() ? nullptr : &*found;
}

}  // namespace memgpt
