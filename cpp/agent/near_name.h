// A name that was meant, where one was written that does not exist.
#pragma once

#include <string_view>
#include <vector>

namespace memgpt {

// The one of `names` that has the same words in another form: in another case, with "-", ".",
// blanks or capitals where "_" stands, or with nothing between its words. Empty where there is
// none, or where there are two. No letter may differ: one that is missing, doubled or in another
// place makes another word too easily (filed and filled, tried and tired), and no list has them
// all.
[[nodiscard]] std::string_view same_name(std::string_view written,
                                         const std::vector<std::string_view>& names);

// The one that is nearest, to ask whether it was meant; empty where none is near, or two are as
// near.
[[nodiscard]] std::string_view nearest_name(std::string_view written,
                                            const std::vector<std::string_view>& names);

}  // namespace memgpt
