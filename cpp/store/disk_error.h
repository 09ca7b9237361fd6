// What the disk says when it cannot, as an error that tells what to do about it.
#pragma once

#include <string>

namespace memgpt {

// `error` is an errno. Throws DiskFull, ReadOnlyStore or StoreError.
[[noreturn]] void throw_disk_error(const std::string& what, int error);

}  // namespace memgpt
