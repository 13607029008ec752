// SPDX-License-Identifier: Apache-2.0
#include "sim/maxplus/board.hpp"

namespace foreline::maxplus::portable {
namespace {
#include "sim/maxplus/kernels.inc"
}  // namespace
Kernels kernels() {
  return {follow, follow_each, finish, judge};
}
}  // namespace foreline::maxplus::portable
