// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>

#include "sim/search/insertion.hpp"

namespace foreline::search::portable {
#include "sim/search/insertion_kernels.inc"
}  // namespace foreline::search::portable
