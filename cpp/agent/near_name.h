// A name that was meant, where one was written that does not exist.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

// The one of `names` that is the same but for case, "-", "_" and blanks; with `typos` also one of
// whose words one has two neighbouring letters changed, or a letter doubled that is single, or the
// other way round. Empty where there is none, or where two are as near. Nothing else is near: what
// differs in a letter is mostly another word.
[[nodiscard]] std::string_view near_name(std::string_view written,
                                         const std::vector<std::string_view>& names, bool typos);

}  // namespace memgpt
