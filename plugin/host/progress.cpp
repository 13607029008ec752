// SPDX-License-Identifier: Apache-2.0
#include "plugin/host/progress.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <utility>

namespace foreline::host {

using Clock = std::chrono::steady_clock;

Progress::Progress(std::string what, std::size_t total)
    : what_(std::move(what)), total_(total), begun_(Clock::now()), said_(begun_) {}

void Progress::step() {
  ++done_;
  const auto now = Clock::now();
  const double spent_s = std::chrono::duration<double>(now - begun_).count();
  if (done_ >= total_ || spent_s < 2 || now - said_ < std::chrono::seconds(1)) return;
  said_ = now;
  const double left_s = spent_s / static_cast<double>(done_) * static_cast<double>(total_ - done_);
  fmt::print(stderr, "   {}: {} of {}, {:.0f} s to go\n", what_, done_, total_, std::ceil(left_s));
}

}  // namespace foreline::host
