// SPDX-License-Identifier: Apache-2.0
// What the GPT must beat: a vibration threshold and an age-only hazard.
#pragma once

#include <span>

#include "inference/train/examples.hpp"

namespace foreline::inference {

/// The highest 5-minute vibration of the machine above its baseline, in healthy units; 0 when no
/// vibration is known.
[[nodiscard]] float vibration_score(const Window& window);

/// The Weibull distribution of the operating time from renewal to a fault that gives warning.
/// H(a) = (a / scale)^shape is its cumulative hazard.
class AgeHazard {
 public:
  /// Maximum likelihood with left truncation and right censoring: each example is the view of one
  /// machine from its age on, for an hour at most. Time counts as operating time.
  [[nodiscard]] static AgeHazard fit(std::span<const Example> examples);
  AgeHazard() = default;
  AgeHazard(double shape, double scale_h) : shape_(shape), scale_h_(scale_h) {}
  /// P(fault within `horizon_s` | age).
  [[nodiscard]] float probability(const Window& window, double horizon_s) const;
  [[nodiscard]] double shape() const { return shape_; }
  [[nodiscard]] double scale_h() const { return scale_h_; }

 private:
  double shape_ = 1;
  double scale_h_ = 1e9;
};

}  // namespace foreline::inference
