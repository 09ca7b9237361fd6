// Reading answers that hold vectors: megabytes of numbers.
#pragma once

#include <simdjson.h>

#include <string_view>
#include <vector>

namespace memgpt {

// Valid as long as the parser. Throws InvalidReply for what is no JSON object.
[[nodiscard]] simdjson::dom::object embedding_answer(simdjson::dom::parser& parser,
                                                     std::string_view body);
// The list under a key. Throws InvalidReply where there is none.
[[nodiscard]] simdjson::dom::array list_in(const simdjson::dom::object& object,
                                           std::string_view key);
// Throws InvalidReply for what is no list of finite numbers, or an empty one.
[[nodiscard]] std::vector<float> vector_of(const simdjson::dom::element& element);

}  // namespace memgpt
