// The arguments of calls, as a server's answer has them.
#pragma once

#include <string>

namespace memgpt {

// A server's answer in which arguments that are objects, or lists, are strings that hold the same
// text: what a model wrote is not read and written again, for numbers would not stay as they are.
// `text`: valid JSON.
[[nodiscard]] std::string with_arguments_as_text(std::string text);

}  // namespace memgpt
