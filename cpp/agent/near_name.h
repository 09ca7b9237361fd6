// A name that was meant, where one was written that does not exist.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

// The one of `names` that is the same but for case, "-", "_" and blanks; with `typos` also the
// nearest one where as many words differ in one letter each. Empty where there is none, or where
// two are as near. Words of digits or of few letters are never typos of each other: "get" is not
// "set".
[[nodiscard]] std::string_view near_name(std::string_view written,
                                         const std::vector<std::string_view>& names, bool typos);

}  // namespace memgpt
