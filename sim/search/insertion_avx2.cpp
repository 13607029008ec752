// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>

#include "sim/search/insertion.hpp"

namespace foreline::search::avx2 {
#include "sim/search/insertion_kernels.inc"
}  // namespace foreline::search::avx2
