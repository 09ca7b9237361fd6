// What a server streams, in any pieces: the same comes out as of the whole, and nothing but the
// errors that there are for it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "agent/json_strings.h"
#include "agent/turn_events.h"
#include "error.h"
#include "llm/chat_completion.h"
#include "llm/json_call.h"
#include "llm/ollama_stream.h"
#include "llm/sse.h"
#include "memory/text.h"

namespace {

using memgpt::Delta;

void require(bool holds) {
  if (!holds) std::abort();
}

// Calls with pieces of `text` whose sizes the first bytes of the input say; at once where `pieces`
// is empty.
template <typename Use>
void in_pieces(std::string_view text, std::string_view pieces, Use&& use) {
  for (std::size_t i = 0; !text.empty(); ++i) {
    const auto size = pieces.empty()
                          ? text.size()
                          : 1 + static_cast<unsigned char>(pieces[i % pieces.size()]) % 23U;
    if (!use(text.substr(0, size))) return;
    text.remove_prefix(std::min(size, text.size()));
  }
}

std::string events_of(std::string_view text, std::string_view pieces) {
  std::string all;
  memgpt::SseParser parser;
  const memgpt::SseParser::OnEvent on_event = [&](std::string_view event, std::string_view data) {
    all += '[';
    all += event;
    all += '|';
    all += data;
    all += ']';
    return true;
  };
  in_pieces(text, pieces, [&](std::string_view piece) { return parser.add(piece, on_event); });
  parser.finish(on_event);
  return all;
}

// A reply and the texts of its pieces, or the error.
template <typename Stream, typename Feed>
std::string reply_of(const Feed& feed) {
  std::string deltas;
  std::string thoughts;
  std::string arguments;
  const memgpt::OnDelta on_delta = [&](const Delta& delta) {
    require(memgpt::is_valid_utf8(delta.text));
    if (delta.kind == Delta::Kind::content) deltas += delta.text;
    if (delta.kind == Delta::Kind::thinking) thoughts += delta.text;
    if (delta.kind == Delta::Kind::tool_call && delta.index == 0) arguments += delta.text;
  };
  try {
    Stream stream(on_delta);
    feed(stream);
    if (!stream.complete()) return "broken off";
    memgpt::Reply reply = stream.reply();
    // A refusal is content that was not streamed.
    require(deltas.empty() || deltas == reply.content);
    require(thoughts == reply.thinking);
    if (!reply.tool_calls.empty()) require(arguments == reply.tool_calls.front().arguments);
    memgpt::read_json_call(reply);
    return reply.content + '|' + reply.thinking + '|' + std::to_string(reply.tool_calls.size());
  } catch (const memgpt::ProviderError& error) {
    require(memgpt::is_valid_utf8(error.what()));
    return error.what();
  }
}

std::string chat_of(std::string_view text, std::string_view pieces) {
  return reply_of<memgpt::ChatStream>([&](memgpt::ChatStream& stream) {
    memgpt::SseParser parser;
    const memgpt::SseParser::OnEvent on_event = [&](std::string_view, std::string_view data) {
      return stream.add(data);
    };
    bool more = true;
    in_pieces(text, pieces,
              [&](std::string_view piece) { return more = parser.add(piece, on_event); });
    if (more) parser.finish(on_event);
  });
}

std::string ollama_of(std::string_view text, std::string_view pieces) {
  return reply_of<memgpt::OllamaStream>([&](memgpt::OllamaStream& stream) {
    memgpt::LineReader lines;
    const memgpt::LineReader::OnLine on_line = [&](std::string_view line) {
      return stream.add(line);
    };
    bool more = true;
    in_pieces(text, pieces,
              [&](std::string_view piece) { return more = lines.add(piece, on_line); });
    if (more) lines.finish(on_line);
  });
}

// Keys with the whole of their texts.
std::string strings_of(std::string_view text, std::string_view pieces) {
  std::string all;
  std::string last;
  memgpt::JsonStrings strings;
  in_pieces(text, pieces, [&](std::string_view piece) {
    strings.add(piece, [&](std::string_view key, std::string_view value) {
      require(memgpt::is_valid_utf8(value));
      if (key != last) {
        all += '\n';
        all += key;
        all += '=';
      }
      last = key;
      all += value;
    });
    return true;
  });
  return all;
}

std::string thoughts_of(std::string_view text, std::string_view pieces) {
  std::string thoughts;
  std::string said;
  memgpt::ThinkSplitter splitter;
  const memgpt::ThinkSplitter::OnText on_text = [&](bool thinks, std::string_view piece) {
    (thinks ? thoughts : said) += piece;
  };
  in_pieces(text, pieces, [&](std::string_view piece) {
    splitter.add(piece, on_text);
    return true;
  });
  splitter.finish(on_text);
  return thoughts + '|' + said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto pieces = all.substr(0, std::min<std::size_t>(4, size));
  const auto text = all.substr(pieces.size());
  if (text.empty()) return 0;
  require(events_of(text, pieces) == events_of(text, {}));
  require(chat_of(text, pieces) == chat_of(text, {}));
  require(ollama_of(text, pieces) == ollama_of(text, {}));
  const std::string valid = memgpt::valid_utf8(std::string(text));
  require(strings_of(valid, pieces) == strings_of(valid, {}));
  require(thoughts_of(text, pieces) == thoughts_of(text, {}));
  return 0;
}
