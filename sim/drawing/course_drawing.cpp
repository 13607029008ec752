// SPDX-License-Identifier: Apache-2.0
#include "sim/drawing/course_drawing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "sim/text/escape.hpp"

namespace foreline::drawing {

namespace {

constexpr std::size_t columns = 3;
constexpr double plot_width = 230;
constexpr double plot_height = 72;
constexpr double cell_width = plot_width + 18;
constexpr double cell_height = plot_height + 44;
constexpr double top = 30;

/// The lowest and highest finite value, apart.
std::pair<double, double> range_of(const std::vector<double>& values) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low > high) return {0, 1};
  const double least = std::max(1e-9, 0.02 * std::abs(high));
  return high - low < least ? std::pair(low - least, high + least) : std::pair(low, high);
}

double x_of(std::size_t i, std::size_t count) {
  return count > 1 ? plot_width * static_cast<double>(i) / static_cast<double>(count - 1) : 0;
}

/// The damage as an area over the bottom of a plot.
std::string area(const std::vector<double>& damage) {
  std::string out = fmt::format("<path class=\"d\" d=\"M0 {}", plot_height);
  double drawn = 0;
  for (std::size_t i = 0; i < damage.size(); ++i) {
    // Only where it bends.
    const bool flat = i > 0 && i + 1 < damage.size() &&
                      std::abs(damage[i + 1] - 2 * damage[i] + damage[i - 1]) < 1e-6;
    if (flat) continue;
    drawn = x_of(i, damage.size());
    out += fmt::format("L{:.1f} {:.1f}", drawn, plot_height * (1 - damage[i]));
  }
  return out + fmt::format("L{:.1f} {}z\"/>", drawn, plot_height);
}

std::string line_of(const std::vector<double>& values, double low, double high) {
  std::string out = "<path class=\"v\" d=\"";
  bool pen_down = false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      pen_down = false;
      continue;
    }
    out += fmt::format("{}{:.1f} {:.1f}", pen_down ? 'L' : 'M', x_of(i, values.size()),
                       plot_height * (1 - (values[i] - low) / (high - low)));
    pen_down = true;
  }
  return out + "\"/>";
}

}  // namespace

std::string as_svg(const Course& course) {
  const auto rows = (course.curves.size() + columns - 1) / columns;
  const double width =
      cell_width * static_cast<double>(std::min(columns, course.curves.size())) + 8;
  const double height = top + cell_height * static_cast<double>(rows);
  auto out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 "
      "0 "
      "{0:.0f} {1:.0f}\" font-family=\"sans-serif\" font-size=\"11\">\n<title>{2}</title>\n"
      "<style>text{{fill:#333}}.v{{fill:none;stroke:#1b6ca8;stroke-width:1}}.d{{fill:#d98c5f;"
      "fill-opacity:.35}}.f{{fill:none;stroke:#999;stroke-width:.6}}@media "
      "(prefers-color-scheme:dark){{text{{fill:#ccc}}.v{{stroke:#6bb8ee}}}}</style>\n"
      "<text x=\"8\" y=\"18\" font-size=\"14\">{2}</text>\n",
      width, height, text::xml_escaped(course.title));
  for (std::size_t c = 0; c < course.curves.size(); ++c) {
    const auto& curve = course.curves[c];
    const auto [low, high] = range_of(curve.values);
    const double last = std::max(1.0, static_cast<double>(curve.values.size())) - 1;
    const double hours = last * course.step_s / 3600;
    out += fmt::format("<g transform=\"translate({:.0f} {:.0f})\">\n",
                       8 + cell_width * static_cast<double>(c % columns),
                       top + 16 + cell_height * static_cast<double>(c / columns));
    out += fmt::format(
        "<text y=\"-4\">{}{}</text><text x=\"{}\" y=\"-4\" text-anchor=\"end\">"
        "{:.4g} to {:.4g}</text>\n",
        text::xml_escaped(curve.name),
        curve.unit.empty() ? "" : ", " + text::xml_escaped(curve.unit), plot_width, low, high);
    if (!course.damage.empty()) out += area(course.damage) + '\n';
    out += fmt::format("<rect class=\"f\" width=\"{}\" height=\"{}\"/>\n", plot_width, plot_height);
    out += line_of(curve.values, low, high) + '\n';
    out += fmt::format(
        "<text y=\"{0}\">0 h</text><text x=\"{1}\" y=\"{0}\" text-anchor=\"end\">"
        "{2:.3g} h</text>\n</g>\n",
        plot_height + 13, plot_width, hours);
  }
  return out + "</svg>\n";
}

}  // namespace foreline::drawing
