#include "llm/embedding_json.h"

#include <cmath>
#include <string>

#include "error.h"

namespace memgpt {

simdjson::dom::object embedding_answer(simdjson::dom::parser& parser, std::string_view body) {
  simdjson::dom::object object;
  const auto parsed = parser.parse(body.data(), body.size());
  if (parsed.error() != simdjson::SUCCESS)
    throw InvalidReply(std::string("its answer is no JSON (") +
                       simdjson::error_message(parsed.error()) + ")");
  if (parsed.get_object().get(object) != simdjson::SUCCESS)
    throw InvalidReply("its answer is no JSON object");
  return object;
}

simdjson::dom::array list_in(const simdjson::dom::object& object, std::string_view key) {
  simdjson::dom::array list;
  if (object.at_key(key).get_array().get(list) != simdjson::SUCCESS)
    throw InvalidReply("its answer has no list \"" + std::string(key) + "\"");
  return list;
}

std::vector<float> vector_of(const simdjson::dom::element& element) {
  simdjson::dom::array list;
  if (element.get_array().get(list) != simdjson::SUCCESS)
    throw InvalidReply("a vector in its answer is no list of numbers");
  std::vector<float> row;
  row.reserve(list.size());
  for (const auto item : list) {
    double number = 0;
    if (item.get_double().get(number) != simdjson::SUCCESS)
      throw InvalidReply("a vector in its answer holds what is no number");
    row.push_back(static_cast<float>(number));
    if (!std::isfinite(row.back()))
      throw InvalidReply("a vector in its answer holds a number that is not finite");
  }
  if (row.empty()) throw InvalidReply("a vector in its answer is empty");
  return row;
}

}  // namespace memgpt
