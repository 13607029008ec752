// SPDX-License-Identifier: Apache-2.0
// What the model must beat: a signal threshold, a CUSUM chart, an age-only hazard.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "inference/train/examples.hpp"

namespace foreline::inference {

/// The farthest that a signal's 5-minute mean is from its baseline, either way, in healthy units; 0
/// when none is known.
[[nodiscard]] float deviation_score(const Window& window);

/// A two-sided CUSUM chart of each signal's newest minute (Page 1954): what departs from the
/// baseline by more than the allowance adds up. Starts anew when the machine is renewed.
class Cusum {
 public:
  static constexpr float allowance = 3;  ///< Healthy units.
  /// The highest sum over signals and sides after one more window of the same machine.
  float add(const Window& window);

 private:
  float operating_h_ = 0;
  std::vector<std::array<float, 2>> sums_;  // by signal: above, below
};

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
