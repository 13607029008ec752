// SPDX-License-Identifier: Apache-2.0
// Drawings of the report: curves over time and Gantt charts, as SVG text.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace foreline::report {

/// Line time as "1:24".
[[nodiscard]] std::string hours(double at_s);

/// A vertical line with a word on it.
struct Mark {
  double at_s = 0;
  std::string text;
  std::string style;  ///< CSS class: "alarm", "deploy", "fault".
};

struct Curve {
  std::string name;
  std::string unit;
  std::vector<std::pair<double, double>> points;  ///< (s, value); NaN breaks the line.
};

/// One curve with its axis. `low`, `high` bound the values; equal: taken from the points.
[[nodiscard]] std::string curve_svg(const Curve& curve, double until_s, double low, double high,
                                    const std::vector<Mark>& marks);

struct Bar {
  std::string row;
  std::string what;   ///< CSS class: "work", "changeover", "service", "repair", "waiting".
  std::string label;  ///< Shown on work bars that are wide enough; also picks their shade.
  double from_s = 0;
  double until_s = 0;
};

/// Rows in the given order.
[[nodiscard]] std::string gantt_svg(const std::vector<std::string>& rows,
                                    const std::vector<Bar>& bars, double until_s,
                                    const std::vector<Mark>& marks);

}  // namespace foreline::report
