// SPDX-License-Identifier: Apache-2.0
#include "sim/search/budget.hpp"

#include <ctime>

namespace foreline::search {

double thread_cpu_s() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace foreline::search
