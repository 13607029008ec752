// SPDX-License-Identifier: Apache-2.0
// Drawings of the report: curves over time and Gantt charts, as SVG text.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace foreline::report {

/// How drawings look: CSS for their classes.
inline constexpr const char* drawing_style = R"(
.plot{fill:#f4f6f8;stroke:#cfd6dc;stroke-width:.5}
.curve{fill:none;stroke:#2b5d8c;stroke-width:1.3}
.tick{font-size:10px;fill:#5b6670}.name{font-size:11px;fill:#1d242b}
line.mark{stroke-width:1.2;stroke-dasharray:4 2}text.mark{font-size:10px}
line.alarm{stroke:#b3541e}text.alarm{fill:#b3541e}line.deploy{stroke:#2e7d4f}text.deploy{fill:#2e7d4f}
line.fault{stroke:#9b1c31}text.fault{fill:#9b1c31}
.work{fill:#b9cbdb}.work.shade1{fill:#93adc4}.changeover{fill:#e3e0d4}.service{fill:#2e7d4f}.repair{fill:#9b1c31}.waiting{fill:#e0a3ae}
.onbar{font-size:10px;fill:#1d242b}
.spread{fill:#dfe8f0}.due{fill:#9b1c31}
line.now{stroke:#1d242b}text.now{fill:#1d242b}line.freeze{stroke:#2b5d8c}text.freeze{fill:#2b5d8c}
)";

/// Line time as "1:24".
[[nodiscard]] std::string hours(double at_s);

/// A vertical line with a word on it.
struct Mark {
  double at_s = 0;
  std::string text;
  std::string style;  ///< CSS class: "alarm", "deploy", "fault", "now", "freeze".
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
  /// CSS class: "work", "changeover", "service", "repair", "waiting", "spread" (when something may
  /// begin and end; give it before what lies upon it), "due".
  std::string what;
  std::string label;  ///< Shown on work bars that are wide enough; also picks their shade.
  double from_s = 0;
  double until_s = 0;
};

/// Rows in the given order; time from `from_s` on.
[[nodiscard]] std::string gantt_svg(const std::vector<std::string>& rows,
                                    const std::vector<Bar>& bars, double until_s,
                                    const std::vector<Mark>& marks, double from_s = 0);

/// A drawing as a file of its own, with its style in it.
[[nodiscard]] std::string as_file(std::string svg);

}  // namespace foreline::report
