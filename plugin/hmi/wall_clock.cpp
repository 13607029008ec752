// SPDX-License-Identifier: Apache-2.0
#include "plugin/hmi/wall_clock.hpp"

#include <algorithm>
#include <cmath>

namespace foreline::hmi {

double WallClock::Reading::ahead_s(const Reading& before) const {
  return line_s - before.line_s - since_s(before);
}

bool WallClock::Reading::agrees(const Reading& before) const {
  const double passed_s = since_s(before);
  return passed_s >= 0 && std::abs(ahead_s(before)) <= apart_s + drift * passed_s;
}

void WallClock::begin(const Reading& anchor, const Reading& now) {
  anchor_ = anchor;
  last_ = now;
  doubt_.reset();
  doubts_ = 0;
  zero_ms_ = now.zero_ms();
}

void WallClock::take(double line_s, std::int64_t read_ms) {
  const Reading now{line_s, read_ms};
  if (!anchor_) return begin(now, now);
  if (read_ms == last_.read_ms) return;
  if (now.agrees(*anchor_)) {
    last_ = now;
    doubt_.reset();
    doubts_ = 0;
    if (std::abs(now.zero_ms() - zero_ms_) > 1000) zero_ms_ = now.zero_ms();
    return;
  }
  if (now.ahead_s(*anchor_) > 0) {
    // No reading comes too soon: the clock was set, or those before came late. One that is never
    // right again soon runs faster.
    ahead_ = last_.since_s(*anchor_) >= settles_in_s_ ? 1 : ahead_ + 1;
    settles_in_s_ = ahead_ < rehearsed_from ? settles_again_s : settles_rehearsed_s;
    return begin(now, now);
  }
  // It came late, or the clock was set back: then others agree with it.
  ++doubts_;
  if (!doubt_ || !now.agrees(*doubt_)) {
    doubt_ = now;
  } else if (now.since_s(*doubt_) >= settles_again_s) {
    settles_in_s_ = std::max(settles_in_s_, settles_again_s);
    begin(*doubt_, now);
  }
}

std::optional<std::int64_t> WallClock::zero_ms() const {
  if (!anchor_ || doubts_ > late_most || last_.since_s(*anchor_) < settles_in_s_)
    return std::nullopt;
  return zero_ms_;
}

}  // namespace foreline::hmi
