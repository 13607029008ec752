// SPDX-License-Identifier: Apache-2.0
// What sensors showed over time, as small plots side by side, with the truth behind them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace foreline::drawing {

/// One plot: a value each `step_s`; NaN is a gap.
struct Curve {
  std::string name;
  std::string unit;  ///< May be empty.
  std::vector<double> values;
};

/// Plots that share their time.
struct Course {
  std::string title;
  double step_s = 60;
  std::vector<Curve> curves;
  std::vector<double> damage;  ///< 0 .. 1, the grey area behind each plot; empty: none.
};

/// A page of its own (SVG 1.1), three plots a row, readable in light and dark, without fonts or
/// scripts from elsewhere. The time axis is in hours.
[[nodiscard]] std::string as_svg(const Course& course);

}  // namespace foreline::drawing
