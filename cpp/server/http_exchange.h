// One request and its answer, whatever carries them: a socket, or a call in this process.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace memgpt {

struct ServerHeader {
  std::string name;  // of a request: in small letters
  std::string value;
};

struct ServerRequest {
  std::string method;
  std::string target;  // as it was sent: path and query
  std::vector<ServerHeader> headers;
  std::string body;
  // Nobody but this program can have sent it: no token, Host or Origin is asked for.
  bool in_process = false;

  // "" where there is none. `name` in small letters.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  [[nodiscard]] bool has_header(std::string_view name) const;
};

struct ServerResponse {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<ServerHeader> headers = {};
};

// Takes an answer: respond() once, or begin_stream(), pieces, end_stream(). From any thread, one at
// a time. Whoever answers may do so long after it was asked.
class ServerExchange {
 public:
  virtual ~ServerExchange() = default;
  virtual void respond(ServerResponse response) = 0;
  virtual void begin_stream(ServerResponse head) = 0;
  // False: nobody reads any more.
  virtual bool write(std::string_view piece) = 0;
  virtual void end_stream() = 0;
};

}  // namespace memgpt
