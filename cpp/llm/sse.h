// Server-sent events and lines of JSON, out of bytes that come in any pieces.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace memgpt {

// Cuts bytes into lines that end with LF, CRLF or CR; the piece after the last end is kept until
// its end comes.
class LineReader {
 public:
  // False = enough: nothing more is read.
  using OnLine = std::function<bool(std::string_view line)>;
  bool add(std::string_view bytes, const OnLine& on_line);
  // The last line, where it has no end.
  bool finish(const OnLine& on_line);

 private:
  std::string rest_;
  bool after_cr_ = false;  // an LF that comes now ends the same line
};

// The `text/event-stream` of the HTML standard. Of an event's fields only `data` and `event` count;
// an event that the stream breaks off in the middle of is given by finish(), for many servers leave
// out the last empty line.
class SseParser {
 public:
  using OnEvent = std::function<bool(std::string_view event, std::string_view data)>;
  bool add(std::string_view bytes, const OnEvent& on_event);
  bool finish(const OnEvent& on_event);

 private:
  bool take_line(std::string_view line, const OnEvent& on_event);
  bool dispatch(const OnEvent& on_event);

  LineReader lines_;
  std::string event_;
  std::string data_;
  bool has_data_ = false;
  bool began_ = false;
};

}  // namespace memgpt
