// SPDX-License-Identifier: Apache-2.0
#include "plugin/report/drawing.hpp"
#include "sim/text/escape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace foreline::report {

namespace {

constexpr double width = 960;
constexpr double left = 132;
constexpr double right = 12;
constexpr double top = 18;
constexpr double curve_height = 74;
constexpr double row_height = 22;
constexpr double axis_height = 20;
constexpr double label_from = 30;  ///< Narrower bars carry no label.

struct Span {
  double from_s = 0;
  double until_s = 0;
};

double x_of(double at_s, const Span& span) {
  const double share = (at_s - span.from_s) / std::max(span.until_s - span.from_s, 1.0);
  return left + (width - left - right) * std::clamp(share, 0.0, 1.0);
}

std::string time_axis(const Span& span, double y) {
  const double length_s = span.until_s - span.from_s;
  // At most some sixteen words.
  const double step_s = length_s > 16 * 3600  ? 3600 * std::ceil(length_s / (16 * 3600))
                        : length_s > 6 * 3600 ? 3600
                                              : 1800;
  std::string out;
  for (double at_s = step_s * std::ceil(span.from_s / step_s); at_s <= span.until_s; at_s += step_s)
    out += fmt::format("<text class='tick' x='{:.1f}' y='{:.1f}' text-anchor='middle'>{}</text>",
                       x_of(at_s, span), y + 14, hours(at_s));
  return out;
}

std::string marks_of(const std::vector<Mark>& marks, const Span& span, double bottom) {
  std::string out;
  for (const auto& mark : marks) {
    const double x = x_of(mark.at_s, span);
    // What follows an alarm is close to it: the alarm's word stands to the left of its line.
    const bool before = mark.style == "alarm";
    out += fmt::format(
        "<line class='mark {0}' x1='{1:.1f}' x2='{1:.1f}' y1='{2:.1f}' y2='{3:.1f}'/>"
        "<text class='mark {0}' x='{4:.1f}' y='{5:.1f}' text-anchor='{6}'>{7}</text>",
        mark.style, x, top - 2, bottom, before ? x - 3 : x + 3, top - 5, before ? "end" : "start",
        text::xml_escaped(mark.text));
  }
  return out;
}

std::string open_svg(double height, const std::string& title) {
  return fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {:.0f} {:.0f}' "
      "role='img'><title>{}</title>",
      width, height, text::xml_escaped(title));
}

}  // namespace

std::string hours(double at_s) {
  const auto minutes = static_cast<long>(std::llround(at_s / 60));
  return fmt::format("{}{}:{:02}", minutes < 0 ? "-" : "", std::abs(minutes) / 60,
                     std::abs(minutes) % 60);
}

std::string curve_svg(const Curve& curve, double until_s, double low, double high,
                      const std::vector<Mark>& marks) {
  const Span span{0, until_s};
  if (low == high) {
    low = std::numeric_limits<double>::infinity();
    high = -low;
    for (const auto& [at_s, value] : curve.points) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    if (!(low <= high)) low = high = 0;
    const double room = std::max((high - low) * 0.08, std::abs(high) * 0.01 + 1e-9);
    low -= room;
    high += room;
  }
  const double bottom = top + curve_height;
  const auto y_of = [&](double value) {
    return bottom - curve_height * std::clamp((value - low) / (high - low), 0.0, 1.0);
  };
  auto out = open_svg(bottom + axis_height, curve.name);
  out += fmt::format("<rect class='plot' x='{}' y='{}' width='{}' height='{}'/>", left, top,
                     width - left - right, curve_height);
  out += fmt::format(
      "<text class='name' x='0' y='{:.1f}'>{}</text><text class='tick' x='0' y='{:.1f}'>{}</text>"
      "<text class='tick' x='{:.1f}' y='{:.1f}' text-anchor='end'>{:.3g}</text>"
      "<text class='tick' x='{:.1f}' y='{:.1f}' text-anchor='end'>{:.3g}</text>",
      top + 24, text::xml_escaped(curve.name), top + 40, text::xml_escaped(curve.unit), left - 4,
      top + 9, high, left - 4, bottom, low);
  std::string path;
  bool pen = false;
  for (const auto& [at_s, value] : curve.points) {
    if (!std::isfinite(value)) {
      pen = false;
      continue;
    }
    path += fmt::format("{}{:.1f} {:.1f}", pen ? "L" : "M", x_of(at_s, span), y_of(value));
    pen = true;
  }
  out += fmt::format("<path class='curve' d='{}'/>", path);
  out += marks_of(marks, span, bottom) + time_axis(span, bottom);
  return out + "</svg>\n";
}

std::string gantt_svg(const std::vector<std::string>& rows, const std::vector<Bar>& bars,
                      double until_s, const std::vector<Mark>& marks, double from_s) {
  const Span span{from_s, until_s};
  const double bottom = top + row_height * static_cast<double>(rows.size());
  auto out = open_svg(bottom + axis_height, "Gantt chart");
  for (std::size_t r = 0; r < rows.size(); ++r)
    out +=
        fmt::format("<text class='name' x='0' y='{:.1f}'>{}</text>",
                    top + row_height * (static_cast<double>(r) + 0.7), text::xml_escaped(rows[r]));
  std::vector<std::string> labels;
  for (const auto& bar : bars) {
    const auto row = std::find(rows.begin(), rows.end(), bar.row);
    if (row == rows.end()) continue;
    auto label = std::find(labels.begin(), labels.end(), bar.label);
    if (label == labels.end()) label = labels.insert(labels.end(), bar.label);
    const double y = top + row_height * static_cast<double>(row - rows.begin()) + 2;
    const double x = x_of(bar.from_s, span);
    const double length = std::max(bar.what == "due" ? 2 : 0.6, x_of(bar.until_s, span) - x);
    out += fmt::format(
        "<rect class='{} shade{}' x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{}'>"
        "<title>{} {} {} {} to {}</title></rect>",
        bar.what, (label - labels.begin()) % 2, x, y, length, row_height - 4,
        text::xml_escaped(bar.row), bar.what, text::xml_escaped(bar.label), hours(bar.from_s),
        hours(bar.until_s));
    if (bar.what == "work" && length > label_from)
      out += fmt::format("<text class='onbar' x='{:.1f}' y='{:.1f}'>{}</text>", x + 3, y + 13,
                         text::xml_escaped(bar.label));
  }
  out += marks_of(marks, span, bottom) + time_axis(span, bottom);
  return out + "</svg>\n";
}

std::string as_file(std::string svg) {
  const auto title = svg.find("</title>") + 8;
  return svg.insert(title,
                    fmt::format("<style>svg{{font-family:system-ui,'DejaVu Sans',sans-serif}}{}"
                                "</style>",
                                drawing_style));
}

}  // namespace foreline::report
