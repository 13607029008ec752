// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/pace.hpp"

#include <algorithm>
#include <chrono>

namespace foreline::hmi {

double steady_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void Pace::take(const std::string& what, std::size_t done, std::size_t all, double now_s) {
  if (what == what_ && done == done_ && all == all_) return;
  if (what != what_ || done < done_) {
    what_ = what;
    first_ = done;
    first_s_ = now_s;
  }
  done_ = done;
  all_ = all;
  last_s_ = now_s;
}

std::optional<double> Pace::left_s(double now_s) const {
  if (done_ <= first_ || all_ < done_ || last_s_ - first_s_ < 1) return std::nullopt;
  const double one_s = (last_s_ - first_s_) / static_cast<double>(done_ - first_);
  return std::max(0.0, one_s * static_cast<double>(all_ - done_) - (now_s - last_s_));
}

}  // namespace foreline::hmi
