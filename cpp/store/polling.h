// Long statements that the outside can end.
#pragma once

#include <exception>
#include <functional>

#include "store/sqlite.h"

namespace memgpt {

// Calls `poll` from inside the statements of a connection. What it throws ends the statement, which
// then fails like any other; rethrow() tells it from a failure of its own.
class Polling {
 public:
  Polling(Database& db, std::function<void()> poll);
  ~Polling();
  Polling(const Polling&) = delete;
  Polling& operator=(const Polling&) = delete;
  // Throws what `poll` threw, if it did.
  void rethrow() const;

 private:
  static int called(void* self) noexcept;

  Database& db_;
  std::function<void()> poll_;
  std::exception_ptr thrown_;
};

}  // namespace memgpt
