// SPDX-License-Identifier: Apache-2.0
// How far a forecaster was fooled on a day whose truth is known. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/line/alarm.hpp"
#include "sim/line/trial.hpp"

namespace foreline::verdict {

/// What the forecasts of one day got wrong.
struct Fooling {
  std::size_t missed = 0;        ///< Faults that showed themselves long enough and got no alarm.
  std::size_t false_alarms = 0;  ///< Forecast alarms on a machine without that fault.
  double shown_s = 0;            ///< How long the missed faults had shown themselves, in all.

  /// What a search maximises: a missed fault and a false alarm count 1 each, and a fault that was
  /// missed for longer counts up to 1 more. `horizon_s` > 0.
  [[nodiscard]] double score(double horizon_s) const {
    return static_cast<double>(missed + false_alarms) + shown_s / horizon_s;
  }
};

/// A fault is missed when it stopped its machine at least `least_s` after its onset, is of a kind
/// that is forecast, and no alarm of that machine and kind was raised in between or still stood
/// from a fault before. An alarm is false when no fault of its machine and kind had begun and was
/// unrepaired as it was raised.
[[nodiscard]] Fooling fooling_of(const line::Outcome& outcome,
                                 const std::vector<line::AlarmEvent>& alarms, double least_s);

}  // namespace foreline::verdict
