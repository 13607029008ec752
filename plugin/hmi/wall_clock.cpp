// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/wall_clock.hpp"

#include <cmath>

namespace foreline::hmi {

void WallClock::take(double line_s, std::int64_t read_ms) {
  const Reading now{line_s, read_ms};
  if (anchor_ && read_ms == last_.read_ms) return;
  const auto zero_ms = read_ms - static_cast<std::int64_t>(std::llround(1000 * line_s));
  if (std::abs(zero_ms - zero_ms_) > 1000) zero_ms_ = zero_ms;
  if (!anchor_) {
    anchor_ = last_ = now;
    return;
  }
  last_ = now;
  const double passed_s = now.since_s(*anchor_);
  const double gone_s = line_s - anchor_->line_s;
  if (passed_s >= 0 && std::abs(gone_s - passed_s) <= apart_s + drift * passed_s) return;
  // A clock that is set once is wrong once; one that is never right again soon runs faster.
  rehearsed_ = rehearsed_ || (gone_s > passed_s && passed_s >= 0 && passed_s < settles_in_s_);
  settles_in_s_ = settles_again_s;
  anchor_ = now;
}

std::optional<std::int64_t> WallClock::zero_ms() const {
  if (rehearsed_ || !anchor_ || last_.since_s(*anchor_) < settles_in_s_) return std::nullopt;
  return zero_ms_;
}

}  // namespace foreline::hmi
