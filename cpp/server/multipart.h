// Bodies of the type multipart/form-data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace memgpt {

struct FormPart {
  std::string name;
  std::string file_name;  // "" where the part is no file
  std::string value;
};

// The parts of a body, in order. Takes bodies as clients write them: lengths of parts are not asked
// for, and what stands before the first boundary or behind the last is nobody's. Throws Refusal:
// 415 where the content type is another one, 422 for what is no such body, or has too many parts.
[[nodiscard]] std::vector<FormPart> form_parts(std::string_view content_type,
                                               std::string_view body);
// The first of the name; null where there is none.
[[nodiscard]] const FormPart* find_part(const std::vector<FormPart>& parts, std::string_view name);

}  // namespace memgpt
