// What strangers may read of an error whose text somebody else wrote.
#pragma once

#include <string>
#include <string_view>

namespace memgpt {

// Without what looks like a key, a password or a folder of this machine, and with its middle left
// out where it is long: valid UTF-8 on one line.
[[nodiscard]] std::string public_text(std::string_view text);

}  // namespace memgpt
