// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "sim/plan/planner.hpp"

namespace foreline::plan {

using namespace line;

namespace {

constexpr double windows = 16;
constexpr double window_least_s = 600;

/// Parts that have left the line by the end of each window: those of an order leave evenly while
/// the last machines work on it.
std::vector<double> leaving(const Request& request, const Outcome& outcome, double window_s,
                            std::size_t count) {
  const auto takers = request.line->takers();
  std::vector<double> work_s(request.orders->size(), 0);
  const auto counts = [&](const Occupation& bar) {
    return bar.what == Occupation::What::work &&
           takers[request.line->buffer_of(bar.machine.index)] == 0;
  };
  for (const auto& bar : outcome.gantt)
    if (counts(bar)) work_s[bar.order.index] += bar.until_s - bar.from_s;
  std::vector<double> parts(count, 0);
  for (const auto& bar : outcome.gantt) {
    if (!counts(bar) || work_s[bar.order.index] <= 0) continue;
    const double a_second = outcome.orders[bar.order.index].good / work_s[bar.order.index];
    for (std::size_t w = 0; w < count; ++w) {
      const double until_s = request.now.at_s + window_s * static_cast<double>(w + 1);
      parts[w] += a_second * std::clamp(until_s - bar.from_s, 0.0, bar.until_s - bar.from_s);
    }
  }
  return parts;
}

}  // namespace

Band band_of(const Request& request, const std::vector<Outcome>& futures) {
  Band band;
  band.window_s = std::max(window_least_s, request.horizon_s / windows);
  const auto count = static_cast<std::size_t>(request.horizon_s / band.window_s);
  std::vector<std::vector<double>> all;
  for (const auto& future : futures)
    if (future.valid()) all.push_back(leaving(request, future, band.window_s, count));
  for (std::size_t w = 0; w < count && !all.empty(); ++w) {
    std::vector<double> values;
    for (const auto& parts : all) values.push_back(parts[w]);
    std::sort(values.begin(), values.end());
    const auto last = static_cast<double>(values.size() - 1);
    // One part either way: it is not known exactly when within its work a part leaves.
    band.low.push_back(values[static_cast<std::size_t>(0.025 * last)] - 1);
    band.high.push_back(values[static_cast<std::size_t>(std::ceil(0.975 * last))] + 1);
  }
  return band;
}

}  // namespace foreline::plan
