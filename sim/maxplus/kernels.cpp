// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "sim/maxplus/board.hpp"

namespace foreline::maxplus {

// Defined in kernels_portable.cpp and kernels_avx2.cpp: one source, two instruction sets.
namespace portable {
Kernels kernels();
}
#ifdef FORELINE_MAXPLUS_AVX2
namespace avx2 {
Kernels kernels();
}
#endif

Kernels kernels(const char* force) {
  const std::string_view wanted = force == nullptr ? "" : force;
#ifdef FORELINE_MAXPLUS_AVX2
  if (wanted != "portable" && __builtin_cpu_supports("avx2") != 0) return avx2::kernels();
#endif
  if (wanted == "avx2") return {};
  return portable::kernels();
}

}  // namespace foreline::maxplus
