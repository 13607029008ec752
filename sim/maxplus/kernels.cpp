// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "sim/maxplus/board.hpp"

namespace foreline::maxplus {

// Defined in kernels_portable.cpp, kernels_avx2.cpp and kernels_avx512.cpp: one source.
namespace portable {
Kernels kernels();
}
#ifdef FORELINE_MAXPLUS_X86
namespace avx2 {
Kernels kernels();
}
namespace avx512 {
Kernels kernels();
}
#endif

Kernels kernels(const char* force) {
  const std::string_view wanted = force == nullptr ? "" : force;
#ifdef FORELINE_MAXPLUS_X86
  const bool any = wanted.empty();
  if ((any || wanted == "avx512") && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0)
    return avx512::kernels();
  if ((any || wanted == "avx2") && __builtin_cpu_supports("avx2") != 0) return avx2::kernels();
#endif
  if (wanted == "avx2" || wanted == "avx512") return {};
  return portable::kernels();
}

}  // namespace foreline::maxplus
