// SPDX-License-Identifier: Apache-2.0
// What a handful of replications says of the truth: intervals, and where a warm-up ends. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace foreline::verdict {

/// The value below which a share `share` (in (0, 1)) of Student's t with `freedom` (> 0) degrees of
/// freedom lies. Inverts the regularised incomplete beta function (Abramowitz and Stegun, 26.5.27).
[[nodiscard]] double student_quantile(double share, double freedom);

/// A mean with the half width of its interval.
struct Interval {
  double mean = 0;
  double half_width = 0;  ///< Infinite with fewer than two values.
  std::size_t count = 0;

  [[nodiscard]] double low() const { return mean - half_width; }
  [[nodiscard]] double high() const { return mean + half_width; }
  [[nodiscard]] bool holds(double value) const { return value >= low() && value <= high(); }
};

/// The mean of independent replications with its Student interval at `confidence` (0.95, 0.99).
[[nodiscard]] Interval interval_of(std::span<const double> values, double confidence);

/// The same, sharpened by quantities of the same replications whose expectation is known to be 0:
/// controls[i] holds those of replication i. Linear control variates (Lavenberg and Welch 1981).
/// More replications than controls + 2 are needed; otherwise the controls are left out.
[[nodiscard]] Interval controlled_interval(std::span<const double> values,
                                           std::span<const std::vector<double>> controls,
                                           double confidence);

/// How many values of a series to cut off as its warm-up: MSER over batch means of `batch` values
/// (White 1997, MSER-5), looked for in the first half. 0 for a series shorter than four batches.
[[nodiscard]] std::size_t warm_up_of(std::span<const double> series, std::size_t batch = 5);

/// Wilson's score interval of a share, for `held` of `count` at `confidence`.
/// {low, high}; {0, 1} when count is 0.
struct Share {
  double low = 0;
  double high = 1;
};
[[nodiscard]] Share wilson_interval(std::size_t held, std::size_t count, double confidence);

}  // namespace foreline::verdict
