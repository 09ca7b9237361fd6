#include "store/disk_error.h"

#include <cerrno>
#include <system_error>

#include "error.h"

namespace memgpt {

void throw_disk_error(const std::string& what, int error) {
  // Not strerror(): threads share its text.
  const std::string message = what + ": " + std::generic_category().message(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      throw DiskFull(message + "; free some space and try again, what was acknowledged is kept");
    case EFBIG:
      throw DiskFull(message +
                     "; raise the limit on the size of files (ulimit -f) and try again, what was "
                     "acknowledged is kept");
    case EROFS:
    case EACCES:
    case EPERM:
      throw ReadOnlyStore(message + "; make the file and its folder writable, or open a copy");
    case EMFILE:
    case ENFILE:
      throw StoreError(message + "; close what is not used, or raise the limit (ulimit -n)");
    case ENOENT:
    case ENOTDIR: throw StoreError(message + "; make its folder first");
    case EISDIR: throw StoreError(message + "; give the name of a file");
    default:
      throw StoreError(message +
                       "; see to the disk and try again, what was acknowledged before is kept");
  }
}

}  // namespace memgpt
