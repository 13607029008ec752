// SPDX-License-Identifier: Apache-2.0
#include "inference/gpt2/training_kernels.hpp"

#include <string_view>

#include "inference/gpt2/products.hpp"

namespace foreline::gpt2 {

namespace isa_portable {
const TrainingKernels& kernels();
}
#if defined(FORELINE_X86_KERNELS)
namespace isa_avx2 {
const TrainingKernels& kernels();
}
namespace isa_avx512 {
const TrainingKernels& kernels();
}
#endif

const TrainingKernels& training_kernels(const char* isa) {
  const std::string_view wanted = isa;
#if defined(FORELINE_X86_KERNELS)
  const Isa allowed = wanted == "portable" ? Isa::any : isa_allowed();
  if (allowed >= Isa::avx512 && wanted != "avx2") return isa_avx512::kernels();
  if (allowed >= Isa::avx2) return isa_avx2::kernels();
#endif
  return isa_portable::kernels();
}

}  // namespace foreline::gpt2
