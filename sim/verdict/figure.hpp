// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string>

namespace foreline::verdict {

/// A measured value as people read it: four significant digits, and all before the point.
[[nodiscard]] inline std::string figure(double value) {
  return std::abs(value) < 1000 ? fmt::format("{:.4g}", value) : fmt::format("{:.0f}", value);
}

}  // namespace foreline::verdict
