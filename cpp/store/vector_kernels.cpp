#include "store/vector_kernels.h"

namespace memgpt {

namespace {

// Written so that compilers turn it into the instructions that the function it is inlined into may
// use.
template <typename Other>
[[gnu::always_inline]] inline std::int32_t sum_of(const std::int8_t* row, const Other* other,
                                                  std::size_t width) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < width; ++i)
    sum += static_cast<std::int32_t>(row[i]) * static_cast<std::int32_t>(other[i]);
  return sum;
}

#define MEMGPT_KERNELS(name, target)                                                             \
  target void name##_scan(const std::int8_t* rows, const std::int16_t* query, std::size_t width, \
                          std::size_t count, std::int32_t* sums) {                               \
    for (std::size_t i = 0; i < count; ++i) sums[i] = sum_of(rows + i * width, query, width);    \
  }                                                                                              \
  target std::int32_t name##_dot(const std::int8_t* row, const std::int16_t* query,              \
                                 std::size_t width) {                                            \
    return sum_of(row, query, width);                                                            \
  }

MEMGPT_KERNELS(plain, )
#ifdef __x86_64__
MEMGPT_KERNELS(avx2, __attribute__((target("avx2"))))
#ifdef __clang__
#define MEMGPT_AVX512 "avx512bw,avx512vl,avx512vnni"
#else
#define MEMGPT_AVX512 "avx512bw,avx512vl,avx512vnni,prefer-vector-width=512"
#endif
MEMGPT_KERNELS(avx512, __attribute__((target(MEMGPT_AVX512))))
#undef MEMGPT_AVX512
#endif
#undef MEMGPT_KERNELS

}  // namespace

std::vector<VectorKernels> all_kernels() {
  std::vector<VectorKernels> all;
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni"))
    all.push_back({"avx512", avx512_scan, avx512_dot});
  if (__builtin_cpu_supports("avx2")) all.push_back({"avx2", avx2_scan, avx2_dot});
#endif
  all.push_back({"plain", plain_scan, plain_dot});
  return all;
}

const VectorKernels& vector_kernels() {
  static const VectorKernels kernels = all_kernels().front();
  return kernels;
}

}  // namespace memgpt
