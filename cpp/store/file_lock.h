// Advisory locks between processes: they die with their holder, however it ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace memgpt {

class FileLock {
 public:
  // Opens or makes the file. Throws StoreError where that cannot be done.
  explicit FileLock(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // Each byte of the file is a lock of its own. Never waits.
  [[nodiscard]] bool try_lock(std::int64_t byte);
  void unlock(std::int64_t byte);

 private:
  int file_ = -1;
};

// Holds one byte's lock until destroyed.
class FileLockHold {
 public:
  FileLockHold(std::shared_ptr<FileLock> lock, std::int64_t byte)
      : lock_(std::move(lock)), byte_(byte) {}
  ~FileLockHold() {
    if (lock_) lock_->unlock(byte_);
  }
  FileLockHold(FileLockHold&&) noexcept = default;
  FileLockHold(const FileLockHold&) = delete;
  FileLockHold& operator=(const FileLockHold&) = delete;
  FileLockHold& operator=(FileLockHold&&) = delete;

 private:
  std::shared_ptr<FileLock> lock_;
  std::int64_t byte_;
};

}  // namespace memgpt
