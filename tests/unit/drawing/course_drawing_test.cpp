// SPDX-License-Identifier: Apache-2.0
#include "sim/drawing/course_drawing.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <string>

using foreline::drawing::as_svg;
using foreline::drawing::Course;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("a curve goes from the bottom at its lowest to the top at its highest value") {
  const auto svg = as_svg({"a & b", 3600, {{"pressure", "bar", {4, 6, 5}}}, {}});
  CHECK(svg.find("<title>a &amp; b</title>") != std::string::npos);
  CHECK(svg.find("4 to 6") != std::string::npos);
  CHECK(svg.find("M0.0 72.0L115.0 0.0L230.0 36.0") != std::string::npos);
  CHECK(svg.find("2 h</text>") != std::string::npos);
  CHECK(count(svg, "class=\"d\"") == 0);
}

TEST_CASE("a value that is missing is a gap, and a level that never moves is no division by zero") {
  const double gap = std::numeric_limits<double>::quiet_NaN();
  const auto svg = as_svg({"", 60, {{"a", "", {1, gap, 2, 2}}, {"b", "", {5, 5, 5}}}, {0, 0.5, 1}});
  CHECK(count(svg, "M0.0 72.0M153.3 0.0L230.0 0.0") == 1);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf") == std::string::npos);
  CHECK(count(svg, "class=\"d\"") == 2);
  CHECK(as_svg({"", 60, {{"none", "", {}}}, {}}).find("nan") == std::string::npos);
}
