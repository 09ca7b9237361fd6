#include "store/polling.h"

#include <utility>

namespace memgpt {

namespace {

constexpr int kInstructions = 100'000;  // of SQLite's machine, some milliseconds

}  // namespace

Polling::Polling(Database& db, std::function<void()> poll) : db_(db), poll_(std::move(poll)) {
  if (poll_) sqlite3_progress_handler(db_.get(), kInstructions, called, this);
}

Polling::~Polling() { sqlite3_progress_handler(db_.get(), 0, nullptr, nullptr); }

void Polling::rethrow() const {
  if (thrown_) std::rethrow_exception(thrown_);
}

// Nothing may be thrown through SQLite.
int Polling::called(void* self) noexcept {
  auto& polling = *static_cast<Polling*>(self);
  if (polling.thrown_) return 1;
  try {
    polling.poll_();
    return 0;
  } catch (...) {
    polling.thrown_ = std::current_exception();
    return 1;
  }
}

}  // namespace memgpt
