// Dot products of whole numbers, by whichever instructions the processor has: the sums are exact,
// and so the same on all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace memgpt {

struct VectorKernels {
  const char* name = "";
  // One a row of `width` codes; no sum may leave what an int32 holds.
  void (*scan)(const std::int8_t* rows, const std::int16_t* query, std::size_t width,
               std::size_t count, std::int32_t* sums) = nullptr;
  std::int32_t (*dot)(const std::int8_t* row, const std::int16_t* query,
                      std::size_t width) = nullptr;
};

// Those that this processor runs, the fastest first.
[[nodiscard]] std::vector<VectorKernels> all_kernels();
// The fastest.
[[nodiscard]] const VectorKernels& vector_kernels();

}  // namespace memgpt
