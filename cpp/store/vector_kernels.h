// Dot products of whole numbers, by whichever instructions the processor has: the sums are exact,
// and so the same on all of them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memgpt {

struct VectorKernels {
  // One a row of `width` codes; no sum may leave what an int32 holds.
  void (*scan)(const std::int8_t* rows, const std::int16_t* query, std::size_t width,
               std::size_t count, std::int32_t* sums) = nullptr;
  std::int32_t (*dot)(const std::int8_t* row, const std::int16_t* query,
                      std::size_t width) = nullptr;
  std::int32_t (*between)(const std::int8_t* row, const std::int8_t* other,
                          std::size_t width) = nullptr;
};

// The fastest that this processor runs.
[[nodiscard]] const VectorKernels& vector_kernels();

}  // namespace memgpt
