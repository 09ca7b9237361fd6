// An answer that is no success, in the form that the clients know.
#pragma once

#include <string>

#include "error.h"
#include "server/http_exchange.h"

namespace memgpt {

// Thrown by whoever handles a request; what it says is the client's to read.
class Refusal : public Error {
 public:
  Refusal(int status, const std::string& detail) : Error(detail), status_(status) {}
  [[nodiscard]] const char* name() const noexcept override { return "InvalidInput"; }
  [[nodiscard]] int status() const { return status_; }

 private:
  int status_;
};

// {"detail": ...}
[[nodiscard]] ServerResponse refusal_response(int status, std::string_view detail);
// Of what a request's handler threw. Called where it was caught.
[[nodiscard]] ServerResponse response_of_exception();
// The error of a turn that was begun: in words of the wire, for a stream.
struct TurnFailure {
  int status = 500;
  std::string stop_reason = "error";
  std::string type = "internal_error";
  std::string text;
};
[[nodiscard]] TurnFailure failure_of_exception();

}  // namespace memgpt
