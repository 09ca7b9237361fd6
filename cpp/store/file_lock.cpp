#include "store/file_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "store/disk_error.h"

namespace memgpt {

namespace {

// Locks of the open file, not of the process: two homes in one process exclude each other too, and
// closing another descriptor of the file drops nothing.
bool set_lock(int file, std::int64_t byte, short type) {
  struct flock region = {};
  region.l_type = type;
  region.l_whence = SEEK_SET;
  region.l_start = byte;
  region.l_len = 1;
  return ::fcntl(file, F_OFD_SETLK, &region) == 0;
}

}  // namespace

FileLock::FileLock(const std::string& path)
    : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (file_ < 0) throw_disk_error("cannot open the lock file \"" + path + '"', errno);
}

FileLock::~FileLock() { ::close(file_); }

bool FileLock::try_lock(std::int64_t byte) {
  if (set_lock(file_, byte, F_WRLCK)) return true;
  if (errno == EACCES || errno == EAGAIN) return false;
  throw_disk_error("the file system cannot lock", errno);
}

void FileLock::unlock(std::int64_t byte) { set_lock(file_, byte, F_UNLCK); }

}  // namespace memgpt
