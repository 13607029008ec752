// SPDX-License-Identifier: Apache-2.0
#include "sim/line/fault.hpp"

namespace foreline::line {

double KindForecast::probability_within(double horizon_s) const {
  double from_s = 0;
  double below = 0;
  for (std::size_t i = 0; i < within.size(); ++i) {
    const double until_s = forecast_horizons_s[i];
    const double above = within[i];
    if (horizon_s <= until_s)
      return below + (above - below) * (horizon_s - from_s) / (until_s - from_s);
    from_s = until_s;
    below = above;
  }
  return below;
}

double KindForecast::quantile_s(double share) const {
  double from_s = 0;
  double below = 0;
  for (std::size_t i = 0; i < within.size(); ++i) {
    const double above = within[i];
    if (above >= share && above > below)
      return from_s + (forecast_horizons_s[i] - from_s) * (share - below) / (above - below);
    from_s = forecast_horizons_s[i];
    below = above;
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace foreline::line
